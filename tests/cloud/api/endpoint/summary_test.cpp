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

TEST_F(ApiTest, AnswersSayAsOfWhenAndWhetherAnythingCanBeMissing) {
  query_.completeness_part = {.as_of_ns = (kNowS - 5) * kNanosPerSecond, .tenant_seen_ns = 0, .base_width_s = 10};
  const Json asked = ask("/api/v1/summary?metric=temperature&from=-300s&to=-61s")["completeness"];
  EXPECT_EQ(asked["complete"], true);
  EXPECT_EQ(asked["as_of"], "2023-11-14T22:13:15Z");
  EXPECT_TRUE(asked["share"].is_null()) << "nobody is expected";
  EXPECT_EQ(asked["answered"]["to"], "2023-11-14T22:12:20Z");
  EXPECT_FALSE(asked.contains("possible") || asked.contains("straddling"));
  query_.completeness_part.gateways = {{.gateway = "barn", .frontier_ns = 5, .contributes = false}};
  query_.completeness_part.bound_rows = {
      {{kNowS - 3600, 3600}, (kNowS - 3000) * kNanosPerSecond, (kNowS - 70) * kNanosPerSecond, 12}};
  const Json doubtful = ask("/api/v1/summary?metric=temperature&from=-300s&to=-60s")["completeness"];
  EXPECT_EQ(doubtful["complete"], false);
  EXPECT_EQ(doubtful["possible"], Json::parse(R"({"count":1,"gateways":["barn"]})"));
  EXPECT_EQ(doubtful["straddling"][0]["count"], 12);
  EXPECT_EQ(doubtful["straddling"][0]["width"], 3600);
  EXPECT_FALSE(doubtful.contains("answered"));
}

TEST_F(ApiTest, AnAnswerThatIsTheSameLaterHasTheSameTag) {
  const auto tag_at = [&](int64_t as_of_s, bool complete) {
    query_.completeness_part = {.as_of_ns = as_of_s * kNanosPerSecond, .tenant_seen_ns = complete ? 0 : INT64_MAX};
    const std::string response = get("/api/v1/summary?metric=temperature&from=1699999700&to=1699999940");
    const size_t at = response.find("ETag: ");
    return response.substr(at, response.find('\r', at) - at);
  };
  const std::string tag = tag_at(kNowS - 5, true);
  EXPECT_EQ(tag_at(kNowS - 4, true), tag);
  EXPECT_NE(tag_at(kNowS - 5, false), tag);
}

TEST_F(ApiTest, ADeviceThatNobodyKnowsIsRefusedWithTheNearestName) {
  for (const char* path :
       {"summary?metric=temperature", "series?metric=temperature", "kpi?metric=temperature", "last?limit=5"}) {
    const Json problem = ask(std::string("/api/v1/") + path + "&device=a&device=x", 404);
    EXPECT_EQ(problem["parameter"], "device");
    EXPECT_EQ(problem["found"], "x");
    EXPECT_EQ(problem["suggestion"], "a");
  }
  query_.missing_answer = {3};
  EXPECT_EQ(status_of(get("/api/v1/summary?metric=temperature&device=x")), 503) << "somebody may know it";
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
