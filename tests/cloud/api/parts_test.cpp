// SPDX-License-Identifier: Apache-2.0
// The parts below the endpoints: numbers, texts, times, percentiles, keys.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "cloud/api/endpoint/stream.h"
#include "cloud/api/params.h"
#include "cloud/http/families.h"
#include "cloud/http/json_writer.h"
#include "cloud/http/problem.h"
#include "cloud/render/stats.h"
#include "cloud/tenants/keys.h"
#include "common/runtime/sha256.h"

namespace tributary::api {
namespace {

constexpr int64_t kS = kNanosPerSecond;

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

TEST(Percentiles, AreExactRatios) {
  auto ratio = [](const char* text) {
    const auto stat = parse_stat(text);
    return stat ? std::pair(stat->numerator, stat->denominator) : std::pair<uint64_t, uint64_t>(0, 0);
  };
  EXPECT_EQ(ratio("p50"), (std::pair<uint64_t, uint64_t>(50, 100)));
  EXPECT_EQ(ratio("p99.9"), (std::pair<uint64_t, uint64_t>(999, 1000)));
  EXPECT_EQ(ratio("p0.000000001"), (std::pair<uint64_t, uint64_t>(1, 100'000'000'000)));
  EXPECT_EQ(ratio("p100"), (std::pair<uint64_t, uint64_t>(100, 100)));
  for (const char* wrong : {"p0", "p", "p101", "p100.1", "p5.", "p.5", "p-1", "p1e1", "50", "p00", "p0.0", "pp50",
                            "p0.0000000001", "p1000"}) {
    EXPECT_FALSE(parse_stat(wrong).has_value()) << wrong;
  }
}

TEST(Times, RelativeAndAbsolute) {
  const int64_t now = 1'700'000'000 * kS;
  EXPECT_EQ(parse_time("now", now), now);
  EXPECT_EQ(parse_time("-24h", now), now - 86400 * kS);
  EXPECT_EQ(parse_time("-15m", now), now - 900 * kS);
  EXPECT_EQ(parse_time("-7d", now), now - 7 * 86400 * kS);
  EXPECT_EQ(parse_time("+5m", now), now + 300 * kS);
  EXPECT_EQ(parse_time("1700000000", now), now);
  EXPECT_EQ(parse_time("1700000000000", now), now);
  EXPECT_EQ(parse_time("2023-11-14T22:13:20Z", now), now);
  EXPECT_EQ(parse_time("2023-11-14T23:13:20 01:00", now), now);  // a '+' that was not encoded
  for (const char* wrong :
       {"", "soon", "-h", "-5y", "--5m", "-0h", "now-1h", "-99999999999999999999h", "2023-13-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_time(wrong, now).has_value()) << wrong;
  }
}

TEST(Steps, AutoGivesAtMost300Rows) {
  EXPECT_EQ(auto_steps(50 * 60 * kS).front(), 10u);
  EXPECT_EQ(auto_steps(50 * 60 * kS + kS).front(), 30u);
  EXPECT_EQ(auto_steps(24 * 3600 * kS).front(), 300u);
  EXPECT_EQ(auto_steps(7 * 86400 * kS).front(), 3600u);
  EXPECT_EQ(auto_steps(1).front(), 10u);
  EXPECT_EQ(auto_steps(std::numeric_limits<int64_t>::max()), std::vector<WidthS>{86400});
  EXPECT_EQ(coarser_steps(10, 100'000, 20'000).front(), WidthS{60});
  EXPECT_EQ(coarser_steps(86400, 100'000, 20'000), (std::vector<WidthS>{7 * 86400, 28 * 86400, 364 * 86400}));
  EXPECT_TRUE(coarser_steps(364 * 86400, 100'000, 20'000).empty());
  EXPECT_EQ(step_text(300), "5m");
  EXPECT_EQ(step_text(90), "90s");
}

TEST(EventIds, ReadBackTheSame) {
  EXPECT_EQ(event_id({{0xfedcba9876543210, 42}}), "fedcba9876543210-42");
  for (const query::Place& place : {query::Place{{0xfedcba9876543210, 42}}, query::Place{{1, 0}, {0, 0}, {3, ~0ull}}}) {
    const auto id = parse_event_id(event_id(place));
    ASSERT_TRUE(id.has_value());
    EXPECT_EQ(*id, place);
  }
  for (const char* wrong : {"", "-", "0000000000000000-", "0000000000000000", "000000000000000g-1",
                            "0000000000000000-1x", "0000000000000000-99999999999999999999", "0000000000000000-1.",
                            ".0000000000000000-1", "0000000000000000-1.1"}) {
    EXPECT_FALSE(parse_event_id(wrong).has_value()) << wrong;
  }
}

TEST(Csv, QuotesWhatNeedsIt) {
  std::string out;
  append_csv_text(out, "a,\"b\"\n");
  EXPECT_EQ(out, "\"a,\"\"b\"\"\n\"");
}

TEST(Exposition, EscapesLabels) {
  Exposition text;
  text.counter("tributary_x_total", "What\nit is.").sample(uint64_t{3}, {{"reason", "a\"b\\c\nd"}}).sample(0.5);
  EXPECT_EQ(text.text(),
            "# HELP tributary_x_total What\\nit is.\n# TYPE tributary_x_total "
            "counter\ntributary_x_total{reason=\"a\\\"b\\\\c\\nd\"} 3\ntributary_x_total 0.5\n");
}

class AuthTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ =
        (std::filesystem::temp_directory_path() / ("tributary-keys-" + std::to_string(::getpid()) + ".json")).string();
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  std::string path_;
};

TEST_F(AuthTest, KeysAreReadAgainWhenTheFileChanges) {
  Auth auth(path_);
  const std::string one = make_key(), two = make_key();
  EXPECT_NE(auth.trouble(), "");
  EXPECT_FALSE(auth.tenant_of(one).has_value());
  KeysFile file{.keys = {{"first", runtime::sha256_hex(one), "", ""}}, .session_secret = runtime::random_hex(32)};
  ASSERT_TRUE(write_keys_file(path_, file).ok());
  EXPECT_EQ(auth.tenant_of(one), "first");
  EXPECT_EQ(auth.trouble(), "");
  file.keys.push_back({"second", runtime::sha256_hex(two), "", ""});
  ASSERT_TRUE(write_keys_file(path_, file).ok());
  EXPECT_EQ(auth.tenant_of(two), "second");
  EXPECT_EQ(auth.tenant_of(one), "first");
  EXPECT_FALSE(auth.tenant_of(one + "x").has_value());
  EXPECT_FALSE(auth.tenant_of("").has_value());
  EXPECT_FALSE(auth.tenant_of(runtime::sha256_hex(one)).has_value());  // the hash is no key
}

TEST_F(AuthTest, ABrokenFileKeepsTheKeysBefore) {
  const std::string key = make_key();
  ASSERT_TRUE(write_keys_file(path_, {.keys = {{"demo", runtime::sha256_hex(key), "", ""}},
                                      .session_secret = runtime::random_hex(32)})
                  .ok());
  Auth auth(path_);
  EXPECT_EQ(auth.tenant_of(key), "demo");
  std::ofstream(path_) << "{\"keys\":[{\"tenant\":\"Demo!\",\"sha256\":\"x\"}]}";
  EXPECT_EQ(auth.tenant_of(key), "demo");
  EXPECT_NE(auth.trouble().find("expected [a-z0-9]"), std::string::npos);
}

TEST_F(AuthTest, TheFileIsForItsOwnerOnlyAndHoldsNoKey) {
  const std::string key = make_key();
  EXPECT_GE(key.size(), 37u);
  ASSERT_TRUE(write_keys_file(path_, {.keys = {{"demo", runtime::sha256_hex(key), "", ""}},
                                      .session_secret = runtime::random_hex(32)})
                  .ok());
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  std::ifstream in(path_);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(text.find(key), std::string::npos);
}

TEST_F(AuthTest, ATamperedSessionIsNone) {
  const std::string key = make_key();
  ASSERT_TRUE(write_keys_file(path_, {.keys = {{"demo", runtime::sha256_hex(key), "", ""}},
                                      .session_secret = runtime::random_hex(32)})
                  .ok());
  Auth auth(path_);
  const auto session = auth.make_session(*auth.identity_of(key), 1000);
  ASSERT_TRUE(session.has_value());
  EXPECT_EQ(auth.identity_of_session(*session, 1000)->tenant, "demo");
  EXPECT_EQ(session->find(key), std::string::npos);
  for (size_t i = 0; i < session->size(); ++i) {
    std::string changed = *session;
    changed[i] = changed[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(auth.identity_of_session(changed, 1000).has_value()) << i;
  }
  for (const char* wrong : {"", ".", "....", "1.demo", "1.demo.0.99999999999."})
    EXPECT_FALSE(auth.identity_of_session(wrong, 1000).has_value());
}

}  // namespace
}  // namespace tributary::api
