// SPDX-License-Identifier: Apache-2.0
// Summaries are flat and exact.
#include <gtest/gtest.h>

#include <limits>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

TEST_F(ApiTest, SummariesAreFlatAndExact) {
  const Json all = ask("/api/v1/summary?metric=temperature&device=a");
  EXPECT_EQ(all["count"], 60);
  EXPECT_EQ(all["unit"], "C");
  EXPECT_EQ(all["min"], 20.0);
  EXPECT_EQ(all["max"], 20 + 59 * 0.1);
  EXPECT_TRUE(all["from"].is_null() && all["rate"].is_null());
  EXPECT_EQ(all["first"]["time"], "2023-11-14T22:03:20Z");
  EXPECT_LE(all["p50"]["low"], all["p50"]["value"]);
  EXPECT_TRUE(all["completeness"].contains("share") && all["completeness"].contains("to"));
  const Json part =
      ask("/api/v1/summary?metric=temperature&device=a,b&from=-10m&to=now&stats=count,rate,p99.9,histogram");
  EXPECT_EQ(part["count"], 120);
  EXPECT_EQ(part["rate"], 0.2);
  EXPECT_TRUE(part.contains("p99.9") && part.contains("histogram") && !part.contains("mean"));
  EXPECT_EQ(part["histogram"]["positive"]["offset"].size(), part["histogram"]["positive"]["counts"].size());
  const Json none = ask("/api/v1/summary?metric=temperature&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z");
  EXPECT_EQ(none["count"], 0);
  EXPECT_TRUE(none["mean"].is_null() && none["p50"].is_null() && none["first"].is_null());
}

TEST_F(ApiTest, OneReadingHasNoDeviation) {
  tell("c", "lonely", 4);
  const Json one = ask("/api/v1/summary?metric=lonely");
  EXPECT_EQ(one["mean"], 4.0);
  EXPECT_TRUE(one["stddev"].is_null());
  EXPECT_FALSE(one.contains("overflow"));
}

TEST_F(ApiTest, AResultBeyondDoubleIsNamed) {
  tell("c", "huge", 1.7e308);
  tell("c", "huge", 1.7e308);
  const Json huge = ask("/api/v1/summary?metric=huge&stats=sum,mean");
  EXPECT_TRUE(huge["sum"].is_null());
  EXPECT_EQ(huge["mean"], 1.7e308);
  EXPECT_EQ(huge["overflow"], Json::array({"sum"}));
}

}  // namespace
}  // namespace tributary::api
