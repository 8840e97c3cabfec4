// SPDX-License-Identifier: Apache-2.0
// The bounds of the 256 buckets of one octave at scale 8, as integers (thresholds.cpp is written by
// generate_thresholds.py and checked against exact arithmetic by a test).
#pragma once

#include <cstdint>

namespace tributary::stats {

// floor(2^63 * 2^(j / 256)); the last is a sentinel that no mantissa exceeds. All but the first are irrational before
// the floor, so "mantissa > threshold" decides exactly.
extern const uint64_t kThresholds[257];
// For each of 512 equal cells of the octave the number of thresholds below the cell's start.
extern const uint16_t kCellFirst[512];

}  // namespace tributary::stats
