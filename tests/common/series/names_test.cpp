// SPDX-License-Identifier: Apache-2.0
// Claims about the one place where names are judged.
#include "common/series/names.h"

#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "common/base/utf8.h"

namespace tributary {
namespace {

// Each grammar, as it is told to people, against its function: over every byte at the first, a middle and the last
// place, and every length around the limit.
void expect_as_told(const std::string& grammar, bool (*judge)(std::string_view), char fill, size_t size_max) {
  const std::regex told(grammar);
  const auto expected = [&](const std::string& text) {
    return text.size() <= size_max && text.find('\0') == std::string::npos && std::regex_match(text, told);
  };
  for (size_t size = 0; size <= size_max + 2; ++size) {
    const std::string text(size, fill);
    EXPECT_EQ(judge(text), expected(text)) << grammar << ": " << size << " bytes";
  }
  for (int byte = 0; byte < 256; ++byte) {
    for (size_t at : {0, 1, 2}) {
      std::string text(3, fill);
      text[at] = static_cast<char>(byte);
      EXPECT_EQ(judge(text), expected(text)) << grammar << ": byte " << byte << " at " << at;
    }
  }
}

TEST(Names, AreJudgedByTheGrammarsThatAreTold) {
  expect_as_told(kTopicNameGrammar, &is_topic_name, 'x', 64);
  expect_as_told(kLabelKeyGrammar, &is_label_key, 'x', 32);
}

TEST(Names, OfMetricsAreAsciiOfTheAlphabetAndAnythingOfOtherScripts) {
  expect_as_told("[A-Za-z_][A-Za-z0-9_.:-]*", &is_metric_name, 'x', kMetricBytesMax);
  EXPECT_TRUE(is_metric_name("温度"));
  EXPECT_TRUE(is_metric_name("x\u00b0"));
  EXPECT_FALSE(is_metric_name("\u009f"));
  std::string longest;
  for (int i = 0; i < 64; ++i) longest += "ä";
  EXPECT_TRUE(is_metric_name(longest));
  EXPECT_FALSE(is_metric_name(longest + "a"));
}

TEST(Names, OfTenantsAndGatewaysAreNeverAPathOfTheirOwn) {
  for (const char* text : {".", "..", "../x", "a/b", "a\\b", "", "+", "#", "$share"})
    EXPECT_FALSE(is_topic_name(text)) << text;
  for (const char* text : {"Acme", "acme.eu", "0", "a..b", "gateway-1_b"}) EXPECT_TRUE(is_topic_name(text)) << text;
}

// Against a decoder that goes by code points: every sequence of one to three bytes, and four at the edges.
size_t length_by_code_point(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf8 ? 0 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  if (length == 0 || text.size() < length) return 0;
  uint32_t code = lead & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  return code >= kLeast[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? length : 0;
}

TEST(Utf8, SequencesAreWellFormedAsByTheirCodePoints) {
  EXPECT_EQ(utf8_length(""), 0u);
  for (uint32_t bytes = 0; bytes < 1u << 24; ++bytes) {
    const char text[] = {static_cast<char>(bytes >> 16), static_cast<char>(bytes >> 8), static_cast<char>(bytes)};
    const std::string_view three(text, 3);
    ASSERT_EQ(utf8_length(three), length_by_code_point(three)) << bytes;
  }
  for (int lead = 0xf0; lead < 0x100; ++lead) {
    for (int second = 0; second < 256; ++second) {
      for (const char* rest : {"\x80\x80", "\xbf\xbf", "\x7f\x80", "\x80\xc0", "\x80"}) {
        const std::string text = std::string{static_cast<char>(lead), static_cast<char>(second)} + rest;
        ASSERT_EQ(utf8_length(text), length_by_code_point(text)) << lead << " " << second;
      }
    }
  }
}

TEST(Utf8, ControlCharactersAreNotPrintable) {
  EXPECT_TRUE(is_printable_utf8(""));
  EXPECT_TRUE(is_printable_utf8("K\u00fcche 1/\u00b0C \U0001F321\u00a0"));
  EXPECT_FALSE(is_printable_utf8("a\x1f"));
  EXPECT_FALSE(is_printable_utf8("\x7f"));
  EXPECT_FALSE(is_printable_utf8("\u0080"));
  EXPECT_FALSE(is_printable_utf8("\u009f"));
  EXPECT_FALSE(is_printable_utf8("a\xc2"));
}

}  // namespace
}  // namespace tributary
