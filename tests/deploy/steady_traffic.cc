#include "tests/deploy/steady_traffic.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace moult::testing {
namespace {

constexpr std::chrono::milliseconds kTick{5};
constexpr std::size_t kSize = 200;
constexpr double kNsInMs = 1e6;

std::int64_t monotonic_ns() { return Clock::now().time_since_epoch().count(); }

double at_share(const std::vector<std::int64_t>& sorted, double share) {
  const auto last = static_cast<double>(sorted.size() - 1);
  return static_cast<double>(sorted[static_cast<std::size_t>(last * share)]) / kNsInMs;
}

}  // namespace

SteadyTraffic::SteadyTraffic(Producer& producer, std::string topic, int partitions, int per_second)
    : producer_(producer),
      topic_(std::move(topic)),
      partitions_(partitions),
      per_second_(per_second),
      thread_([this] { run(); }) {}

void SteadyTraffic::join() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
}

void SteadyTraffic::end() {
  join();
  if (!failure_.empty()) throw std::runtime_error(std::exchange(failure_, {}));
}

/// Sends what is due at each tick; after a late one all that has become due meanwhile.
void SteadyTraffic::run() try {
  const std::int64_t start = monotonic_ns();
  while (!ending_) {
    const std::int64_t due = (monotonic_ns() - start) * per_second_ / 1'000'000'000;
    while (static_cast<std::int64_t>(sent_ns_.size()) < due) {
      const auto turn = static_cast<int>(sent_ns_.size()) % partitions_;
      const std::int64_t now = monotonic_ns();
      const auto sequence = producer_.send({.topic = topic_, .partition = turn, .size = kSize});
      if (first_ < 0) first_ = sequence;
      sent_ns_.push_back(now);
    }
    std::this_thread::sleep_for(kTick);
  }
  producer_.flush();
} catch (const std::exception& error) {
  failure_ = error.what();
}

double SteadyTraffic::rate() const {
  if (sent_ns_.size() < 2) return 0;
  const auto span = static_cast<double>(sent_ns_.back() - sent_ns_.front());
  return static_cast<double>(sent_ns_.size() - 1) * 1e9 / span;
}

std::string Journey::to_string() const {
  return fmt::format(
      "longest gap {:.0f} ms, latency median {:.1f} ms, p99 {:.0f} ms, longest {:.0f} ms",
      longest_gap_ms, median_ms, p99_ms, longest_ms);
}

Journey journey_of(const SteadyTraffic& traffic, const Entries& entries) {
  const auto& sent = traffic.sent_ns();
  std::vector<std::int64_t> ends;
  std::vector<std::int64_t> latencies;
  for (const Entry& entry : of_event(entries, Event::kRecord)) {
    const std::int64_t index = entry.sequence.value_or(-1) - traffic.first();
    if (index < 0 || index >= static_cast<std::int64_t>(sent.size())) continue;
    ends.push_back(entry.end_ns);
    latencies.push_back(entry.end_ns - sent[static_cast<std::size_t>(index)]);
  }
  if (ends.size() < 2) throw std::runtime_error("nothing of that traffic was handled");
  std::ranges::sort(ends);
  std::ranges::sort(latencies);
  std::int64_t gap = 0;
  for (std::size_t i = 1; i < ends.size(); ++i) gap = std::max(gap, ends[i] - ends[i - 1]);
  return {static_cast<double>(gap) / kNsInMs, at_share(latencies, 0.5), at_share(latencies, 0.99),
          at_share(latencies, 1.0)};
}

}  // namespace moult::testing
