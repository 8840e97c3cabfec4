// SPDX-License-Identifier: Apache-2.0
// The one rule for metrics of kind counter: their readings are cumulative values, and what counts is the increase since
// the highest one; the first value ever is only remembered. A lower value is one of three things:
//
//   a dip     less than the tolerance below (rounding, two sources of one figure): nothing was counted; what follows
//             counts from the highest value on, so that 215.6, 215.7, 215.6, 215.7, 215.8 is 0.2 in all
//   a zero    exactly 0 says that the sender does not know yet as often as that it began again. The next value above 0
//             decides: back at the highest one or above, nothing was reset (3.737, 0, 3.746 is 0.009); else a reset
//   a reset   it began again at 0, so that all of the value is increase (never a negative one)
//
// The tolerance is 0.1 % of the highest value or one unit of the last decimal place (at most 1), whichever is more; or
// what reset_below says: a value below that share of the highest one is a reset. With 1 every lower value is a reset,
// zeros too.
//
// An increase is the difference of two doubles, rounded to the nearest once; it is exact unless the value more than
// doubles (Sterbenz), and increases are then summed exactly.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string_view>

#include "common/reading/reading.h"

namespace tributary::edge {

// The last cumulative value of a series of kind counter.
struct PreviousValue {
  double value = 0;
  int64_t time_ns = 0;
  double before_zero = 0;  // the highest value, while value is a zero of which nobody knows yet what it is; else 0
};

enum class CounterStep : uint8_t { kFirst, kIncrease, kOutOfOrder, kOutOfRange };

// Whether the time of a value says in which order it was counted. A time that was only estimated, or is not known yet
// (INT64_MIN), does not: then values count in the order in which they come, and the later time is kept.
enum class CounterTime : uint8_t { kOrders, kDoesNotOrder };

enum class CounterMove : uint8_t { kForward, kDip, kZero, kReset };

// One unit of the last decimal place of value as it is written shortest, at most 1: 0.1 for 215.7.
inline double last_place(double value) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::abs(value), std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<size_t>(end - buffer));
  const size_t exponent = text.find('e'), point = text.find('.');
  const int places = point == std::string_view::npos ? 0 : static_cast<int>(exponent - point) - 1;
  int power = 0;
  std::from_chars(buffer + exponent + (text[exponent + 1] == '+' ? 2 : 1), end, power);
  return std::min(1.0, std::pow(10.0, power - places));
}

inline double highest_of(const PreviousValue& previous) {
  return previous.before_zero > 0 ? previous.before_zero : previous.value;
}

// What value is after previous. reset_below: as above; 0: the default tolerance.
inline CounterMove judge_counter(const PreviousValue& previous, double value, double reset_below = 0) {
  const double highest = highest_of(previous);
  if (value >= highest) return CounterMove::kForward;
  if (value == 0 && reset_below < 1) return CounterMove::kZero;
  constexpr double kShare = 0.001, kRounding = 1 + 1e-9;  // 215.7 - 215.6 is a little more than 0.1
  double tolerance = (1 - reset_below) * std::abs(highest);
  if (reset_below == 0) {
    tolerance = std::max(kShare * std::abs(highest), std::min(last_place(highest), last_place(value)));
  }
  return highest - value <= tolerance * kRounding ? CounterMove::kDip : CounterMove::kReset;
}

// Takes a finite cumulative value and turns it into its increase; previous is what came before, and then this one.
// Where the step is kOutOfOrder or kOutOfRange (the increase is beyond double) nothing has changed.
inline CounterStep step_counter(std::optional<PreviousValue>& previous, int64_t time_ns, CounterTime time,
                                double& value, double reset_below = 0) {
  if (!previous) {
    previous = PreviousValue{value, time_ns, 0};
    return CounterStep::kFirst;
  }
  if (time == CounterTime::kOrders && time_ns < previous->time_ns) return CounterStep::kOutOfOrder;
  const double highest = highest_of(*previous);
  PreviousValue next{value, std::max(previous->time_ns, time_ns), 0};
  double increase = 0;
  switch (judge_counter(*previous, value, reset_below)) {
    case CounterMove::kForward:
      increase = value - highest;
      break;
    case CounterMove::kDip:
      next.value = highest;
      break;
    case CounterMove::kZero:
      next.before_zero = highest;
      break;
    case CounterMove::kReset:
      increase = std::max(value, 0.0);
      break;
  }
  if (!std::isfinite(increase)) return CounterStep::kOutOfRange;
  previous = next;
  value = increase;
  return CounterStep::kIncrease;
}

// Why a step was refused. REQUIRES: it was.
constexpr reading::Reject reject_of(CounterStep step) {
  return step == CounterStep::kOutOfOrder ? reading::Reject::kOutOfOrder : reading::Reject::kOutOfRange;
}

}  // namespace tributary::edge
