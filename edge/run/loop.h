// SPDX-License-Identifier: Apache-2.0
// Loop: the one thread that owns the gateway. It sleeps until messages, acks, connections or a timer want it, hands
// readings from the sources to the gateway, lets it close and checkpoint, and the uplink send.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "edge/gateway.h"
#include "edge/source/source.h"
#include "edge/source/waker.h"
#include "edge/uplink/uplink.h"

namespace tributary::edge {

// For the log, once the clock is set: what became of the readings that were kept without a date.
std::vector<std::string> describe_boots(const RecoveryReport& report);

class Loop {
 public:
  // All must outlive the loop. synchronised says whether the machine's clock is; asked once a second until the
  // gateway's is set.
  Loop(Gateway& gateway, Uplink& uplink, std::vector<std::unique_ptr<Source>>& sources, Waker& waker,
       std::function<bool()> synchronised = nullptr)
      : gateway_(gateway),
        uplink_(uplink),
        sources_(sources),
        waker_(waker),
        synchronised_(std::move(synchronised)),
        clock_set_(gateway.clock_set()) {}

  // Starts inputs and uplink and works until stop is true and the waker woken.
  void run(const std::atomic<bool>& stop);
  // Inputs first, then the last checkpoint, the outbox last: waits up to send_ms for acks of what was given a number.
  Status finish(int send_ms);

 private:
  size_t drain(Instant now);
  void tick(Instant now);
  int64_t next_due_ns() const;

  Gateway& gateway_;
  Uplink& uplink_;
  std::vector<std::unique_ptr<Source>>& sources_;
  Waker& waker_;
  std::function<bool()> synchronised_;
  bool clock_set_;
  int64_t clock_due_ns_ = 0;
  int64_t tick_due_ns_ = 0;
  int64_t last_message_ns_ = 0;
  std::string last_failure_;
  bool disk_full_ = false;
};

}  // namespace tributary::edge
