// SPDX-License-Identifier: Apache-2.0
// Where boots without a clock are placed in time: see undated_state.h.
#include "edge/outbox/undated/undated_state.h"

#include <algorithm>

#include "common/base/bugs.h"

namespace tributary::edge {

void place_boots(UndatedState& state, int64_t last_durable_ns, uint32_t current, int64_t wall_at_boot_ns) {
  int64_t behind_ns = last_durable_ns, length_ns = 0;
  for (const auto& [number, boot] : state.boots) {
    if (boot.state != BootState::kUndated) {
      behind_ns = std::max(behind_ns, boot.base_ns + boot.last_mono_ns);
    } else if (number != current) {
      length_ns += boot.last_mono_ns;
    }
  }
  // They were before the current boot. Where no time is known, or one that cannot be, they end where it begins.
  if (behind_ns <= 0 || behind_ns > wall_at_boot_ns - length_ns) behind_ns = wall_at_boot_ns - length_ns;
  for (auto& [number, boot] : state.boots) {
    if (boot.state != BootState::kUndated) continue;
    const bool known = number == current || bug("boots_as_one");
    boot.state = known ? BootState::kDated : BootState::kEstimated;
    boot.base_ns = known ? wall_at_boot_ns : behind_ns;
    if (!known) behind_ns += boot.last_mono_ns;
  }
}

}  // namespace tributary::edge
