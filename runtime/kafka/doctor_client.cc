#include "runtime/kafka/doctor_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "runtime/kafka/client.h"
#include "runtime/kafka/diagnosis.h"
#include "runtime/kafka/errors.h"
#include "runtime/kafka/hints.h"

namespace moult::kafka {
namespace {

// A question is asked again and again, each time for longer: in between, failed connections are
// heard of.
constexpr Milliseconds kFirstSlice{250};
// How long others of several addresses may still come after a connection has failed.
constexpr Milliseconds kGrace{1'000};
constexpr std::size_t kMostComplaints = 32;

bool of_connection(const Complaint& complaint) {
  return connection_failed(complaint.code) && complaint.code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN;
}

/// The one that says most: the first of which more is known than its text, else the last.
std::optional<Complaint> failed_connection(const std::vector<Complaint>& all) {
  std::optional<Complaint> last;
  for (const Complaint& complaint : all) {
    if (!of_connection(complaint)) continue;
    last = complaint;
    if (diagnose(complaint.code, complaint.text) != nullptr) break;
  }
  return last;
}

/// Librdkafka's log lines begin with `[thrd:NAME]: `.
std::string_view without_thread(std::string_view text) {
  constexpr std::string_view kEnd = "]: ";
  const std::size_t end = text.find(kEnd);
  return text.starts_with('[') && end != text.npos ? text.substr(end + kEnd.size()) : text;
}

Told<MetadataHandle> ask_metadata(rd_kafka_t* client, rd_kafka_topic_t* topic, int timeout_ms) {
  const rd_kafka_metadata_t* answer = nullptr;
  const auto code = rd_kafka_metadata(client, topic == nullptr ? 1 : 0, topic, &answer, timeout_ms);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return MetadataHandle(answer);
  return Unexpected(Complaint{code, std::string(error_text(code))});
}

}  // namespace

TimePoint at_most(Duration share, TimePoint until) { return std::min(Clock::now() + share, until); }

int ms_until(TimePoint until) {
  return static_cast<int>(std::clamp<std::int64_t>(to_ms(until - Clock::now()), 1, 3'600'000));
}

Told<std::unique_ptr<DoctorClient>> DoctorClient::make(const std::string& group,
                                                       const Properties& properties,
                                                       Milliseconds connecting) {
  Properties own = properties;
  own["allow.auto.create.topics"] = "false";
  own["socket.connection.setup.timeout.ms"] =
      std::to_string(std::max<std::int64_t>(connecting.count(), 1'000));  // librdkafka's least
  own["log.connection.close"] = "true";
  own["log_level"] = "6";
  own.erase("debug");
  auto conf = browsing_conf(group, own);
  if (!conf) return Unexpected(Complaint{0, conf.error().message});
  std::unique_ptr<DoctorClient> made(new DoctorClient);
  rd_kafka_conf_set_opaque(conf->get(), made.get());
  rd_kafka_conf_set_error_cb(conf->get(), on_error);
  rd_kafka_conf_set_log_cb(conf->get(), on_log);
  auto client = make_client(RD_KAFKA_CONSUMER, std::move(*conf));
  if (!client) return Unexpected(Complaint{0, client.error().message});
  made->client_ = std::move(*client);
  rd_kafka_poll_set_consumer(made->client_.get());
  made->queue_.reset(rd_kafka_queue_new(made->client_.get()));
  return made;
}

void DoctorClient::keep(int code, std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (complaints_.size() < kMostComplaints) complaints_.push_back({code, std::string(text)});
}

void DoctorClient::on_error(rd_kafka_t*, int code, const char* text, void* opaque) {
  static_cast<DoctorClient*>(opaque)->keep(code, text);
}

/// A broker that closes the connection is told of in the log alone, as is a wrong list of brokers.
void DoctorClient::on_log(const rd_kafka_t* client, int, const char* facility, const char* text) {
  if (!tells_of_symptoms(facility)) return;
  const bool of_list = std::string_view(facility) == "BROKER";
  static_cast<DoctorClient*>(rd_kafka_opaque(client))
      ->keep(of_list ? RD_KAFKA_RESP_ERR__INVALID_ARG : RD_KAFKA_RESP_ERR__TRANSPORT,
             without_thread(text));
}

std::vector<Complaint> DoctorClient::complaints() {
  const MessageHandle nothing(rd_kafka_consumer_poll(client_.get(), 0));
  const std::lock_guard lock(mutex_);
  return complaints_;
}

EventHandle DoctorClient::answer(TimePoint until) {
  EventHandle event(rd_kafka_queue_poll(queue_.get(), ms_until(until)));
  complaints();
  return event;
}

Told<MetadataHandle> DoctorClient::metadata(const std::string* topic, TimePoint until) {
  const TopicHandle handle(
      topic == nullptr ? nullptr : rd_kafka_topic_new(client_.get(), topic->c_str(), nullptr));
  Duration slice = kFirstSlice;
  for (;; slice *= 2) {
    auto answer = ask_metadata(client_.get(), handle.get(), ms_until(at_most(slice, until)));
    if (answer) return answer;
    const auto failed = failed_connection(complaints());
    if (failed) until = at_most(kGrace, until);
    if (Clock::now() < until) continue;
    return failed ? Told<MetadataHandle>(Unexpected(*failed)) : std::move(answer);
  }
}

}  // namespace moult::kafka
