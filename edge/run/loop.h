// SPDX-License-Identifier: Apache-2.0
// Loop: the one thread that owns the gateway. It sleeps until messages, acks, connections or a timer want it, hands
// readings from the sources to the gateway, lets it close and checkpoint, and the uplink send.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/runtime/recoveries.h"
#include "edge/gateway/gateway.h"
#include "edge/run/http_port.h"
#include "edge/run/recovery_watch.h"
#include "edge/source/source.h"
#include "edge/source/waker.h"
#include "edge/uplink/uplink.h"

namespace tributary::edge {

// For the log, once the clock is set: what became of the readings that were kept without a date.
std::vector<std::string> describe_boots(const RecoveryReport& report);

class Loop {
 public:
  // All must outlive the loop. http: served between the rest; may be nothing. synchronised says whether the machine's
  // clock is; asked once a second until the gateway's is set.
  Loop(Gateway& gateway, Uplink& uplink, std::vector<std::unique_ptr<Source>>& sources, Waker& waker,
       runtime::Recoveries& recoveries, HttpPort* http = nullptr, std::function<bool()> synchronised = nullptr);

  // Starts inputs and uplink and works until stop is true and the waker woken.
  void run(const std::atomic<bool>& stop);
  // Inputs first, then the last checkpoint, the outbox last: waits up to send_ms for acks of what was given a number.
  Status finish(int send_ms);

 private:
  size_t drain(Instant now);
  void tick(Instant now);
  void watch(Instant now);
  int64_t next_due_ns() const;

  Gateway& gateway_;
  Uplink& uplink_;
  std::vector<std::unique_ptr<Source>>& sources_;
  Waker& waker_;
  runtime::Recoveries& recoveries_;
  HttpPort* const http_;
  UplinkWatch uplink_watch_;
  DiskWatch disk_watch_;
  std::function<bool()> synchronised_;
  bool clock_set_;
  int64_t clock_due_ns_ = 0;
  int64_t tick_due_ns_ = 0;
  int64_t last_message_ns_ = 0;
  std::string last_failure_;  // of writing; empty when it works
};

}  // namespace tributary::edge
