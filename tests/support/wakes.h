// SPDX-License-Identifier: Apache-2.0
// Wakes: stands for the event loop where a test is the loop itself.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

namespace tributary::test {

class Wakes {
 public:
  // To be called from any thread.
  std::function<void()> wake() {
    return [this] {
      {
        std::lock_guard lock(mutex_);
        awake_ = true;
      }
      woken_.notify_all();
    };
  }
  // True: woken since the last call, or within timeout_ms.
  bool wait(int timeout_ms = 60'000) {
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return awake_; });
    return std::exchange(awake_, false);
  }

 private:
  std::mutex mutex_;
  std::condition_variable woken_;
  bool awake_ = false;
};

}  // namespace tributary::test
