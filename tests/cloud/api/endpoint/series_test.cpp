// SPDX-License-Identifier: Apache-2.0
// Rows as JSON and CSV; too many of them: the limit, and a step that works.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

using SuggestionTest = ApiTest;

TEST_F(ApiTest, RowsComeByGroup) {
  const Json answer = ask("/api/v1/series?metric=temperature&by=device&from=-10m&step=1m");
  ASSERT_EQ(answer["series"].size(), 2u);
  EXPECT_EQ(answer["series"][0]["group"], "a");
  EXPECT_EQ(answer["step"], 60);
  uint64_t count = 0;
  for (const auto& row : answer["series"][0]["rows"]) count += row["count"].get<uint64_t>();
  EXPECT_EQ(count, 60u);
  EXPECT_EQ(ask("/api/v1/series?metric=temperature")["series"][0]["group"], "");
  EXPECT_EQ(ask("/api/v1/series?metric=temperature&device=nobody", 404)["found"], "nobody");
}

TEST_F(ApiTest, CsvSaysTheSameAsJson) {
  const std::string target = "/api/v1/series?metric=temperature&by=device&from=-10m&step=1m&stats=count,mean,p95,last";
  const Json json = ask(target);
  const std::string response = get(target, "Accept: text/csv\r\n");
  EXPECT_NE(response.find("Content-Type: text/csv"), std::string::npos);
  EXPECT_EQ(response, response.substr(0, response.find("\r\n\r\n") + 4) + body_of(get(target + "&format=csv")));
  std::istringstream lines(body_of(response));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "group,start,width,count,mean,p95,p95_low,p95_high,last_time,last");
  for (const auto& group : json["series"]) {
    for (const auto& row : group["rows"]) {
      ASSERT_TRUE(std::getline(lines, line));
      std::vector<std::string> cells;
      std::istringstream parts(line);
      for (std::string cell; std::getline(parts, cell, ',');) cells.push_back(cell);
      ASSERT_EQ(cells.size(), 10u);
      EXPECT_EQ(cells[0], group["group"]);
      EXPECT_EQ(cells[1], row["start"]);
      EXPECT_EQ(cells[3], std::to_string(row["count"].get<int>()));
      EXPECT_EQ(std::stod(cells[4]), row["mean"].get<double>());
      EXPECT_EQ(std::stod(cells[7]), row["p95"]["high"].get<double>());
      EXPECT_EQ(cells[8], row["last"]["time"]);
    }
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(ApiTest, TooManyRowsSayWhichStepFits) {
  const Json wrong = ask("/api/v1/series?metric=temperature&by=device&from=-10m&step=10s", 400);
  EXPECT_EQ(wrong["found"], "120");
  EXPECT_EQ(wrong["limit"], 100);
  EXPECT_EQ(wrong["suggestion"], "30s");
  EXPECT_EQ(ask("/api/v1/series?metric=temperature&by=device&from=-10m&step=30s")["series"].size(), 2u);
  // auto finds it by itself.
  EXPECT_EQ(ask("/api/v1/series?metric=temperature&by=device&from=-10m")["step"], 30);
  EXPECT_EQ(ask("/api/v1/series?metric=temperature&step=7s", 400)["parameter"], "step");
}

// One reading every `apart` seconds: at a step below that, a step of twice the width has as many rows.
TEST_F(SuggestionTest, ASuggestedStepWorksForSparseReadingsToo) {
  constexpr int64_t kFrom = kNowS - 40 * 86400;
  int number = 0;
  for (const int64_t apart : {10, 45, 120, 1000, 4000, 20'000}) {
    const std::string metric = "sparse_" + std::to_string(number++);
    for (int64_t i = 0; i < 150; ++i) query_.add("demo", "a", metric, kFrom + i * apart, 1);
    const std::string path = "/api/v1/series?metric=" + metric + "&from=" + std::to_string(kFrom) +
                             "&to=" + std::to_string(kNowS) + "&step=";
    const Json wrong = ask(path + "10s", 400);
    EXPECT_EQ(wrong["parameter"], "step");
    EXPECT_EQ(wrong["limit"], 100);
    EXPECT_EQ(wrong["found"], "150");
    ASSERT_TRUE(wrong.contains("suggestion")) << metric;
    const Json right = ask(path + wrong["suggestion"].get<std::string>());
    EXPECT_LE(right["series"][0]["rows"].size(), 100u);
    uint64_t count = 0;
    for (const auto& row : right["series"][0]["rows"]) count += row["count"].get<uint64_t>();
    EXPECT_EQ(count, 150u);
  }
}

TEST_F(SuggestionTest, AStepThatStoredRowsDoNotDivideGetsOneThatTheyDo) {
  const Json wrong = ask("/api/v1/series?metric=temperature&step=7s", 400);
  EXPECT_EQ(wrong["parameter"], "step");
  ask("/api/v1/series?metric=temperature&step=" + wrong.value("suggestion", ""));
}

TEST_F(SuggestionTest, NothingIsSuggestedWhereNoStepHelps) {
  for (int i = 0; i < 101; ++i) query_.add("demo", "d" + std::to_string(i), "wide", kNowS - 5, 1);
  const Json wrong = ask("/api/v1/series?metric=wide&by=device&step=1h", 400);
  EXPECT_EQ(wrong["limit"], 100);
  EXPECT_FALSE(wrong.contains("suggestion"));
}

}  // namespace
}  // namespace tributary::api
