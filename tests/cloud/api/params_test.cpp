// SPDX-License-Identifier: Apache-2.0
// Parameters: times, steps, and refusals that say what would do.
#include "cloud/api/params.h"

#include <gtest/gtest.h>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

constexpr int64_t kS = kNanosPerSecond;

TEST(Times, RelativeAndAbsolute) {
  const int64_t now = 1'700'000'000 * kS;
  EXPECT_EQ(parse_time("now", now), now);
  EXPECT_EQ(parse_time("-24h", now), now - 86400 * kS);
  EXPECT_EQ(parse_time("-15m", now), now - 900 * kS);
  EXPECT_EQ(parse_time("-7d", now), now - 7 * 86400 * kS);
  EXPECT_EQ(parse_time("+5m", now), now + 300 * kS);
  EXPECT_EQ(parse_time("now-24h", now), now - 86400 * kS);
  EXPECT_EQ(parse_time("now+5m", now), now + 300 * kS);
  EXPECT_EQ(parse_time("now 5m", now), now + 300 * kS);  // a '+' that was not encoded
  EXPECT_EQ(parse_time("2023-11-14", now), 1'699'920'000 * kS);
  EXPECT_EQ(parse_time("2023-11-14T23:13:20+0100", now), now);
  for (const char* wrong : {"now-", "now-5y", "now24h", "now--5m", "nowhere", "2023-11-31"})
    EXPECT_FALSE(parse_time(wrong, now).has_value()) << wrong;
  EXPECT_EQ(parse_time("1700000000", now), now);
  EXPECT_EQ(parse_time("1700000000000", now), now);
  EXPECT_EQ(parse_time("2023-11-14T22:13:20Z", now), now);
  EXPECT_EQ(parse_time("2023-11-14T23:13:20 01:00", now), now);  // a '+' that was not encoded
  for (const char* wrong : {"", "soon", "-h", "-5y", "--5m", "-0h", "-99999999999999999999h", "2023-13-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_time(wrong, now).has_value()) << wrong;
  }
}

TEST(Steps, AutoGivesAtMost300Rows) {
  EXPECT_EQ(auto_steps(50 * 60 * kS).front(), 10u);
  EXPECT_EQ(auto_steps(50 * 60 * kS + kS).front(), 30u);
  EXPECT_EQ(auto_steps(24 * 3600 * kS).front(), 300u);
  EXPECT_EQ(auto_steps(7 * 86400 * kS).front(), 3600u);
  EXPECT_EQ(auto_steps(1).front(), 10u);
  EXPECT_EQ(auto_steps(std::numeric_limits<int64_t>::max()), std::vector<WidthS>{86400});
  EXPECT_EQ(coarser_steps(10, 100'000, 20'000).front(), WidthS{60});
  EXPECT_EQ(coarser_steps(86400, 100'000, 20'000), (std::vector<WidthS>{7 * 86400, 28 * 86400, 364 * 86400}));
  EXPECT_TRUE(coarser_steps(364 * 86400, 100'000, 20'000).empty());
  EXPECT_EQ(step_text(300), "5m");
  EXPECT_EQ(step_text(90), "90s");
}

TEST_F(ApiTest, WrongParametersAreNamed) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"/api/v1/series", "metric"},
      {"/api/v1/series?metric=temperature&from=soon", "from"},
      {"/api/v1/series?metric=temperature&step=7%20parsecs", "step"},
      {"/api/v1/series?metric=temperature&step=0", "step"},
      {"/api/v1/series?metric=temperature&stats=p101", "stats"},
      {"/api/v1/series?metric=temperature&stats=p0", "stats"},
      {"/api/v1/series?metric=temperature&stats=count,,", "stats"},
      {"/api/v1/series?metric=temperature&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"},
      {"/api/v1/summary?metric=temperature&colour=red", "colour"},
      {"/api/v1/kpi?metric=temperature&window=-1", "window"},
      {"/api/v1/summary?metric=a&metric=b", "metric"},
      {"/api/v1/series?metric=temperature&by=Device%20Name", "by"},
      {"/api/v1/series?metric=temperature&format=xml", "format"},
      {"/api/v1/summary?metric=temperature&label.=x", "label."},
      {"/api/v1/metrics?x=1", "x"},
      {"/api/v1/stream?fleet=maybe", "fleet"}};
  for (const auto& [target, parameter] : wrong) {
    const Json problem = ask(target, 400);
    EXPECT_EQ(problem["parameter"], parameter) << target;
    EXPECT_TRUE(problem.contains("found") && problem.contains("expected") && problem.contains("detail")) << problem;
    EXPECT_EQ(problem["status"], 400);
  }
}

TEST_F(ApiTest, RefusalsSayWhatWouldDo) {
  EXPECT_EQ(ask("/api/v1/series?metric=temperature&format=xml", 400)["expected"], "json or csv");
  const std::string names = ask("/api/v1/summary?metric=temperature&lable.site=x", 400)["expected"];
  EXPECT_NE(names.find("label.KEY"), std::string::npos) << names;
  const std::string none = ask("/api/v1/metrics?x=1", 400)["expected"];
  EXPECT_EQ(none.find("label.KEY"), std::string::npos) << none;
  const std::string unknown = ask("/api/v1/kpi?metric=temprature", 404)["detail"];
  EXPECT_NE(unknown.find("/api/v1/metrics"), std::string::npos) << unknown;
  RawClient client(server_->port());
  client.send("POST /api/v1/data HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
  const std::string response = client.read_response();
  EXPECT_EQ(status_of(response), 404);
  EXPECT_NE(response.find("bridge"), std::string::npos) << response;
}

}  // namespace
}  // namespace tributary::api
