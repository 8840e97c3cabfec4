// SPDX-License-Identifier: Apache-2.0
// The calls of older systems.
#include <gtest/gtest.h>

#include <set>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

using AliasesTest = ApiTest;

TEST_F(AliasesTest, ClientsOfOlderSystemsGetTheNewestWindowsOfADevice) {
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

TEST_F(AliasesTest, ANameWithACommaOrABackslashCanBeAskedFor) {
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
  EXPECT_EQ(ask("/api/v1/last?metric=humidity&device=left,%20right", 404)["parameter"], "device");
  EXPECT_EQ(names("left%5C,%20right,back%5Cslash"), Names({"left, right", "back\\slash"}));
  EXPECT_EQ(names("back%5C%5Cslash,end%5C%5C,both%5C%5C%5C,"), Names({"back\\slash", "both\\,", "end\\"}));
  // Older systems know no lists: the name is as it is.
  EXPECT_EQ(ask("/api/data?device_id=left,%20right")["windows"].size(), 1u);
  EXPECT_EQ(ask("/kpi?source=left,%20right&metric=humidity")["mean"], 40.0);
  EXPECT_EQ(ask("/series?source=both%5C,&metric=humidity&from=-1m")["series"].size(), 1u);
}

TEST_F(AliasesTest, ClientsOfOlderSystemsGetTheRowsOfADevice) {
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
