// SPDX-License-Identifier: Apache-2.0
// Event time and the ladder of window widths. Time is int64 nanoseconds since the Unix epoch, UTC. Freestanding.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

namespace tributary {

inline constexpr int64_t kNanosPerSecond = 1'000'000'000;

// A width in whole seconds. kAllTime (0) is the window without end that holds every reading of a series.
using WidthS = uint32_t;
inline constexpr WidthS kAllTime = 0;

// The coarse steps of the ladder, each a multiple of the one before; base widths stand below or on it.
inline constexpr std::array<WidthS, 5> kLadder = {60, 900, 3600, 86400, kAllTime};

// A partial may have these widths: a whole number of seconds that divides a minute, or a step of the ladder.
constexpr bool is_width(WidthS width_s) {
  if (width_s == kAllTime || width_s == 900 || width_s == 3600 || width_s == 86400) return true;
  return width_s >= 1 && width_s <= 60 && 60 % width_s == 0;
}

// The next coarser step above width_s; all time stays all time.
constexpr WidthS next_width(WidthS width_s) {
  if (width_s == kAllTime) return kAllTime;
  for (WidthS step : kLadder) {
    if (step == kAllTime || step > width_s) return step;
  }
  return kAllTime;
}

// Floor division: rounds towards minus infinity, so windows before 1970 align too. divisor > 0.
constexpr int64_t floor_div(int64_t value, int64_t divisor) {
  int64_t quotient = value / divisor;
  return (value % divisor < 0) ? quotient - 1 : quotient;
}

// The start, in whole seconds, of the window of width_s that holds time_s. All time starts at 0.
constexpr int64_t window_start_s(int64_t time_s, WidthS width_s) {
  return width_s == kAllTime ? 0 : floor_div(time_s, width_s) * static_cast<int64_t>(width_s);
}

// True if [start_s, start_s + width_s) is a window: a permitted width, aligned, both ends within int64 nanoseconds.
constexpr bool is_window(int64_t start_s, WidthS width_s) {
  constexpr int64_t kEndS = std::numeric_limits<int64_t>::max() / kNanosPerSecond;
  if (!is_width(width_s)) return false;
  if (width_s == kAllTime) return start_s == 0;
  return start_s >= -kEndS && start_s <= kEndS - static_cast<int64_t>(width_s) && start_s % width_s == 0;
}

// True if time_ns lies in the window. All time holds every time. REQUIRES: is_window(start_s, width_s).
constexpr bool in_window(int64_t time_ns, int64_t start_s, WidthS width_s) {
  if (width_s == kAllTime) return true;
  return time_ns >= start_s * kNanosPerSecond && time_ns < (start_s + static_cast<int64_t>(width_s)) * kNanosPerSecond;
}

// Readings from kTimeMinNs (inclusive) to kTimeMaxNs (exclusive) have a window of every width: the whole days that
// int64 nanoseconds hold, from the year 1677 to 2262.
inline constexpr int64_t kTimeMaxNs =
    std::numeric_limits<int64_t>::max() / kNanosPerSecond / 86400 * 86400 * kNanosPerSecond;
inline constexpr int64_t kTimeMinNs = -kTimeMaxNs;

constexpr int64_t to_seconds_floor(int64_t time_ns) { return floor_div(time_ns, kNanosPerSecond); }

// The greatest start, either side of 1970, whose nanoseconds fit an int64.
inline constexpr int64_t kStartMax = std::numeric_limits<int64_t>::max() / kNanosPerSecond;

// What is dated later than this is too far ahead: no clock that may be right has shown it yet. Always a time that has
// windows. REQUIRES: max_future_ns >= 0.
constexpr int64_t latest_time_ns(int64_t now_ns, int64_t max_future_ns) {
  return now_ns < kTimeMaxNs - max_future_ns ? now_ns + max_future_ns : kTimeMaxNs - 1;
}
// The earliest time of a reading that an entrance takes which takes none further back than past_max_ns.
constexpr int64_t earliest_time_ns(int64_t now_ns, int64_t past_max_ns) {
  return now_ns > kTimeMinNs + past_max_ns ? now_ns - past_max_ns : kTimeMinNs;
}
// latest_time_ns for what is known by whole seconds: a window that starts later is too far ahead.
constexpr int64_t latest_start_s(int64_t now_ns, int64_t max_future_s) {
  return to_seconds_floor(now_ns) + max_future_s;
}

// The present, as every core receives it: wall clock for event time, monotonic clock for timeouts.
struct Instant {
  int64_t wall_ns = 0;
  int64_t mono_ns = 0;
};

}  // namespace tributary
