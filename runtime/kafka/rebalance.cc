// The consumer's answers to rebalances, on the poller thread.

#include <string_view>

#include "runtime/base/check.h"
#include "runtime/kafka/consumer.h"
#include "runtime/kafka/errors.h"
#include "runtime/kafka/partition_list.h"

namespace moult::kafka {

void Consumer::rebalance_callback(rd_kafka_t*, rd_kafka_resp_err_t code,
                                  rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  static_cast<Consumer*>(opaque)->on_rebalance(code, partitions);
}

/// Answers at once to an assignment; a revocation is answered by the Unassign that follows when
/// its lanes are drained, while this thread goes on serving the others.
void Consumer::on_rebalance(rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* partitions) {
  poller_.check();
  if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    on_assigned(partitions);
  } else if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
    on_taken(partitions);
  } else {
    log_.error("rebalance failed", {{"group", options_.group}, {"error", error_text(code)}});
    rd_kafka_assign(client_.get(), nullptr);
  }
}

void Consumer::on_assigned(rd_kafka_topic_partition_list_t* partitions) {
  if (stopping_) return change_assignment(true, partitions);
  if (partitions->cnt > 0) hints_.forget();
  denied_ = false;
  Assigned event;
  std::vector<TopicPartition> claimed;
  for (const TopicPartition& partition : from_list(partitions)) {
    const Field fields[] = {
        {"group", options_.group}, {"topic", partition.topic}, {"partition", partition.partition}};
    if (const auto handler = handler_of(partition.topic)) {
      event.partitions.push_back({partition, *handler});
      claimed.push_back(partition);
      log_.write(Severity::kInfo, "partition assigned", fields);
    } else {
      unclaimed_.insert(partition);
      log_.write(Severity::kWarning,
                 "partition assigned that nobody reads any more: it is left alone until the next "
                 "rebalance takes it",
                 fields);
    }
  }
  dispatcher_.on(event, Clock::now());
  apply_commands();
  change_assignment(true, to_list(claimed).get());
}

void Consumer::on_taken(const rd_kafka_topic_partition_list_t* partitions) {
  if (closing_) {
    return change_assignment(false, to_list(take_claimed(from_list(partitions))).get());
  }
  if (rd_kafka_assignment_lost(client_.get())) {
    log_.warning("partitions lost: work on them is dropped and comes again elsewhere",
                 {{"group", options_.group}, {"partitions", partitions->cnt}});
    dispatcher_.on(Lost{from_list(partitions)}, Clock::now());
  } else {
    dispatcher_.on(Revoked{from_list(partitions)}, Clock::now());
  }
  apply_commands();
}

/// Librdkafka was never given the others.
std::vector<TopicPartition> Consumer::take_claimed(std::vector<TopicPartition> partitions) {
  std::erase_if(partitions, [&](const auto& it) { return unclaimed_.erase(it) > 0; });
  return partitions;
}

bool Consumer::incremental() const {
  const char* protocol = rd_kafka_rebalance_protocol(client_.get());
  return protocol != nullptr && std::string_view(protocol) == "COOPERATIVE";
}

void Consumer::change_assignment(bool assign, const rd_kafka_topic_partition_list_t* partitions) {
  if (!incremental()) {
    const auto code = rd_kafka_assign(client_.get(), assign ? partitions : nullptr);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) on_error(code, "assign");
    return;
  }
  const ErrorHandle error(assign ? rd_kafka_incremental_assign(client_.get(), partitions)
                                 : rd_kafka_incremental_unassign(client_.get(), partitions));
  if (error) on_error(rd_kafka_error_code(error.get()), rd_kafka_error_string(error.get()));
}

}  // namespace moult::kafka
