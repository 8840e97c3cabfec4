// SPDX-License-Identifier: Apache-2.0
// Claims about the increase of a counter.
#include "edge/window/counter.h"

#include <gtest/gtest.h>

#include <limits>
#include <utility>
#include <vector>

namespace tributary::edge {
namespace {

struct Stepped {
  CounterStep step;
  double increase;
};

class CounterTest : public ::testing::Test {
 protected:
  Stepped next(double value, int64_t time_ns, CounterTime time = CounterTime::kOrders) {
    const CounterStep step = step_counter(previous_, time_ns, time, value);
    return {step, value};
  }
  std::optional<PreviousValue> previous_;
};

TEST_F(CounterTest, TheFirstValueIsOnlyRememberedAndTheNextOnesAddWhatIsMore) {
  EXPECT_EQ(next(100, 1).step, CounterStep::kFirst);
  const Stepped second = next(130, 2);
  EXPECT_EQ(second.step, CounterStep::kIncrease);
  EXPECT_EQ(second.increase, 30);
  EXPECT_EQ(next(130, 2).increase, 0);
  EXPECT_EQ(previous_->value, 130);
  EXPECT_EQ(previous_->time_ns, 2);
}

TEST_F(CounterTest, ASmallerValueIsAResetAndCountsWhole) {
  next(100, 1);
  const Stepped reset = next(5, 2);
  EXPECT_EQ(reset.step, CounterStep::kIncrease);
  EXPECT_EQ(reset.increase, 5);
  EXPECT_EQ(next(7, 3).increase, 2);
}

// What public reports showed, each as values and what was counted in all.
TEST_F(CounterTest, DipsAndZerosAreNoResets) {
  const std::vector<std::pair<std::vector<double>, double>> cases = {
      {{-467113, -467114, -467113}, 0},
      {{215.6, 215.7, 215.6, 215.7, 215.8}, 0.2},
      {{3.737, 0, 3.746, 3.750, 3.75}, 0.013},
      {{3.737, 0, 0, 3.746}, 0.009},
      {{1.2, 1.1, 1.2, 1.3}, 0.1},
      {{100, 99, 101}, 1},
      {{-5, -20, -18}, 2},
      {{100, 0, 5, 7}, 7},
      {{100, 5, 7}, 7},
      {{10, -10, -5}, 5},
  };
  for (const auto& [values, expected] : cases) {
    previous_.reset();
    double all = 0;
    int64_t time_ns = 0;
    for (const double value : values) {
      const Stepped one = next(value, ++time_ns);
      if (one.step != CounterStep::kIncrease) continue;
      EXPECT_GE(one.increase, 0) << values[0] << " … " << value;
      all += one.increase;
    }
    EXPECT_NEAR(all, expected, 1e-9) << values[0] << ", " << values[1];
  }
}

TEST_F(CounterTest, WhatIsAResetCanBeConfigured) {
  const PreviousValue hundred{100, 1, 0};
  EXPECT_EQ(judge_counter(hundred, 99), CounterMove::kDip);
  EXPECT_EQ(judge_counter(hundred, 98.9), CounterMove::kReset);
  EXPECT_EQ(judge_counter(hundred, 0), CounterMove::kZero);
  EXPECT_EQ(judge_counter(hundred, 100), CounterMove::kForward);
  EXPECT_EQ(judge_counter(hundred, 50, 0.5), CounterMove::kDip);
  EXPECT_EQ(judge_counter(hundred, 49, 0.5), CounterMove::kReset);
  EXPECT_EQ(judge_counter(hundred, 99.9, 1), CounterMove::kReset);
  EXPECT_EQ(judge_counter(hundred, 0, 1), CounterMove::kReset);
  EXPECT_DOUBLE_EQ(last_place(215.7), 0.1);
  EXPECT_DOUBLE_EQ(last_place(-3.737), 0.001);
  EXPECT_DOUBLE_EQ(last_place(1e-7), 1e-7);
  EXPECT_DOUBLE_EQ(last_place(120), 1);
  EXPECT_DOUBLE_EQ(last_place(1e300), 1);
}

TEST_F(CounterTest, AValueFromBeforeTheLastOneIsRefusedAndChangesNothing) {
  next(100, 10);
  EXPECT_EQ(next(90, 9).step, CounterStep::kOutOfOrder);
  EXPECT_EQ(previous_->value, 100);
  EXPECT_EQ(previous_->time_ns, 10);
  EXPECT_EQ(next(101, 10).increase, 1) << "the same time is no disorder";
}

TEST_F(CounterTest, WhereTheTimeDoesNotOrderValuesCountAsTheyCome) {
  constexpr int64_t kUnknown = std::numeric_limits<int64_t>::min();
  EXPECT_EQ(next(100, kUnknown, CounterTime::kDoesNotOrder).step, CounterStep::kFirst);
  EXPECT_EQ(previous_->time_ns, kUnknown);
  EXPECT_EQ(next(110, 10, CounterTime::kDoesNotOrder).increase, 10);
  EXPECT_EQ(next(115, 5, CounterTime::kDoesNotOrder).increase, 5);
  EXPECT_EQ(previous_->time_ns, 10) << "the later time stays";
  EXPECT_EQ(next(120, kUnknown, CounterTime::kDoesNotOrder).increase, 5);
  EXPECT_EQ(previous_->time_ns, 10);
  EXPECT_EQ(next(121, 9).step, CounterStep::kOutOfOrder);
}

TEST_F(CounterTest, AnIncreaseBeyondDoubleIsRefusedAndChangesNothing) {
  constexpr double kMost = std::numeric_limits<double>::max();
  next(-kMost, 1);
  EXPECT_EQ(next(kMost, 2).step, CounterStep::kOutOfRange);
  EXPECT_EQ(previous_->value, -kMost);
  EXPECT_EQ(previous_->time_ns, 1);
}

TEST_F(CounterTest, ARefusalHasItsReason) {
  EXPECT_STREQ(reading::to_string(reject_of(CounterStep::kOutOfOrder)), "out_of_order");
  EXPECT_STREQ(reading::to_string(reject_of(CounterStep::kOutOfRange)), "out_of_range");
}

}  // namespace
}  // namespace tributary::edge
