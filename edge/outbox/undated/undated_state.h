// SPDX-License-Identifier: Apache-2.0
// What memory knows of the readings without a date, and where boots whose clock never was set are placed in time.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "edge/outbox/undated/undated_records.h"

namespace tributary::edge {

struct UndatedState {
  std::map<uint32_t, BootRecord> boots;
  uint32_t boot = 0;  // the current one's number; 0: it has no readings yet
  uint64_t next_entry = 0;
  std::array<uint64_t, kUndatedLevels> bytes{};
  ClockRecord clock;
  bool empty() const {
    for (const uint64_t level : bytes) {
      if (level > 0) return false;
    }
    return true;
  }
};

// Gives every boot that has no base one: the current boot (0: none is) that of its clock, the others, whose clock never
// was set, one after another behind what is known to have been before them. wall_at_boot_ns: of the current boot.
void place_boots(UndatedState& state, int64_t last_durable_ns, uint32_t current, int64_t wall_at_boot_ns);

}  // namespace tributary::edge
