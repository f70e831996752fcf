#include "runtime/kafka/dead_letter_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "runtime/kafka/client.h"
#include "runtime/kafka/errors.h"
#include "runtime/kafka/group_offsets.h"

namespace moult::kafka {
namespace {

constexpr int kAnswerMs = 10'000;
constexpr int kReadPollMs = 100;
constexpr std::chrono::seconds kStalled{15};
constexpr std::chrono::milliseconds kCoordinatorPause{200};

/// What an answer to the question about offsets says against it.
rd_kafka_resp_err_t error_of(const EventHandle& event) {
  if (!event) return RD_KAFKA_RESP_ERR__TIMED_OUT;
  const auto code = rd_kafka_event_error(event.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
  const rd_kafka_group_result_t* group = only_group(event);
  if (group == nullptr) return RD_KAFKA_RESP_ERR__BAD_MSG;
  return rd_kafka_error_code(rd_kafka_group_result_error(group));
}

}  // namespace

std::string DeadLetterSource::replay_group() const {
  return fmt::format("{}.dlq-replay.{}", group, handler);
}

Result<std::unique_ptr<DeadLetterReader>> DeadLetterReader::open(const DeadLetterSource& source) {
  std::unique_ptr<DeadLetterReader> reader(new DeadLetterReader(source));
  if (const Status made = reader->make_client(); !made) return Unexpected(made.error());
  if (const Status asked = reader->ask_held(); !asked) return Unexpected(asked.error());
  return reader;
}

Status DeadLetterReader::make_client() {
  auto conf = browsing_conf(source_.replay_group(), source_.properties);
  if (!conf) return Unexpected(conf.error());
  rd_kafka_conf_set_opaque(conf->get(), this);
  rd_kafka_conf_set_error_cb(conf->get(), on_error);
  rd_kafka_conf_set_log_cb(conf->get(), discard_log);
  auto client = kafka::make_client(RD_KAFKA_CONSUMER, std::move(*conf));
  if (!client) return Unexpected(client.error());
  client_ = std::move(*client);
  rd_kafka_poll_set_consumer(client_.get());
  return Ok{};
}

void DeadLetterReader::on_error(rd_kafka_t*, int code, const char* text, void* opaque) {
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;  // the others say why
  static_cast<DeadLetterReader*>(opaque)->last_error_ = text;
}

/// What librdkafka has said of late, to stand behind an error of ours.
std::string DeadLetterReader::last_error() {
  rd_kafka_poll(client_.get(), 0);
  return last_error_.empty() ? std::string() : fmt::format(" ({})", last_error_);
}

Result<std::optional<int>> DeadLetterReader::partition_count(const std::string& topic) {
  const TopicHandle handle(rd_kafka_topic_new(client_.get(), topic.c_str(), nullptr));
  if (!handle) return std::optional<int>();  // no topic can have that name
  const rd_kafka_metadata_t* answer = nullptr;
  const auto code = rd_kafka_metadata(client_.get(), 0, handle.get(), &answer, kAnswerMs);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return failure(fmt::format("no broker answers: {}{}", error_text(code), last_error()));
  }
  const MetadataHandle metadata(answer);
  if (metadata->topic_cnt != 1) return failure(fmt::format("topic '{}': no answer", topic));
  const rd_kafka_metadata_topic& about = metadata->topics[0];
  const bool is_no_name = about.err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION;
  if (is_no_name || classify(about.err) == Disposition::kUnknownTopic) return std::optional<int>();
  if (about.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return failure(fmt::format("topic '{}': {}", topic, error_text(about.err)));
  }
  return std::optional(about.partition_cnt);
}

Status DeadLetterReader::ask_held() {
  const auto count = partition_count(source_.topic);
  if (!count) return Unexpected(Error{"dead letters: " + count.error().message});
  topic_exists_ = count->has_value();
  for (std::int32_t partition = 0; partition < count->value_or(0); ++partition) {
    OffsetRange& range = held_[partition];
    const auto code = rd_kafka_query_watermark_offsets(
        client_.get(), source_.topic.c_str(), partition, &range.begin, &range.end, kAnswerMs);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    return failure(fmt::format("{}[{}]: can't ask for its offsets: {}{}", source_.topic, partition,
                               error_text(code), last_error()));
  }
  return Ok{};
}

// ---- The position of the replay -----------------------------------------------------------------

/// One answer, without an error in it.
Result<EventHandle> DeadLetterReader::ask_positions(Read how) {
  const std::string group = source_.replay_group();
  const QueueHandle queue(rd_kafka_queue_new(client_.get()));
  const AdminOptions options(
      rd_kafka_AdminOptions_new(client_.get(), RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS));
  rd_kafka_AdminOptions_set_request_timeout(options.get(), kAnswerMs, nullptr, 0);
  const ErrorHandle refused(
      rd_kafka_AdminOptions_set_require_stable_offsets(options.get(), how == Read::kStable));
  const ListOffsets request(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), nullptr));
  rd_kafka_ListConsumerGroupOffsets_t* requests[] = {request.get()};
  const TimePoint deadline = Clock::now() + Milliseconds(kAnswerMs);
  for (;;) {
    rd_kafka_ListConsumerGroupOffsets(client_.get(), requests, 1, options.get(), queue.get());
    // The request ends by itself in that time: its answer must not be taken for another's.
    EventHandle event(rd_kafka_queue_poll(queue.get(), 2 * kAnswerMs));
    const auto code = error_of(event);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return event;
    if (!coordinator_comes(code) || Clock::now() > deadline) {
      return failure(fmt::format("group '{}': can't ask for the replay's position: {}{}", group,
                                 error_text(code), last_error()));
    }
    std::this_thread::sleep_for(kCoordinatorPause);
  }
}

