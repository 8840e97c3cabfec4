// SPDX-License-Identifier: Apache-2.0
// MergeWatch: what the aggregator says about all its partitions together after a start, after the log was away, and
// after its disk was full: one line when every partition has caught up again.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/log/log.h"
#include "common/base/time.h"
#include "common/runtime/recoveries.h"

namespace tributary::api {

// Every kind that the aggregator tells: restart, new_state, damaged_state, log_outage, full_disk.
std::vector<std::string> recovery_kinds();

// What a merger knows after a round.
struct MergeLook {
  size_t index = 0;  // of the partition among those owned
  log::Offset position = 0;
  log::Offset end = 0;       // one past the newest record of the log; 0: not known
  uint64_t gap_offsets = 0;  // passed over and named since the start
  bool full = false;         // the trouble is a full disk
  std::string trouble;       // empty: all is well
};

struct TakenUp {
  log::Offset position = 0;
  bool fresh = false;  // no state was there
};

// Thread-safe.
class MergeWatch {
 public:
  // damage: what was wrong with states that were moved aside; empty: none was.
  MergeWatch(std::vector<TakenUp> partitions, std::string damage, Instant start, runtime::Recoveries& recoveries);

  // After every round of every merger.
  void look(const MergeLook& look, Instant now);

 private:
  enum class Phase { kStarting, kWell, kTrouble };
  struct Partition {
    log::Offset position = 0, target = 0, before = 0;  // before: where the start or the trouble found it
    uint64_t gap_offsets = 0, gap_before = 0;
    bool trouble = false;
    bool aimed = false;  // the target is known
  };
  bool caught_up() const;
  void finish(Instant now);

  runtime::Recoveries& recoveries_;
  const std::string damage_;
  const size_t fresh_;
  std::mutex mutex_;
  std::vector<Partition> partitions_;
  Phase phase_ = Phase::kStarting;
  int64_t since_ns_;
  bool full_ = false, announced_ = false;
  int64_t well_since_ns_ = 0;  // the end of the trouble, before catching up
  std::string why_;
};

}  // namespace tributary::api
