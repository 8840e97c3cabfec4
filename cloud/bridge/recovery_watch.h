// SPDX-License-Identifier: Apache-2.0
// What the bridge says after it came out of a trouble: a broker that was away, a log that could not be written, more
// messages than it could take. Pure: what is seen goes in, recoveries come out when they are complete.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/runtime/recoveries.h"

namespace tributary::bridge {

// Every kind that the bridge tells: broker_outage, log_outage, full_disk, overload.
std::vector<std::string> recovery_kinds();

struct Seen {
  bool broker_connected = false;  // both clients
  std::string log_trouble;        // empty: the log is written
  uint64_t dropped_total = 0;     // messages for which there was no room
  uint64_t waiting_messages = 0;  // taken and not yet durable
  uint64_t acks_waiting = 0;
};

class RecoveryWatch {
 public:
  explicit RecoveryWatch(Instant start) : broker_since_ns_(start.mono_ns), log_since_ns_(start.mono_ns) {}

  // At every turn; at least once a second.
  std::vector<runtime::Recovery> look(const Seen& seen, Instant now);

 private:
  void look_at_broker(const Seen& seen, Instant now, std::vector<runtime::Recovery>& out);
  void look_at_log(const Seen& seen, Instant now, std::vector<runtime::Recovery>& out);
  void look_at_drops(const Seen& seen, Instant now, std::vector<runtime::Recovery>& out);

  bool broker_away_ = true, starting_ = true;  // a start is an outage that is told only if it is long
  int64_t broker_since_ns_;
  bool log_away_ = false;
  int64_t log_since_ns_;
  std::string log_why_;
  uint64_t log_waiting_max_ = 0, log_dropped_before_ = 0;
  bool overloaded_ = false;
  int64_t overload_since_ns_ = 0, last_drop_ns_ = 0;
  uint64_t overload_dropped_ = 0, dropped_seen_ = 0;
};

}  // namespace tributary::bridge
