// SPDX-License-Identifier: Apache-2.0
// A schedule: what happens in one run, made from a seed. Each event carries its own random bits, so that leaving events
// out (shrinking) does not change what the others do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tributary::faults {

enum class Kind : uint8_t {
  kReadings,        // a: gateway, b: how many
  kBacklog,         // a: gateway, b: how many windows of one reading each
  kPost,            // a: tenant, b: readings; repeated with its Idempotency-Key until it is answered
  kPause,           // nothing but time
  kKillEdge,        // a: gateway
  kKillEdgeCommit,  // a: gateway, b: at which commit, before or after it
  kStopEdge,        // a: gateway; cleanly
  kNetwork,         // a: gateway, b: what is wrong with its network from now on
  kKillBroker,
  kKillBridge,     // a: bridge; dies with what it holds
  kKillBridgeAck,  // a: bridge; between the delivery report and the ack
  kOverload,       // the bridges take few messages for a while
  kLogTrouble,     // b: refuses, is busy, or times out though the record is written
  kKillAggregator,
  kKillAggregatorCommit,  // b: in or right after which commit
  kBackupState,
  kRestoreState,
  kSecondAggregator,
  kForeignLog,    // the state meets another log, then its own again
  kShorterLog,    // the log lost its end, then has it again
  kBackupOutbox,  // a: gateway
  kRestoreOutbox,
  kCloneOutbox,
  kCorruptOutbox,  // b: truncated, a page of zeros, a flipped bit
  kWipe,
  kForeignTenant,   // the gateway is configured for another tenant, then for its own again
  kClock,           // a: gateway, b: how far its clock is stepped
  kPowerCut,        // a: gateway, b: its machine boots without a clock, and when that is set
  kGarbageTimes,    // a: gateway
  kDiskFullEdge,    // a: gateway
  kDiskFullCloud,   // the aggregator's
  kNewerVersion,    // a: gateway speaks a newer version until the bridges are upgraded
  kDamagedMessage,  // a: gateway, b: how
  kEverything,      // everything is killed at once
  kProbe,           // the answers are compared with the oracle
  kCount
};
const char* to_string(Kind kind);

struct Event {
  Kind kind = Kind::kPause;
  uint32_t a = 0, b = 0;
  uint32_t run_ms = 0;  // so long the system goes on after it
  uint64_t random = 0;
};

// What a schedule is made of: everything, or clocks (machines without one, steps) together with all that copies, moves
// aside or kills an outbox.
enum class Profile { kMixed, kClocks };

struct Schedule {
  Profile profile = Profile::kMixed;
  uint64_t seed = 0;
  uint32_t gateways = 1, tenants = 1, bridges = 1;
  uint64_t budget_bytes = 4 << 20;
  uint32_t base_width_s = 10;
  int64_t checkpoint_ms = 1000;
  int64_t log_retention_ms = 0;  // 0: for ever
  std::vector<Event> events;
};

Schedule make_schedule(uint64_t seed, Profile profile = Profile::kMixed);
std::string to_text(const Schedule& schedule);

// One random number generator for everything: splitmix64.
class Random {
 public:
  explicit Random(uint64_t seed = 0) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  bool chance(uint64_t percent) { return below(100) < percent; }

 private:
  uint64_t state_;
};

}  // namespace tributary::faults
