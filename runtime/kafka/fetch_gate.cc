#include "runtime/kafka/fetch_gate.h"

#include <utility>

#include "runtime/kafka/errors.h"
#include "runtime/kafka/partition_list.h"

namespace moult::kafka {

FetchGate::FetchGate(rd_kafka_t* client, TopicPartition partition,
                     std::atomic<std::uint64_t>& pulled_by_all, Logger log)
    : client_(client),
      partition_(std::move(partition)),
      pulled_by_all_(pulled_by_all),
      log_(log),
      queue_(rd_kafka_queue_get_partition(client, partition_.topic.c_str(), partition_.partition)),
      pulled_at_(pulled_by_all) {}

FetchGate::Pull::Pull(FetchGate& gate) : gate_(gate), lock_(gate.mutex_) { gate_.open(); }

FetchGate::Pull::~Pull() {
  gate_.pulled_at_ = gate_.pulled_by_all_.fetch_add(bytes_, std::memory_order_relaxed) + bytes_;
}

bool FetchGate::stale(std::uint64_t most) {
  const std::lock_guard lock(mutex_);
  return pulled_by_all_.load(std::memory_order_relaxed) - pulled_at_ > most;
}

void FetchGate::shed() {
  const std::lock_guard lock(mutex_);
  if (shut_ || rd_kafka_queue_length(queue_.get()) == 0) return;
  set_paused(true);
  shut_ = true;
}

void FetchGate::reopen() {
  const std::lock_guard lock(mutex_);
  open();
}

void FetchGate::went_back() {
  if (!std::exchange(sent_back_, false)) went_back_at_ = Clock::now();
}

/// It is librdkafka's to answer; a partition that goes at this moment needs none.
bool FetchGate::begin_again(Offset offset, TimePoint since) {
  const std::lock_guard lock(mutex_);
  const auto went_back_at = std::exchange(went_back_at_, std::nullopt);
  if (went_back_at && *went_back_at >= since) return false;
  open();
  sent_back_ = true;
  const PartitionListHandle list = to_list({partition_});
  list->elems[0].offset = offset;
  const ErrorHandle error(rd_kafka_seek_partitions(client_, list.get(), 0));
  return true;
}

/// Resuming what is not paused may set an older librdkafka back.
void FetchGate::open() {
  if (std::exchange(shut_, false)) set_paused(false);
}

void FetchGate::set_paused(bool paused) {
  const PartitionListHandle list = to_list({partition_});
  const auto code = paused ? rd_kafka_pause_partitions(client_, list.get())
                           : rd_kafka_resume_partitions(client_, list.get());
  const auto its = list->elems[0].err;
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR && its == RD_KAFKA_RESP_ERR_NO_ERROR) return;
  log_.warning(paused ? "fetching could not be paused" : "fetching could not be resumed",
               {{"topic", partition_.topic},
                {"partition", partition_.partition},
                {"error", error_text(code == RD_KAFKA_RESP_ERR_NO_ERROR ? its : code)}});
}

}  // namespace moult::kafka
