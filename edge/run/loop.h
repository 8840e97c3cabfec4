// SPDX-License-Identifier: Apache-2.0
// Loop: the turns of the one thread that owns the gateway. When messages, acks or a timer want it, it hands readings
// from the sources to the gateway, lets it close and checkpoint, and the uplink send.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/runtime/event_loop.h"
#include "common/runtime/recoveries.h"
#include "edge/gateway/gateway.h"
#include "edge/run/recovery_watch.h"
#include "edge/source/source.h"
#include "edge/uplink/uplink.h"

namespace tributary::edge {

// For the log, once the clock is set: what became of the readings that were kept without a date.
std::vector<std::string> describe_boots(const RecoveryReport& report);

class Loop {
 public:
  // All must outlive the loop. wakeup: what sources and uplink were given to wake it with. synchronised says whether
  // the machine's clock is; asked once a second until the gateway's is set.
  Loop(Gateway& gateway, Uplink& uplink, std::vector<std::unique_ptr<Source>>& sources, runtime::EventLoop& events,
       runtime::Wakeup& wakeup, runtime::Recoveries& recoveries, std::function<bool()> synchronised = nullptr);
  ~Loop() { wakeup_.on_wake(nullptr); }

  // Starts inputs and uplink, and runs events until it is stopped.
  void run();
  // Inputs first, then the last checkpoint, the outbox last: waits up to send_ms for acks of what was given a number,
  // while events runs on.
  Status finish(int send_ms);

 private:
  void turn();
  void farewell(int64_t end_ns);
  size_t drain(Instant now);
  void tick(Instant now);
  void watch(Instant now);
  int64_t next_due_ns() const;

  Gateway& gateway_;
  Uplink& uplink_;
  std::vector<std::unique_ptr<Source>>& sources_;
  runtime::EventLoop& events_;
  runtime::Wakeup& wakeup_;
  runtime::Timer timer_;
  int64_t timer_due_ns_ = 0;  // what timer_ is set to; 0: it is not
  runtime::Recoveries& recoveries_;
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
