// SPDX-License-Identifier: Apache-2.0
// ChangeSignal: wakes streams when rows have changed. It counts changes only; what changed is read from the Query.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace tributary::api {

class ChangeSignal {
 public:
  void changed() {
    {
      std::lock_guard lock(mutex_);
      ++changes_;
    }
    woken_.notify_all();
  }
  void stop() {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    woken_.notify_all();
  }
  uint64_t changes() const {
    std::lock_guard lock(mutex_);
    return changes_;
  }
  // Waits until there was a change after seen, or timeout_ms passed, or stop(). False after stop().
  bool wait(uint64_t seen, int64_t timeout_ms) const {
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return stopped_ || changes_ > seen; });
    return !stopped_;
  }
  // Waits for nothing but the time and stop(). False after stop().
  bool pause(int64_t ms) const { return wait(UINT64_MAX, ms); }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable woken_;
  uint64_t changes_ = 0;
  bool stopped_ = false;
};

}  // namespace tributary::api
