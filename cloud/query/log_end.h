// SPDX-License-Identifier: Apache-2.0
// LogEnd: up to when a partition's state knows what the log holds. It is no part of the state, which is a function of
// the log's prefix alone: the one that reads the log fills it, whoever takes a snapshot reads it first.
#pragma once

#include <atomic>
#include <cstdint>

namespace tributary::query {

class LogEnd {
 public:
  virtual ~LogEnd() = default;
  // What was durable in the log by then is merged. 0: the log was not seen yet.
  virtual int64_t as_of_ns() const = 0;
};

// Filled by the merger, read by every question. Thread-safe.
class LogEndNote final : public LogEnd {
 public:
  int64_t as_of_ns() const override { return as_of_ns_.load(std::memory_order_acquire); }
  // After the commit that makes it true. It never goes back.
  void raise(int64_t as_of_ns) {
    if (as_of_ns > this->as_of_ns()) as_of_ns_.store(as_of_ns, std::memory_order_release);
  }

 private:
  std::atomic<int64_t> as_of_ns_{0};
};

}  // namespace tributary::query
