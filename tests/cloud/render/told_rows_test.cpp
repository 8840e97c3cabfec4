// SPDX-License-Identifier: Apache-2.0
// Which rows are told of the series that were found.
#include "cloud/render/told_rows.h"

#include <gtest/gtest.h>

#include "cloud/query/question/last.h"

namespace tributary::api {
namespace {

TEST(ToldRows, TotalsAreOfAllTimeAndInOrder) {
  const auto keys =
      total_rows({{.series = {.device = "a", .metric = "x"}}, {.series = {.device = "b", .metric = "x"}}});
  ASSERT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys[1].series.device, "b");
  EXPECT_EQ(keys[1].row, (query::Row{0, kAllTime}));
}

TEST(ToldRows, ANewestWindowIsToldUnlessItEndedTooLongAgo) {
  const std::vector<query::LastReading> found = {{.series = {.device = "old"}, .time_ns = 59 * kNanosPerSecond},
                                                 {.series = {.device = "new"}, .time_ns = 60 * kNanosPerSecond}};
  const auto both = newest_rows(found, 60, 60 * kNanosPerSecond);
  EXPECT_EQ(both.which, (std::vector<size_t>{0, 1}));
  EXPECT_EQ(both.keys[1].row, (query::Row{60, 60}));
  const auto one = newest_rows(found, 60, 61 * kNanosPerSecond);
  EXPECT_EQ(one.which, std::vector<size_t>{1});
  EXPECT_EQ(one.keys[0].series.device, "new");
}

}  // namespace
}  // namespace tributary::api
