#include "runtime/kafka/producer.h"

#include <pthread.h>

#include <array>
#include <mutex>
#include <tuple>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/kafka/client.h"
#include "runtime/kafka/errors.h"

namespace moult::kafka {
namespace {

constexpr int kPollMs = 100;
constexpr int kLastFlushMs = 2'000;

Result<ClientHandle> make_producing_client(const Properties& properties, void* opaque,
                                           void (*on_delivery)(rd_kafka_t*,
                                                               const rd_kafka_message_t*, void*),
                                           void (*on_error)(rd_kafka_t*, int, const char*, void*),
                                           void (*on_log)(const rd_kafka_t*, int, const char*,
                                                          const char*)) {
  auto conf = producer_conf(properties);
  if (!conf) return Unexpected(conf.error());
  rd_kafka_conf_set_opaque(conf->get(), opaque);
  rd_kafka_conf_set_dr_msg_cb(conf->get(), on_delivery);
  rd_kafka_conf_set_error_cb(conf->get(), on_error);
  rd_kafka_conf_set_log_cb(conf->get(), on_log);
  return make_client(RD_KAFKA_PRODUCER, std::move(*conf));
}

}  // namespace

bool is_queue_full(const DeliveryFailure& failure) {
  return failure.code == RD_KAFKA_RESP_ERR__QUEUE_FULL;
}

bool is_too_large(const DeliveryFailure& failure) {
  return failure.code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
}

Result<std::unique_ptr<Producer>> Producer::make(const Properties& user, Logger log) {
  std::unique_ptr<Producer> producer(new Producer(user, log.for_component(Component::kKafka)));
  if (const Status opened = producer->open(); !opened) return Unexpected(opened.error());
  producer->thread_ = std::thread([raw = producer.get()] { raw->serve(); });
  return producer;
}

Status Producer::open() {
  auto client = make_producing_client(properties_, this, on_delivery, on_error, on_log);
  if (!client) return failure("producer: " + client.error().message);
  client_ = std::move(*client);
  return Ok{};
}

Producer::~Producer() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
  if (!client_) return;
  rd_kafka_flush(client_.get(), kLastFlushMs);
  // What is left is answered as purged, so that nobody waits for it.
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_poll(client_.get(), 0);
}

std::optional<DeliveryFailure> Producer::produce(OutgoingRecord record, Answer answer) {
  const std::shared_lock lock(client_mutex_);
  auto owned = std::make_unique<Answer>(std::move(answer));
  const ErrorHandle error = enqueue(client_.get(), record, owned.get());
  if (error) {
    hint_at(rd_kafka_error_code(error.get()));
    return DeliveryFailure{rd_kafka_error_code(error.get()), rd_kafka_error_string(error.get())};
  }
  std::ignore = owned.release();  // on_delivery() has it
  return std::nullopt;
}

void Producer::serve() noexcept {
  pthread_setname_np(pthread_self(), "moult-producer");
  while (!ending_) {
    rd_kafka_poll(client_.get(), kPollMs);
    if (fatal_) replace_if_fatal();
  }
}

/// An idempotent producer that lost its place with the broker can't go on: a new one begins where
/// nothing is under way. What it still had comes back as failed, and is produced again. Until
/// another one can be made, a certificate's file may be gone for a moment, what is produced is
/// refused at once.
void Producer::replace_if_fatal() {
  const std::unique_lock lock(client_mutex_);
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  while (rd_kafka_outq_len(client_.get()) > 0) rd_kafka_poll(client_.get(), kPollMs);
  const Status opened = open();
  if (!opened && !std::exchange(unmade_, true)) {
    log_.error("no other producer can be made: it is tried again",
               {{"error", opened.error().message}});
  }
  if (!opened) return;
  unmade_ = false;
  fatal_ = false;
}

/// What a broker says of the topics that we produce to. The consumer's client meets the same broken
/// connections, and hints at them.
void Producer::hint_at(int code) {
  if (code > RD_KAFKA_RESP_ERR_NO_ERROR) hints_.on_symptom(code, {});
}

void Producer::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  auto* producer = static_cast<Producer*>(opaque);
  const std::unique_ptr<Answer> answer(static_cast<Answer*>(message->_private));
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    producer->hints_.forget();
    return (*answer)(nullptr);
  }
  producer->hint_at(message->err);
  const DeliveryFailure failure{message->err, std::string(error_text(message->err))};
  (*answer)(&failure);
}

void Producer::on_error(rd_kafka_t* client, int code, const char* text, void* opaque) {
  auto* producer = static_cast<Producer*>(opaque);
  if (code == RD_KAFKA_RESP_ERR__FATAL) {
    std::array<char, 512> cause{};
    producer->hint_at(rd_kafka_fatal_error(client, cause.data(), cause.size()));
    producer->log_.error("producer failed, another one takes over", {{"reason", text}});
    producer->fatal_ = true;
    return;
  }
  report_error(producer->log_, code, text, {{"client", "producer"}});
}

void Producer::on_log(const rd_kafka_t* client, int level, const char* facility, const char* text) {
  const auto* producer = static_cast<const Producer*>(rd_kafka_opaque(client));
  const Field fields[] = {{"client", "producer"}, {"facility", facility}};
  producer->log_.for_component(Component::kLibrdkafka)
      .write(severity_of_syslog(level), text, fields);
}

}  // namespace moult::kafka
