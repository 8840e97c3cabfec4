// SPDX-License-Identifier: Apache-2.0
// A gateway is out of question only for what its declaration excludes.
#include "cloud/query/serves.h"

#include <gtest/gtest.h>

namespace tributary::query {
namespace {

TEST(ServesTest, ADeclarationExcludesOnlyWhatNoneOfItsPatternsFits) {
  const auto excluded = [](std::vector<std::string> serves, std::vector<std::string> devices,
                           const std::string& metric) {
    return excludes(serves, {.tenant = "", .metric = metric, .devices = std::move(devices), .labels = {}});
  };
  EXPECT_FALSE(excluded({}, {"a"}, "t"));
  EXPECT_FALSE(excluded({"a"}, {"a"}, "t"));
  EXPECT_TRUE(excluded({"a"}, {"b"}, "t"));
  EXPECT_FALSE(excluded({"a"}, {"b", "a"}, "t"));
  EXPECT_FALSE(excluded({"a"}, {}, "t")) << "of any metric";
  EXPECT_FALSE(excluded({"a/t"}, {"a"}, "t"));
  EXPECT_TRUE(excluded({"a/t"}, {"a"}, "u"));
  EXPECT_TRUE(excluded({"a/t"}, {}, "u"));
  EXPECT_FALSE(excluded({"a/t*"}, {}, "temperature"));
  EXPECT_FALSE(excluded({"plant-*"}, {"plant-7"}, "t"));
  EXPECT_FALSE(excluded({"plant-1/*"}, {"plant-1"}, "t"));
  EXPECT_TRUE(excluded({"plant-1/*"}, {"plant-11"}, "t"));
  EXPECT_FALSE(excluded({"*"}, {"a"}, "t"));
  EXPECT_FALSE(excluded({"a/t"}, {"a"}, "")) << "any metric";
}

}  // namespace
}  // namespace tributary::query
