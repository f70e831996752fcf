#include "runtime/workers/worker_pool.h"

#include <pthread.h>
#include <unistd.h>

#include <utility>

#include "runtime/base/alt_stack.h"

namespace moult {
namespace {

constexpr std::size_t kLongestThreadName = 15;

}  // namespace

WorkerPool::WorkerPool(const std::string& name, std::size_t threads)
    : name_(name.substr(0, kLongestThreadName)), desks_(threads) {
  for (Desk& desk : desks_) threads_.emplace_back([this, &desk] { work(desk); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::post(LaneId lane, Task task) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({lane, std::move(task)});
  }
  wake_.notify_one();
}

void WorkerPool::post_first(LaneId lane, Task task) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_front({lane, std::move(task)});
  }
  wake_.notify_one();
}

bool WorkerPool::wait_idle(TimePoint until) {
  std::unique_lock lock(mutex_);
  return idle_.wait_until(lock, until, [this] { return running_ == 0 && jobs_.empty(); });
}

std::vector<WorkerPool::Activity> WorkerPool::activities() const {
  std::vector<Activity> found;
  for (const Desk& desk : desks_) {
    Activity& activity = found.emplace_back(Activity{desk.thread, desk.lane, {}});
    // A worker that takes its next job meanwhile shows the old lane for the new time: no harm.
    if (activity.lane == kNoLane) continue;
    activity.busy_for = Clock::now().time_since_epoch() - Duration(desk.since);
  }
  return found;
}

void WorkerPool::work(Desk& desk) noexcept {
  pthread_setname_np(pthread_self(), name_.c_str());
  desk.thread = ::gettid();
  const AltStack alt_stack;  // for the report of a stack overflow
  WorkerScratch scratch;
  for (bool worked = false;; worked = true) {
    std::unique_lock lock(mutex_);
    if (worked && --running_ == 0 && jobs_.empty()) idle_.notify_all();
    wake_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
    if (ending_) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    ++running_;
    lock.unlock();
    desk.since = Clock::now().time_since_epoch().count();
    desk.lane = job.lane;
    job.task(scratch);
    desk.lane = kNoLane;
  }
}

}  // namespace moult
