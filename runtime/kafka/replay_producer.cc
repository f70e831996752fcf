#include "runtime/kafka/replay_producer.h"

#include <fmt/format.h>

#include <utility>

#include "runtime/kafka/client.h"
#include "runtime/kafka/dead_letter.h"

namespace moult::kafka {
namespace {

constexpr int kTransactionMs = 30'000;  // for each step; a transaction itself may last 15 s
constexpr int kRoomMs = 5'000;

using GroupMetadata = std::unique_ptr<
    rd_kafka_consumer_group_metadata_t,
    Releaser<rd_kafka_consumer_group_metadata_t, rd_kafka_consumer_group_metadata_destroy>>;

}  // namespace

Result<std::unique_ptr<ReplayProducer>> ReplayProducer::make(const DeadLetterSource& source) {
  std::unique_ptr<ReplayProducer> producer(new ReplayProducer(source));
  if (const Status made = producer->make_client(); !made) return Unexpected(made.error());
  const Status ready = producer->check(
      rd_kafka_init_transactions(producer->client_.get(), kTransactionMs), "can't begin");
  if (!ready) return Unexpected(ready.error());
  return producer;
}

Status ReplayProducer::make_client() {
  auto conf = transactional_producer_conf(source_.replay_group(), source_.properties);
  if (!conf) return Unexpected(conf.error());
  rd_kafka_conf_set_opaque(conf->get(), this);
  rd_kafka_conf_set_dr_msg_cb(conf->get(), on_delivery);
  rd_kafka_conf_set_error_cb(conf->get(), on_error);
  rd_kafka_conf_set_log_cb(conf->get(), discard_log);
  auto client = kafka::make_client(RD_KAFKA_PRODUCER, std::move(*conf));
  if (!client) return Unexpected(client.error());
  client_ = std::move(*client);
  return Ok{};
}

ReplayProducer::~ReplayProducer() {
  if (open_) abort();
}

Status ReplayProducer::begin() {
  refused_.clear();
  Status begun = check(rd_kafka_begin_transaction(client_.get()), "can't begin");
  open_ = begun.has_value();
  return begun;
}

/// Without the old timestamp: retention would judge the record by it, and might take it at once.
Status ReplayProducer::produce(const rd_kafka_message_t& letter, const std::string& topic,
                               std::int32_t partition) {
  OutgoingRecord record;
  record.topic = topic;
  record.partition = partition;
  record.key = letter.key;
  record.key_size = letter.key_len;
  record.value = letter.payload;
  record.value_size = letter.len;
  record.headers = original_headers(headers_of(letter));
  ErrorHandle error = enqueue(client_.get(), record, nullptr);
  if (error && rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    rd_kafka_flush(client_.get(), kRoomMs);  // a user may have made the queue very small
    error = enqueue(client_.get(), record, nullptr);
  }
  return check(error.release(), fmt::format("can't produce to '{}'", topic).c_str());
}

Status ReplayProducer::commit(const ReplayPositions& positions) {
  if (Status sent = send_offsets(positions); !sent) return sent;
  Status committed = check(rd_kafka_commit_transaction(client_.get(), kTransactionMs),
                           "the last transaction was not committed");
  open_ = !committed.has_value();
  return committed;
}

Status ReplayProducer::send_offsets(const ReplayPositions& positions) {
  const PartitionListHandle list(
      rd_kafka_topic_partition_list_new(static_cast<int>(positions.size())));
  for (const auto& [partition, position] : positions) {
    auto* at = rd_kafka_topic_partition_list_add(list.get(), source_.topic.c_str(), partition);
    at->offset = position.next();
    const std::string metadata = position.metadata();
    if (metadata.empty()) continue;
    at->metadata = std::malloc(metadata.size());  // NOLINT: librdkafka frees it
    at->metadata_size = metadata.size();
    metadata.copy(static_cast<char*>(at->metadata), metadata.size());
  }
  const std::string name = source_.replay_group();
  const GroupMetadata group(rd_kafka_consumer_group_metadata_new(name.c_str()));
  return check(
      rd_kafka_send_offsets_to_transaction(client_.get(), list.get(), group.get(), kTransactionMs),
      fmt::format("can't keep the position in group '{}'", name).c_str());
}

/// Its answer changes nothing: what can't be aborted now the broker aborts after 15 s, or the next
/// replay does.
void ReplayProducer::abort() {
  open_ = false;
  const ErrorHandle ignored(rd_kafka_abort_transaction(client_.get(), kRoomMs));
}

/// Takes the error. Says why a record was refused where that is the reason.
Status ReplayProducer::check(rd_kafka_error_t* error, const char* what) {
  const ErrorHandle owned(error);
  if (!owned) return Ok{};
  const auto code = rd_kafka_error_code(owned.get());
  if (code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH) {
    return failure("another replay of this handler has taken over");
  }
  rd_kafka_poll(client_.get(), 0);
  const std::string& why = refused_.empty() ? last_error_ : refused_;
  return failure(fmt::format("transactional id '{}': {}: {}{}", source_.replay_group(), what,
                             rd_kafka_error_string(owned.get()),
                             why.empty() ? why : fmt::format(" ({})", why)));
}

void ReplayProducer::on_delivery(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  auto& refused = static_cast<ReplayProducer*>(opaque)->refused_;
  if (!refused.empty()) return;
  refused = fmt::format("topic '{}': {}", rd_kafka_topic_name(message->rkt),
                        rd_kafka_message_errstr(message));
}

void ReplayProducer::on_error(rd_kafka_t*, int code, const char* text, void* opaque) {
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;  // the others say why
  static_cast<ReplayProducer*>(opaque)->last_error_ = text;
}

}  // namespace moult::kafka
