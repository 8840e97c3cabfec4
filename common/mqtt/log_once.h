// SPDX-License-Identifier: Apache-2.0
// LogOnce: of a connection that is tried again and again, each reason for its absence is said once, until it was there
// again. Thread-safe: a client's handlers run on two threads.
#pragma once

#include <mutex>
#include <string>

namespace tributary::mqtt {

class LogOnce {
 public:
  // True if this reason has not just been said.
  bool lost(const std::string& why) {
    std::lock_guard lock(mutex_);
    if (why == last_) return false;
    last_ = why;
    return true;
  }
  void connected() {
    std::lock_guard lock(mutex_);
    last_.clear();
  }

 private:
  std::mutex mutex_;
  std::string last_;
};

}  // namespace tributary::mqtt
