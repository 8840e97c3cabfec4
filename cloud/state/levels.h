// SPDX-License-Identifier: Apache-2.0
// The levels rows are kept at, and how they are cut into chunks. Constants of the stored format
// (FORMAT.md).
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "common/base/time.h"

namespace tributary::state {

// 0: base (every width below a minute), then the steps of the ladder.
inline constexpr int kLevels = 6;
inline constexpr int kBaseLevel = 0;
inline constexpr int kAllTimeLevel = 5;

// The row width of a level; a base row has its own.
inline constexpr std::array<WidthS, kLevels> kLevelWidth = {0, 60, 900, 3600, 86400, kAllTime};

// Seconds of event time in one chunk: about a page of rows.
inline constexpr std::array<int64_t, kLevels> kChunkSpan = {300, 1800, 21600, 86400, 8 * 86400, 0};

// Before every time that a window can start at.
inline constexpr int64_t kBeforeAll = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kAfterAll = std::numeric_limits<int64_t>::max();

// Retention is cut at these steps, so that no row of the next coarser level straddles a cutoff.
inline constexpr std::array<int64_t, 4> kCutoffAlign = {900, 3600, 86400, 86400};

// How far behind the append time rows stop being fresh, and the step it advances by.
inline constexpr int64_t kFreshSpan = 3600;
inline constexpr int64_t kRollStep = 900;

constexpr int level_of(WidthS width_s) {
  for (int level = 1; level < kLevels; ++level) {
    if (kLevelWidth[level] == width_s) return level;
  }
  return kBaseLevel;
}

// The start of the row of level (1 to 5) that holds start_s.
constexpr int64_t level_start(int level, int64_t start_s) { return window_start_s(start_s, kLevelWidth[level]); }

constexpr int64_t chunk_start(int level, int64_t start_s) {
  return level == kAllTimeLevel ? 0 : floor_div(start_s, kChunkSpan[level]) * kChunkSpan[level];
}

}  // namespace tributary::state
