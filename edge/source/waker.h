// SPDX-License-Identifier: Apache-2.0
// Waker: how other threads get the main loop out of its sleep. The loop sleeps until somebody wakes it, a watched
// descriptor is readable, or a deadline passes.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "common/base/check.h"

namespace tributary::edge {

class Waker {
 public:
  Waker() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { CHECK(event_ >= 0); }
  ~Waker() { ::close(event_); }
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // From every thread. A wake before the sleep is not lost; many are one.
  void wake() {
    if (awake_.exchange(true)) return;
    const uint64_t one = 1;
    // Fails only where the count is at its end, and then the sleeper is awake.
    if (::write(event_, &one, sizeof one) < 0) return;
  }

  // Sleeps end, too, while this descriptor is readable. Before the first sleep; -1: none.
  void watch(int descriptor) { watched_ = descriptor; }

  // Returns after a wake since the last call, or when timeout_ns have passed. One thread only.
  void sleep(int64_t timeout_ns) {
    pollfd polled[] = {{event_, POLLIN, 0}, {watched_, POLLIN, 0}};
    const timespec timeout{static_cast<time_t>(timeout_ns / 1'000'000'000),
                           static_cast<long>(timeout_ns % 1'000'000'000)};
    ::ppoll(polled, 2, &timeout, nullptr);
    // In this order: whoever finds awake_ still true in between is seen by the caller's next look at its work.
    uint64_t count = 0;
    if (::read(event_, &count, sizeof count) < 0) count = 0;
    awake_.exchange(false);
  }

 private:
  const int event_;
  int watched_ = -1;
  std::atomic<bool> awake_{false};
};

}  // namespace tributary::edge
