// SPDX-License-Identifier: Apache-2.0
// What the edge says after it came out of a trouble: a start with an outbox that was there, an uplink that was away, a
// disk that could not be written. Pure: what is seen goes in, a recovery comes out when one is complete.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/runtime/recoveries.h"
#include "edge/gateway/gateway.h"

namespace tributary::edge {

// Every kind that the edge tells: restart, crash, damaged_outbox, uplink_outage, full_disk.
std::vector<std::string> recovery_kinds();

// Of a start; nothing where no outbox was there before. seconds: how long opening it took.
std::optional<runtime::Recovery> recovery_of_start(const RecoveryReport& report, const std::string& state_dir,
                                                   double seconds);

// An outage begins when the connection is lost, or when nothing of what was sent has been acknowledged for a minute;
// it ends with the first acknowledgement. It is told when as much as waited then is acknowledged, or nothing is left.
class UplinkWatch {
 public:
  explicit UplinkWatch(Instant start) : since_ns_(start.mono_ns), settled_ns_(start.mono_ns) {}

  // At every turn of the loop.
  std::optional<runtime::Recovery> look(bool connected, const GatewayProgress& progress, Instant now);

 private:
  enum class State { kAway, kDraining, kWell };
  std::optional<runtime::Recovery> finish(const GatewayProgress& progress, Instant now);

  State state_ = State::kAway;  // a start is an outage that is told only if it is long
  bool starting_ = true, silent_ = false;
  int64_t since_ns_;    // when the outage began
  int64_t settled_ns_;  // the last time that nothing was in flight or something was acknowledged
  int64_t returned_ns_ = 0;
  uint64_t acked_before_ = 0, acked_at_return_ = 0, resent_before_ = 0, coarsened_before_ = 0, waited_ = 0;
  bool known_ = false;
};

// The outbox cannot be written: from the first failure to the first success.
class DiskWatch {
 public:
  // At every turn of the loop; why: what the last failed write said.
  std::optional<runtime::Recovery> look(const GatewayProgress& progress, const std::string& why, Instant now);

 private:
  bool failing_ = false;
  int64_t since_ns_ = 0;
  uint64_t held_max_ = 0, coarsened_before_ = 0;
  std::string why_;
};

}  // namespace tributary::edge
