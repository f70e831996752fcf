#include "tests/support/producer.h"

#include <fmt/format.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace moult::testing {
namespace {

constexpr int kAnswerMs = 30'000;
constexpr int kPauseMs = 20;
constexpr int kMostUnknown = 500;

void check(rd_kafka_error_t* error) {
  const kafka::ErrorHandle owned(error);
  if (owned) throw std::runtime_error(rd_kafka_error_string(owned.get()));
}

rd_kafka_headers_t* headers_of(const NewRecord& record) {
  if (record.headers.empty()) return nullptr;
  rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size());
  for (const auto& [name, value] : record.headers) {
    rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()),
                        value ? value->data() : nullptr,
                        value ? static_cast<ssize_t>(value->size()) : 0);
  }
  return headers;
}

std::string value_of(const NewRecord& record, std::int64_t sequence) {
  if (record.value) return *record.value;
  std::string value = fmt::format(R"({{"seq":{},"pad":"")", sequence);
  constexpr std::string_view kEnd = R"("})";
  if (record.size > value.size() + kEnd.size()) {
    value.append(record.size - value.size() - kEnd.size(), 'x');
  }
  return value.append(kEnd);
}

}  // namespace

Producer::Producer(const std::string& bootstrap, const Properties& properties) {
  Properties all = properties;
  all.merge(Properties{{"enable.idempotence", "true"}, {"linger.ms", "2"}});
  auto conf = client_conf(bootstrap, all);
  rd_kafka_conf_set_opaque(conf.get(), this);
  rd_kafka_conf_set_dr_msg_cb(conf.get(), delivery_callback);
  client_ = require_client(RD_KAFKA_PRODUCER, std::move(conf));
  if (all.contains("transactional.id")) check(rd_kafka_init_transactions(client_.get(), kAnswerMs));
}

Producer::~Producer() {
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.get(), kAnswerMs);
}

std::int64_t Producer::send(const NewRecord& record) {
  const std::int64_t sequence = next_++;
  const std::string value = value_of(record, sequence);
  rd_kafka_headers_t* headers = headers_of(record);
  while (!queue(record, value, sequence, headers)) rd_kafka_poll(client_.get(), kPauseMs);
  rd_kafka_poll(client_.get(), 0);
  return sequence;
}

/// False when it can't be sent yet. librdkafka copies key and value, and takes the headers.
bool Producer::queue(const NewRecord& record, const std::string& value, std::int64_t sequence,
                     rd_kafka_headers_t* headers) {
  std::array<rd_kafka_vu_t, 7> fields{};
  fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  fields[0].u.cstr = record.topic.c_str();
  fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  fields[1].u.i32 = record.partition;
  fields[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  fields[2].u.i = RD_KAFKA_MSG_F_COPY;
  // Null pointers say no key, and a tombstone.
  fields[3].vtype = RD_KAFKA_VTYPE_KEY;
  if (record.key) fields[3].u.mem = {const_cast<char*>(record.key->data()), record.key->size()};
  fields[4].vtype = RD_KAFKA_VTYPE_VALUE;
  if (!record.tombstone) fields[4].u.mem = {const_cast<char*>(value.data()), value.size()};
  fields[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
  fields[5].u.ptr = reinterpret_cast<void*>(sequence);  // a number in a pointer's place
  fields[6].vtype = RD_KAFKA_VTYPE_HEADERS;
  fields[6].u.headers = headers;
  const std::size_t used = headers == nullptr ? fields.size() - 1 : fields.size();
  const kafka::ErrorHandle error(rd_kafka_produceva(client_.get(), fields.data(), used));
  if (!error) return true;
  if (passes(rd_kafka_error_code(error.get()), record.topic)) return false;
  if (headers != nullptr) rd_kafka_headers_destroy(headers);
  throw std::runtime_error(rd_kafka_error_string(error.get()));
}

/// Whether trying again helps: the queue is full, or the partition is too new to be known here.
bool Producer::passes(rd_kafka_resp_err_t code, const std::string& topic) {
  if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return true;
  if (code != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION || ++unknown_ > kMostUnknown) return false;
  const kafka::TopicHandle handle(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(client_.get(), 0, handle.get(), &metadata, kAnswerMs) ==
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_metadata_destroy(metadata);
  }
  return true;
}

void Producer::send_sequence(const std::string& topic, int partitions, int count,
                             std::size_t size) {
  for (int i = 0; i < count; ++i) {
    send({.topic = topic, .partition = i % partitions, .size = size});
  }
  flush();
}

/// However much is queued: only a time without any answer is too long.
void Producer::flush(Duration silence) {
  const int wait_ms = static_cast<int>(to_ms(silence));
  int left = rd_kafka_outq_len(client_.get());
  for (;;) {
    const auto code = rd_kafka_flush(client_.get(), wait_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    const int before = std::exchange(left, rd_kafka_outq_len(client_.get()));
    if (code != RD_KAFKA_RESP_ERR__TIMED_OUT || left >= before) {
      throw std::runtime_error(rd_kafka_err2str(code));
    }
  }
  if (!refused_.empty()) throw std::runtime_error("a record was refused: " + refused_);
}

void Producer::begin() {
  check(rd_kafka_begin_transaction(client_.get()));
  in_transaction_ = true;
}

void Producer::commit() {
  flush();
  check(rd_kafka_commit_transaction(client_.get(), kAnswerMs));
  in_transaction_ = false;
  produced_.merge(uncommitted_);
}

void Producer::abort() {
  flush();
  check(rd_kafka_abort_transaction(client_.get(), kAnswerMs));
  in_transaction_ = false;
  uncommitted_.clear();
}

/// Called by poll() and flush(), on their thread.
void Producer::delivery_callback(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  static_cast<Producer*>(opaque)->acknowledged(*message);
}

void Producer::acknowledged(const rd_kafka_message_t& message) {
  if (message.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    refused_ = rd_kafka_err2str(message.err);
    return;
  }
  const auto sequence = reinterpret_cast<std::int64_t>(message._private);
  ++acknowledged_;
  auto& into = in_transaction_ ? uncommitted_ : produced_;
  into.emplace(RecordId{{rd_kafka_topic_name(message.rkt), message.partition}, message.offset},
               sequence);
}

}  // namespace moult::testing