Result<ReplayPositions> DeadLetterReader::positions(Read how) {
  const auto answer = ask_positions(how);
  if (!answer) return Unexpected(answer.error());
  ReplayPositions positions;
  for (const auto& [partition, range] : held_) {
    positions.emplace(partition, ReplayPosition(range.begin));
  }
  const auto* list = rd_kafka_group_result_partitions(only_group(*answer));
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& at = list->elems[i];
    const auto held = held_.find(at.partition);
    if (at.offset < 0 || source_.topic != at.topic || held == held_.end()) continue;
    const auto wrong = [&](const std::string& why) {
      return failure(fmt::format("group '{}' at {}[{}]: {}: reset that offset",
                                 source_.replay_group(), at.topic, at.partition, why));
    };
    auto position = ReplayPosition::parse(
        at.offset, std::string_view(static_cast<const char*>(at.metadata), at.metadata_size));
    if (!position) return wrong(position.error().message);
    if (at.offset > held->second.end) {
      return wrong(
          fmt::format("its offset {} is past the end {}, as if the topic had been made anew",
                      at.offset, held->second.end));
    }
    position->finish(0, held->second.begin);  // retention took it
    positions.insert_or_assign(at.partition, std::move(*position));
  }
  return positions;
}

// ---- Reading ------------------------------------------------------------------------------------

Status DeadLetterReader::seek(OffsetRanges ranges) {
  std::erase_if(ranges, [](const auto& range) { return range.second.begin >= range.second.end; });
  const PartitionListHandle list(
      rd_kafka_topic_partition_list_new(static_cast<int>(ranges.size())));
  for (const auto& [partition, range] : ranges) {
    rd_kafka_topic_partition_list_add(list.get(), source_.topic.c_str(), partition)->offset =
        range.begin;
  }
  const auto code = rd_kafka_assign(client_.get(), list.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return failure(fmt::format("can't read '{}': {}", source_.topic, error_text(code)));
  }
  ahead_ = std::move(ranges);
  last_progress_ = Clock::now();
  return Ok{};
}

Result<MessageHandle> DeadLetterReader::next() {
  while (!finished()) {
    MessageHandle message(rd_kafka_consumer_poll(client_.get(), kReadPollMs));
    if (!message) {
      if (Clock::now() - last_progress_ < kStalled) return message;
      return failure(fmt::format("nothing comes of '{}' any more{}", source_.topic, last_error()));
    }
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (const Status kept = keep(*message); !kept) return Unexpected(kept.error());
    } else if (keep_record(*message)) {
      return message;
    }
  }
  return MessageHandle();
}

/// False for a record outside of the ranges, of an earlier seek or behind an end.
bool DeadLetterReader::keep_record(const rd_kafka_message_t& record) {
  const auto range = ahead_.find(record.partition);
  if (range == ahead_.end() || record.offset < range->second.begin) return false;
  const Offset end = range->second.end;
  range->second.begin = record.offset + 1;
  if (record.offset + 1 >= end) ahead_.erase(range);
  if (record.offset >= end) return false;
  last_progress_ = Clock::now();
  return true;
}

/// The mark of a partition's end, or an error.
Status DeadLetterReader::keep(const rd_kafka_message_t& mark) {
  if (mark.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    const auto range = ahead_.find(mark.partition);
    if (range != ahead_.end() && mark.offset >= range->second.end) ahead_.erase(range);
    return Ok{};
  }
  switch (classify(mark.err)) {
    case Disposition::kIgnore:
    case Disposition::kTransient:
    case Disposition::kDataLoss:  // retention was faster: reading goes on with what is left
      last_error_ = rd_kafka_message_errstr(&mark);
      return Ok{};
    case Disposition::kUnknownTopic:
    case Disposition::kDenied:
    case Disposition::kFatal:
      break;
  }
  return failure(fmt::format("can't read '{}': {}", source_.topic, rd_kafka_message_errstr(&mark)));
}

}  // namespace moult::kafka
