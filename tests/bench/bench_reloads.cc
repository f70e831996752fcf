// Reads what the instances of bench_reload.c wrote, and says what became of the records and how
// long lanes stood still.
//
//   bench_reloads FOLDER PARTITIONS RECORDS MOMENTS
//
// RECORDS were produced, record i to partition i % PARTITIONS of a new topic. The file MOMENTS has
// lines of CLOCK_MONOTONIC's nanoseconds, each kind in order:
//
//   from TIME                  latencies count from here on
//   window BEGIN END SETTLED   a change of instances; until SETTLED it may be felt
//   control TIME               nothing happened here
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <numeric>
#include <span>
#include <sstream>
#include <vector>

#include "tests/bench/batch_file.h"
#include "tests/bench/kafka_handles.h"

namespace {

using bench::die;
using Nanoseconds = std::int64_t;
using Records = std::vector<bench_record_seen>;

struct Batch {
  Nanoseconds begin;
  Nanoseconds end;
  std::size_t instance;
  Records records;
};

/// The batches of a partition in the order in which they began.
using Lane = std::vector<Batch>;

struct Window {
  Nanoseconds begin;
  Nanoseconds end;
  Nanoseconds settled;
};

struct Moments {
  Nanoseconds from = 0;
  std::vector<Window> windows;
  std::vector<Nanoseconds> controls;
};

// ---- Reading ------------------------------------------------------------------------------------

template <typename T>
bool read(std::istream& in, T* to, std::size_t count = 1) {
  const auto size = static_cast<std::streamsize>(count * sizeof(T));
  in.read(reinterpret_cast<char*>(to), size);
  if (in.gcount() != 0 && in.gcount() != size) die("a file of batches", "is cut short");
  return in.gcount() == size;
}

void read_instance(const std::filesystem::path& path, std::size_t instance,
                   std::vector<Lane>& lanes, std::vector<std::uint32_t>& builds) {
  std::ifstream in(path, std::ios::binary);
  bench_instance_head head{};
  if (!read(in, &head)) die(path.string(), "has no head");
  builds.push_back(head.build);
  Lane& lane = lanes.at(static_cast<std::size_t>(head.partition));
  for (bench_batch_head batch{}; read(in, &batch);) {
    if (batch.records == 0) die(path.string(), "has an empty batch");
    Records records(batch.records);
    if (!read(in, records.data(), records.size())) die(path.string(), "is cut short");
    lane.push_back({batch.begin_ns, batch.end_ns, instance, std::move(records)});
  }
}

std::vector<Lane> read_lanes(const std::string& folder, std::size_t partitions,
                             std::vector<std::uint32_t>& builds) {
  std::vector<Lane> lanes(partitions);
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".batches") continue;
    read_instance(file.path(), builds.size(), lanes, builds);
  }
  for (Lane& lane : lanes) std::ranges::sort(lane, {}, &Batch::begin);
  return lanes;
}

Moments read_moments(const std::string& path) {
  Moments moments;
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string kind;
    std::vector<Nanoseconds> times;
    words >> kind;
    std::copy(std::istream_iterator<Nanoseconds>(words), {}, std::back_inserter(times));
    if (kind == "from" && times.size() == 1) {
      moments.from = times[0];
    } else if (kind == "window" && times.size() == 3) {
      moments.windows.push_back({times[0], times[1], times[2]});
    } else if (kind == "control" && times.size() == 1) {
      moments.controls.push_back(times[0]);
    } else {
      die(path, line);
    }
  }
  return moments;
}

// ---- What became of the records -----------------------------------------------------------------

struct Fate {
  std::uint64_t handled = 0;
  std::uint64_t lost = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t disordered = 0;  // handled after a later record of their partition
  std::uint64_t overlaps = 0;    // batches that began before the one before them had ended
};

std::uint64_t produced_to(std::size_t partition, std::size_t partitions, std::uint64_t records) {
  return records / partitions + (partition < records % partitions ? 1 : 0);
}

