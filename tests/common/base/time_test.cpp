// SPDX-License-Identifier: Apache-2.0
// Claims about what is too far ahead.
#include "common/base/time.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

TEST(LatestTime, IsTheLastThatIsNotTooFarAhead) {
  EXPECT_EQ(latest_time_ns(1'000, 500), 1'500);
  EXPECT_EQ(latest_time_ns(-1'000, 0), -1'000);
  EXPECT_EQ(latest_time_ns(kTimeMaxNs - 500, 500), kTimeMaxNs - 1);
  EXPECT_EQ(latest_time_ns(std::numeric_limits<int64_t>::max(), 86'400 * kNanosPerSecond), kTimeMaxNs - 1);
}

TEST(LatestTime, InWholeSecondsIsThatOfTheSecondBegun) {
  EXPECT_EQ(latest_start_s(10 * kNanosPerSecond + 999'999'999, 600), 610);
  EXPECT_EQ(latest_start_s(-1, 600), 599);
  // A reading that a gateway takes lies in a window that the cloud takes, where both allow the same.
  for (const int64_t now_ns : {int64_t{0}, int64_t{-1}, 5 * kNanosPerSecond + 7}) {
    EXPECT_LE(to_seconds_floor(latest_time_ns(now_ns, 300 * kNanosPerSecond)), latest_start_s(now_ns, 300));
  }
}

}  // namespace
}  // namespace tributary
