// SPDX-License-Identifier: Apache-2.0
// The one rule for metrics of kind counter: their readings are cumulative values, and what counts is the increase since
// the last one. A value below the last one says that the counter was reset and began again at 0, so that all of it is
// increase; the first value ever is only remembered.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>

#include "common/reading/reading.h"

namespace tributary::edge {

// The last cumulative value of a series of kind counter.
struct PreviousValue {
  double value = 0;
  int64_t time_ns = 0;
};

enum class CounterStep : uint8_t { kFirst, kIncrease, kOutOfOrder, kOutOfRange };

// Whether the time of a value says in which order it was counted. A time that was only estimated, or is not known yet
// (INT64_MIN), does not: then values count in the order in which they come, and the later time is kept.
enum class CounterTime : uint8_t { kOrders, kDoesNotOrder };

// Takes a finite cumulative value and turns it into its increase; previous is what came before, and then this one.
// Where the step is kOutOfOrder or kOutOfRange (the increase is beyond double) nothing has changed.
inline CounterStep step_counter(std::optional<PreviousValue>& previous, int64_t time_ns, CounterTime time,
                                double& value) {
  if (previous && time == CounterTime::kOrders && time_ns < previous->time_ns) return CounterStep::kOutOfOrder;
  const double increase = previous && value >= previous->value ? value - previous->value : value;
  if (!std::isfinite(increase)) return CounterStep::kOutOfRange;
  const bool first = !previous;
  previous = PreviousValue{value, previous ? std::max(previous->time_ns, time_ns) : time_ns};
  value = increase;
  return first ? CounterStep::kFirst : CounterStep::kIncrease;
}

// Why a step was refused. REQUIRES: it was.
constexpr reading::Reject reject_of(CounterStep step) {
  return step == CounterStep::kOutOfOrder ? reading::Reject::kOutOfOrder : reading::Reject::kOutOfRange;
}

}  // namespace tributary::edge
