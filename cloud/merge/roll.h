// SPDX-License-Identifier: Apache-2.0
// The roll step: with the append time, fresh rows become materialised ones, and what retention no longer keeps is
// dropped.
#pragma once

#include <array>
#include <cstdint>

#include "cloud/state/state.h"

namespace tributary::merge {

// The R that belongs to an append time; see FORMAT.md.
int64_t roll_target(int64_t append_ns);

// Moves rolled_s of the head to target, fresh rows with it, and trims by retention. REQUIRES: target > the head's
// rolled_s, and everything buffered is flushed.
void roll(state::WriteTxn& write, const std::array<int64_t, 4>& retention_s, int64_t target);

}  // namespace tributary::merge
