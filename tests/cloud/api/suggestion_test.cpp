// SPDX-License-Identifier: Apache-2.0
// Ranges that would return too much: the limit, and a step that works.
#include <gtest/gtest.h>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

using SuggestionTest = ApiTest;

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
