// SPDX-License-Identifier: Apache-2.0
// JSON: every double reads back the same, any bytes become valid text.
#include "cloud/http/json_writer.h"

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

namespace tributary::api {
namespace {

TEST(JsonWriter, EveryDoubleReadsBackTheSame) {
  const uint64_t seed = std::random_device{}();
  std::mt19937_64 random(seed);
  std::vector<double> values = {
      0.0, 0.1, 1e22, 1e23, 5e-324, 2.2250738585072014e-308, std::numeric_limits<double>::max(), -1.5, 1.0 / 3};
  for (int i = 0; i < 100'000; ++i) {
    const double value = std::bit_cast<double>(random());
    if (std::isfinite(value)) values.push_back(value);
  }
  for (const double value : values) {
    std::string text;
    append_double(text, value);
    double back = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), back);
    ASSERT_EQ(parsed.ptr, text.data() + text.size());
    ASSERT_EQ(std::bit_cast<uint64_t>(back), std::bit_cast<uint64_t>(value)) << text << " seed " << seed;
    ASSERT_TRUE(nlohmann::json::accept(text)) << text;
  }
}

TEST(JsonWriter, AnyBytesBecomeValidJson) {
  const uint64_t seed = std::random_device{}();
  std::mt19937_64 random(seed);
  for (int i = 0; i < 5'000; ++i) {
    std::string text;
    for (size_t size = random() % 20; text.size() < size;) {
      text += static_cast<char>(random() % 4 == 0 ? random() : 0xC0 + random() % 0x40);
    }
    std::string out;
    append_json_string(out, text);
    ASSERT_TRUE(nlohmann::json::accept(out)) << "seed " << seed;
  }
  std::string out;
  append_json_string(out, "a\"b\\c\n\x01\xC3\xA9\xF0\x9F\x8C\xA1\xED\xA0\x80");
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\n\\u0001\xC3\xA9\xF0\x9F\x8C\xA1\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

TEST(JsonWriter, WritesStructures) {
  JsonWriter json;
  json.begin_object()
      .field("a", 1)
      .key("b")
      .begin_array()
      .value(1.5)
      .null()
      .value(true)
      .begin_object()
      .end_object()
      .end_array();
  json.field("c", std::numeric_limits<double>::infinity()).field("d", uint64_t{18446744073709551615ULL}).end_object();
  EXPECT_EQ(json.take(), "{\"a\":1,\"b\":[1.5,null,true,{}],\"c\":null,\"d\":18446744073709551615}");
}

}  // namespace
}  // namespace tributary::api
