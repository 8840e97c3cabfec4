// SPDX-License-Identifier: Apache-2.0
// Pages are together the whole, and wrong ones are refused by name.
#include "cloud/api/pages.h"

#include <gtest/gtest.h>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

using PagesTest = ApiTest;

TEST_F(PagesTest, PagesOfDevicesAndGatewaysAreTogetherTheWhole) {
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

TEST_F(PagesTest, PagesOfMetricsAreTogetherTheWhole) {
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

TEST_F(PagesTest, WrongPagesAreRefusedByName) {
  for (const char* path : {"/api/v1/devices", "/api/v1/metrics", "/api/v1/last"}) {
    for (const char* limit : {"0", "-1", "x", "1e3", "10001", "99999999999999999999"})
      EXPECT_EQ(ask(path + std::string("?limit=") + limit, 400)["parameter"], "limit") << limit;
    for (const char* cursor : {"x", "abc", "zz", "AB", "%00%00"})
      EXPECT_EQ(ask(path + std::string("?cursor=") + cursor, 400)["parameter"], "cursor") << cursor;
    ask(path + std::string("?cursor=") + std::string(1202, 'a'), 400);
    ask(path + std::string("?cursor=ff00ff0000"));
  }
}

}  // namespace
}  // namespace tributary::api
