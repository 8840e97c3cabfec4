// SPDX-License-Identifier: Apache-2.0
// Waker: how other threads get the main loop out of its sleep. The loop sleeps until somebody wakes it or a deadline
// passes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace tributary::edge {

class Waker {
 public:
  // From every thread. A wake before the sleep is not lost; many are one.
  void wake() {
    {
      std::lock_guard lock(mutex_);
      if (awake_) return;
      awake_ = true;
    }
    changed_.notify_one();
  }

  // Returns after a wake since the last call, or when timeout_ns have passed. One thread only.
  void sleep(int64_t timeout_ns) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::nanoseconds(timeout_ns), [this] { return awake_; });
    awake_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool awake_ = false;
};

}  // namespace tributary::edge
