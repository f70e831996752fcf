#include "runtime/workers/worker_pool.h"

#include <pthread.h>

#include <utility>

#include "runtime/base/alt_stack.h"

namespace moult {

WorkerPool::WorkerPool(std::string name, std::size_t threads) : name_(std::move(name)) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::post(Task task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  wake_.notify_one();
}

void WorkerPool::work() noexcept {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  const AltStack alt_stack;  // for the report of a stack overflow
  WorkerScratch scratch;
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
    if (ending_) return;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task(scratch);
  }
}

}  // namespace moult
