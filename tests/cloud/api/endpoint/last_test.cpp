// SPDX-License-Identifier: Apache-2.0
// The last reading of every series, now and at an instant.
#include <gtest/gtest.h>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

using LastTest = ApiTest;

TEST_F(LastTest, TheLastReadingOfEverySeriesIsToldPageByPage) {
  query_.add("demo", "a", "humidity", kNowS - 5, 40);
  const Json all = ask("/api/v1/last");
  ASSERT_EQ(all["series"].size(), 3u);
  EXPECT_FALSE(all.contains("next"));
  EXPECT_TRUE(all["completeness"].contains("share"));
  EXPECT_EQ(all["series"][0], (Json{{"device", "a"},
                                    {"metric", "humidity"},
                                    {"labels", {{"unit", "C"}}},
                                    {"time", "2023-11-14T22:13:15Z"},
                                    {"value", 40.0}}));
  EXPECT_EQ(all["series"][1]["value"], 20 + 59 * 0.1);
  EXPECT_EQ(ask("/api/v1/last?metric=temperature&device=b")["series"].size(), 1u);
  EXPECT_EQ(ask("/api/v1/last?device=nobody", 404)["found"], "nobody");
  Json pages = Json::array();
  std::string next;
  do {
    const Json page = ask("/api/v1/last?limit=1" + (next.empty() ? "" : "&cursor=" + next));
    ASSERT_EQ(page["series"].size(), 1u);
    pages.push_back(page["series"][0]);
    next = page.value("next", "");
  } while (!next.empty());
  EXPECT_EQ(pages, all["series"]);
  ask("/api/v1/last?metric=secret_metric", 404);
  ask("/api/v1/last?metric=none", 404);
  EXPECT_EQ(get("/api/v1/last").find("secret"), std::string::npos);
}

TEST_F(LastTest, TheLastReadingAtAnInstantSaysWhetherItIsExactly) {
  const std::string at = "2023-11-14T22:13:00.5Z";
  const Json exact = ask("/api/v1/last?at=" + at);
  EXPECT_EQ(exact["at"], at);
  ASSERT_FALSE(exact["series"].empty());
  for (const auto& one : exact["series"]) {
    EXPECT_LE(one["time"].get<std::string>().substr(0, 19), at.substr(0, 19));
    EXPECT_EQ(one["exact"], true);
    EXPECT_FALSE(one.contains("rows"));
  }
  query_.open_rows = {{kNowS - 30, 10}, {0, 0}};
  const Json open = ask("/api/v1/last?at=" + at)["series"][0];
  EXPECT_EQ(open["exact"], false);
  EXPECT_EQ(open["rows"], (Json{{{"start", "2023-11-14T22:12:50Z"}, {"width", 10}},
                                {{"start", "1970-01-01T00:00:00Z"}, {"width", 0}}}));
  query_.open_rows.clear();
  EXPECT_TRUE(ask("/api/v1/last?at=-100d")["series"].empty());
  EXPECT_EQ(ask("/api/v1/last?at=%2B1d")["series"].size(), ask("/api/v1/last")["series"].size());
  EXPECT_EQ(ask("/api/v1/last?at=soon", 400)["parameter"], "at");
  EXPECT_FALSE(ask("/api/v1/last")["series"][0].contains("exact"));
}

}  // namespace
}  // namespace tributary::api