void judge(const Lane& lane, std::uint64_t produced, Fate& fate) {
  std::vector<bool> seen(produced);
  std::int64_t newest = -1;
  Nanoseconds ended = 0;
  for (const Batch& batch : lane) {
    fate.overlaps += batch.begin < ended ? 1U : 0U;
    ended = std::max(ended, batch.end);
    for (const bench_record_seen& record : batch.records) {
      const auto offset = static_cast<std::uint64_t>(record.offset);
      if (offset >= produced) die("a record", fmt::format("has the offset {}", record.offset));
      fate.duplicates += seen[offset] ? 1U : 0U;
      seen[offset] = true;
      fate.disordered += record.offset < newest ? 1U : 0U;
      newest = std::max(newest, record.offset);
      ++fate.handled;
    }
  }
  fate.lost += static_cast<std::uint64_t>(std::ranges::count(seen, false));
}

Fate judge(const std::vector<Lane>& lanes, std::uint64_t records) {
  Fate fate;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    judge(lanes[i], produced_to(i, lanes.size(), records), fate);
  }
  return fate;
}

// ---- How long lanes stood still -----------------------------------------------------------------

double ms(Nanoseconds time) { return static_cast<double>(time) / 1e6; }

/// Of any order; 0 when there is none.
double percentile_ms(std::vector<Nanoseconds>& values, double part) {
  if (values.empty()) return 0;
  const auto at = std::lround(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return ms(values[static_cast<std::size_t>(at)]);
}

/// From when the lane could have gone on to when it did: its batch had ended, and the broker had
/// the next record. That record's way from there may be in it.
Nanoseconds gap(const Batch& before, const Batch& next) {
  return next.begin - std::max(before.end, next.records.front().stored_ns);
}

/// Changes of instance. Each belongs to the window that began last.
struct Handovers {
  std::vector<Nanoseconds> worst;    // lane of each window
  std::vector<std::uint64_t> count;  // of each window: as many as there are lanes, or what was it?
  std::uint64_t outside = 0;         // before any window
  std::uint64_t same_build = 0;      // no new code
};

Handovers handovers(const std::vector<Lane>& lanes, const std::vector<Window>& windows,
                    std::span<const std::uint32_t> builds) {
  Handovers found;
  found.worst.resize(windows.size());
  found.count.resize(windows.size());
  for (const Lane& lane : lanes) {
    for (std::size_t i = 1; i < lane.size(); ++i) {
      const Batch& before = lane[i - 1];
      const Batch& next = lane[i];
      if (before.instance == next.instance) continue;
      found.same_build += builds[before.instance] == builds[next.instance] ? 1U : 0U;
      const auto after = std::ranges::upper_bound(windows, next.begin, {}, &Window::begin);
      if (after == windows.begin()) {
        ++found.outside;
        continue;
      }
      const auto window = static_cast<std::size_t>(after - windows.begin() - 1);
      found.worst[window] = std::max(found.worst[window], gap(before, next));
      ++found.count[window];
    }
  }
  return found;
}

/// The same of moments at which nothing happens: of each lane the first gap that ends after it.
std::vector<Nanoseconds> control_gaps(const std::vector<Lane>& lanes,
                                      const std::vector<Nanoseconds>& controls) {
  std::vector<Nanoseconds> worst;
  for (const Nanoseconds control : controls) {
    Nanoseconds& here = worst.emplace_back(0);
    for (const Lane& lane : lanes) {
      const auto next = std::ranges::upper_bound(lane, control, {}, &Batch::begin);
      if (next != lane.begin() && next != lane.end()) {
        here = std::max(here, gap(*std::prev(next), *next));
      }
    }
  }
  return worst;
}

// ---- Latencies ----------------------------------------------------------------------------------

struct Latencies {
  std::vector<Nanoseconds> inside;   // sent within a window
  std::vector<Nanoseconds> outside;  // sent and handled when none was to be felt
};

/// The one that began last by then, if any.
const Window* window_at(const std::vector<Window>& windows, Nanoseconds time) {
  const auto after = std::ranges::upper_bound(windows, time, {}, &Window::begin);
  return after == windows.begin() ? nullptr : &*std::prev(after);
}

Latencies latencies(const std::vector<Lane>& lanes, const Moments& moments) {
  Latencies found;
  const auto add = [&](Nanoseconds sent, Nanoseconds handled) {
    if (sent < moments.from) return;
    const Window* window = window_at(moments.windows, sent);
    if (window == nullptr || sent > window->settled) {
      const bool met_the_next = window_at(moments.windows, handled) != window;
      if (!met_the_next) found.outside.push_back(handled - sent);
    } else if (sent <= window->end) {
      found.inside.push_back(handled - sent);
    }
  };
  for (const Lane& lane : lanes) {
    for (const Batch& batch : lane) {
      for (const bench_record_seen& record : batch.records) add(record.sent_ns, batch.begin);
    }
  }
  return found;
}

// ---- The report ---------------------------------------------------------------------------------

void print_fate(const Fate& fate) {
  fmt::print(R"("handled":{},"lost":{},"duplicates":{},"disordered":{},"overlaps":{},)",
             fate.handled, fate.lost, fate.duplicates, fate.disordered, fate.overlaps);
}

void print_gaps(std::string_view name, std::vector<Nanoseconds> gaps) {
  fmt::print(R"("worst_{0}":{1:.3f},"p90_{0}":{2:.3f},"median_{0}":{3:.3f},)", name,
             percentile_ms(gaps, 1), percentile_ms(gaps, 0.9), percentile_ms(gaps, 0.5));
}

void print_handovers(const Handovers& found, std::size_t lanes) {
  fmt::print(R"("odd_windows":{},"handovers_outside":{},"handovers_same_build":{},)",
             std::ranges::count_if(found.count, [&](auto each) { return each != lanes; }),
             found.outside, found.same_build);
  print_gaps("gap_ms", found.worst);
}

void print_latencies(std::string_view name, std::vector<Nanoseconds>& values) {
  fmt::print(R"("p50_{0}_ms":{1:.3f},"p99_{0}_ms":{2:.3f},)", name, percentile_ms(values, 0.5),
             percentile_ms(values, 0.99));
}

/// Of all lanes, from the first batch's beginning to the last one's end.
void print_batches(const std::vector<Lane>& lanes, std::uint64_t records) {
  std::vector<Nanoseconds> took;
  Nanoseconds first = std::numeric_limits<Nanoseconds>::max();
  Nanoseconds last = 0;
  for (const Lane& lane : lanes) {
    for (const Batch& batch : lane) {
      took.push_back(batch.end - batch.begin);
      first = std::min(first, batch.begin);
      last = std::max(last, batch.end);
    }
  }
  if (took.empty()) die("the folder", "has no batches");
  fmt::print(R"("batch_ms":{:.3f},"batch_records":{:.1f},"records_per_s":{:.0f})",
             percentile_ms(took, 0.5),
             static_cast<double>(records) / static_cast<double>(took.size()),
             1e3 * static_cast<double>(records) / ms(last - first));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) die("usage", "bench_reloads FOLDER PARTITIONS RECORDS MOMENTS");
  std::vector<std::uint32_t> builds;
  const std::vector<Lane> lanes = read_lanes(argv[1], std::stoul(argv[2]), builds);
  const Moments moments = read_moments(argv[4]);
  const Fate fate = judge(lanes, std::stoull(argv[3]));
  Latencies waits = latencies(lanes, moments);
  fmt::print("{{");
  print_fate(fate);
  print_handovers(handovers(lanes, moments.windows, builds), lanes.size());
  print_gaps("control_gap_ms", control_gaps(lanes, moments.controls));
  print_latencies("inside", waits.inside);
  print_latencies("outside", waits.outside);
  print_batches(lanes, fate.handled);
  fmt::print("}}\n");
}
