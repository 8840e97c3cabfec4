// SPDX-License-Identifier: Apache-2.0
// Pages of lists, last readings, and the calls of older systems.
#include <gtest/gtest.h>

#include <set>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

using ListsTest = ApiTest;

TEST_F(ListsTest, TheLastReadingOfEverySeriesIsToldPageByPage) {
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
  EXPECT_EQ(ask("/api/v1/last?device=nobody")["series"].size(), 0u);
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

TEST_F(ListsTest, TheLastReadingAtAnInstantSaysWhetherItIsExactly) {
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

TEST_F(ListsTest, PagesOfDevicesAndGatewaysAreTogetherTheWhole) {
  for (int i = 0; i < 7; ++i) query_.add("demo", "device-" + std::to_string(i), "temperature", kNowS, 1);
  for (int i = 0; i < 23; ++i)
    query_.gateways_answer.push_back({.gateway = "gateway-" + std::to_string(100 + i / 2), .state = "online"});
  const Json whole = ask("/api/v1/devices");
  EXPECT_FALSE(whole.contains("next"));
  for (const int limit : {1, 2, 5, 9, 100}) {
    Json devices = Json::array(), gateways = Json::array();
    std::string next;
    int pages = 0;
    do {
      const Json page = ask("/api/v1/devices?limit=" + std::to_string(limit) + (next.empty() ? "" : "&cursor=" + next));
      EXPECT_LE(page["devices"].size(), static_cast<size_t>(limit));
      for (const auto& one : page["devices"]) devices.push_back(one);
      for (const auto& one : page["gateways"]) gateways.push_back(one);
      EXPECT_TRUE(page["completeness"].contains("share"));
      next = page.value("next", "");
      ASSERT_LT(++pages, 50);
    } while (!next.empty());
    EXPECT_EQ(devices, whole["devices"]) << limit;
    EXPECT_EQ(gateways, whole["gateways"]) << limit;
  }
}

TEST_F(ListsTest, PagesOfMetricsAreTogetherTheWhole) {
  for (const char* metric : {"a", "b", "zz"}) query_.add("demo", "a", metric, kNowS, 1);
  const Json whole = ask("/api/v1/metrics")["metrics"];
  ASSERT_EQ(whole.size(), 4u);
  const Json first = ask("/api/v1/metrics?limit=3");
  const Json second = ask("/api/v1/metrics?limit=3&cursor=" + first.value("next", ""));
  EXPECT_FALSE(second.contains("next"));
  Json both = first["metrics"];
  for (const auto& one : second["metrics"]) both.push_back(one);
  EXPECT_EQ(both, whole);
}

TEST_F(ListsTest, WrongPagesAreRefusedByName) {
  for (const char* path : {"/api/v1/devices", "/api/v1/metrics", "/api/v1/last"}) {
    for (const char* limit : {"0", "-1", "x", "1e3", "10001", "99999999999999999999"})
      EXPECT_EQ(ask(path + std::string("?limit=") + limit, 400)["parameter"], "limit") << limit;
    for (const char* cursor : {"x", "abc", "zz", "AB", "%00%00"})
      EXPECT_EQ(ask(path + std::string("?cursor=") + cursor, 400)["parameter"], "cursor") << cursor;
    ask(path + std::string("?cursor=") + std::string(1202, 'a'), 400);
    ask(path + std::string("?cursor=ff00ff0000"));
  }
}

TEST_F(ListsTest, ClientsOfOlderSystemsGetTheNewestWindowsOfADevice) {
  query_.add("demo", "a", "humidity", kNowS - 5, 40);
  for (const std::string path : {"/api/data?device_id=a", "/kpi?source=a"}) {
    const Json answer = ask(path + "&window=10s");
    EXPECT_EQ(answer[path.find("kpi") == std::string::npos ? "device_id" : "source"], "a");
    ASSERT_EQ(answer["windows"].size(), 2u);
    for (const auto& window : answer["windows"]) {
      const std::string metric = window["metric"];
      EXPECT_EQ(window, ask("/api/v1/kpi?device=a&window=10s&metric=" + metric));
    }
    ask(path.substr(0, path.size() - 1) + "nobody", 404);
    ask(path.substr(0, path.size() - 1) + "secret-device", 404);
    ask(path.substr(0, path.size() - 1), 400);
    ask(path.substr(0, path.size() - 1) + "a,b", 400);
    ask(path + "&device=b", 400);
    ask(path + "&windows=1m", 400);
    EXPECT_EQ(status_of(get(path, "", false)), 401);
  }
  EXPECT_EQ(ask("/kpi?source=a&metric=temperature&window=1m"),
            ask("/api/v1/kpi?device=a&metric=temperature&window=1m"));
}

TEST_F(ListsTest, ANameWithACommaOrABackslashCanBeAskedFor) {
  for (const std::string name : {"left, right", "back\\slash", "end\\", "both\\,"})
    query_.add("demo", name, "humidity", kNowS - 5, 40);
  const auto names = [&](const std::string& devices) {
    const Json answer = ask("/api/v1/last?metric=humidity&device=" + devices);
    std::set<std::string> found;
    for (const auto& one : answer["series"]) found.insert(one["device"]);
    return found;
  };
  using Names = std::set<std::string>;
  EXPECT_EQ(names("left%5C,%20right"), Names({"left, right"}));
  EXPECT_EQ(names("left,%20right"), Names());
  EXPECT_EQ(names("left%5C,%20right,back%5Cslash"), Names({"left, right", "back\\slash"}));
  EXPECT_EQ(names("back%5C%5Cslash,end%5C%5C,both%5C%5C%5C,"), Names({"back\\slash", "both\\,", "end\\"}));
  // Older systems know no lists: the name is as it is.
  EXPECT_EQ(ask("/api/data?device_id=left,%20right")["windows"].size(), 1u);
  EXPECT_EQ(ask("/kpi?source=left,%20right&metric=humidity")["mean"], 40.0);
  EXPECT_EQ(ask("/series?source=both%5C,&metric=humidity&from=-1m")["series"].size(), 1u);
}

TEST_F(ListsTest, ClientsOfOlderSystemsGetTheRowsOfADevice) {
  query_.add("demo", "a", "humidity", kNowS - 5, 40);
  const std::string range = "&step=1m&from=" + std::to_string(kNowS - 300) + "&to=" + std::to_string(kNowS);
  const Json answer = ask("/series?source=a" + range);
  EXPECT_EQ(answer["source"], "a");
  ASSERT_EQ(answer["series"].size(), 2u);
  EXPECT_EQ(answer["series"][1], ask("/api/v1/series?metric=temperature&device=a" + range));
  EXPECT_EQ(ask("/series?source=a&metric=temperature" + range), answer["series"][1]);
  EXPECT_EQ(ask("/series?source=a&format=csv" + range, 400)["parameter"], "metric");
  EXPECT_EQ(get("/series?source=a&metric=temperature&format=csv" + range).find("group") != std::string::npos, true);
}

}  // namespace
}  // namespace tributary::api
