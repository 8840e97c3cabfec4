// SPDX-License-Identifier: Apache-2.0
// What a collector answers.
#include "cloud/render/otlp.h"

#include <gtest/gtest.h>

#include <string_view>

namespace tributary::api {
namespace {

TEST(OtlpAnswerTest, AnswersAreReadAndGarbageIsNone) {
  EXPECT_EQ(parse_otlp_answer("")->rejected, 0u);
  const auto parsed = parse_otlp_answer(std::string_view("\x0a\x06\x08\x03\x12\x02no", 8));
  EXPECT_EQ(parsed->rejected, 3u);
  EXPECT_EQ(parsed->message, "no");
  EXPECT_FALSE(parse_otlp_answer("<html>").has_value());
  EXPECT_FALSE(parse_otlp_answer(std::string_view("\x0a\x20\x08", 3)).has_value());
  // Unknown fields of every wire type are stepped over.
  EXPECT_TRUE(parse_otlp_answer(std::string_view("\x10\x01\x19\0\0\0\0\0\0\0\0\x25\0\0\0\0\x1a\x01x", 19)).has_value());
}

}  // namespace
}  // namespace tributary::api
