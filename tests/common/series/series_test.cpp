// SPDX-License-Identifier: Apache-2.0
// Claims about series: limits, alphabet, identity as bytes and back.
#include "common/series/series.h"

#include <gtest/gtest.h>

namespace tributary {
namespace {

Series sample() { return {.device = "küche", .metric = "temperature", .labels = {{"site", "roof"}, {"unit", "°C"}}}; }

TEST(Series, IdReadsBackAsTheSameSeries) {
  Series series = sample();
  Result<Series> back = series_from_id(series.id());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->device, series.device);
  EXPECT_EQ(back->metric, series.metric);
  EXPECT_EQ(back->labels, series.labels);
  EXPECT_FALSE(back->overflow);
}

TEST(Series, OverflowAndFleetAreTwoIdentities) {
  Series overflow{.device = "", .metric = "temperature", .labels = sample().labels, .overflow = true};
  EXPECT_TRUE(check_series(overflow).ok());
  EXPECT_NE(overflow.id(), overflow.fleet().id());
  EXPECT_EQ(overflow.fleet().id(), sample().fleet().id());
  EXPECT_TRUE(series_from_id(overflow.id())->overflow);
  EXPECT_TRUE(series_from_id(sample().fleet().id())->device.empty());
}

TEST(Series, IdIsOrderedByDeviceThenMetric) {
  auto id = [](const char* device, const char* metric) { return Series{.device = device, .metric = metric}.id(); };
  EXPECT_LT(id("a", "z"), id("aa", "a"));
  EXPECT_LT(id("a", "m"), id("a", "n"));
  EXPECT_LT(id("a", "m"), id("a", "mm"));
}

TEST(Series, LongestSeriesHasAnIdOfAtMost480Bytes) {
  Series series{.device = std::string(kDeviceBytesMax, 'd'), .metric = std::string(kMetricBytesMax, 'm')};
  for (char c = 'a'; c < 'h'; ++c) series.labels.push_back({std::string(1, c), std::string(28, 'v')});
  series.labels.back().value += "vvvvv";
  ASSERT_TRUE(check_series(series).ok()) << check_series(series).error().message;
  EXPECT_EQ(series.id().size(), kSeriesIdBytesMax);
  series.labels[0].value += "v";
  ASSERT_FALSE(check_series(series).ok());
  EXPECT_NE(check_series(series).error().message.find("found names of 481 bytes in all"), std::string::npos);
  EXPECT_FALSE(series_from_id(series.id()).ok());
}

TEST(Series, WhatDoesNotFitIsRefusedByName) {
  auto refused = [](auto change) {
    Series series = sample();
    change(series);
    Status status = check_series(series);
    return !status.ok() && status.error().code == ErrorCode::kInvalid &&
           status.error().message.find("expected") != std::string::npos;
  };
  EXPECT_TRUE(check_series(sample()).ok());
  EXPECT_TRUE(refused([](Series& s) { s.device = ""; }));
  EXPECT_TRUE(refused([](Series& s) { s.device = std::string(129, 'x'); }));
  EXPECT_TRUE(refused([](Series& s) { s.device = "a\nb"; }));
  EXPECT_TRUE(refused([](Series& s) { s.device = std::string("a\0b", 3); }));
  EXPECT_TRUE(refused([](Series& s) { s.device = "\xc0\xaf"; }));          // overlong
  EXPECT_TRUE(refused([](Series& s) { s.device = "\xed\xa0\x80"; }));      // surrogate
  EXPECT_TRUE(refused([](Series& s) { s.device = "\xf4\x90\x80\x80"; }));  // beyond U+10FFFF
  EXPECT_TRUE(refused([](Series& s) { s.device = "\xc2\x85"; }));          // C1 control
  EXPECT_TRUE(refused([](Series& s) { s.device = "caf\xc3"; }));           // cut
  EXPECT_TRUE(refused([](Series& s) { s.metric = ""; }));
  EXPECT_TRUE(refused([](Series& s) { s.metric = "1st"; }));
  EXPECT_TRUE(refused([](Series& s) { s.metric = "a b"; }));
  EXPECT_TRUE(refused([](Series& s) { s.metric = std::string(129, 'x'); }));
  EXPECT_TRUE(refused([](Series& s) { s.metric = "a\nb"; }));
  EXPECT_TRUE(refused([](Series& s) { s.metric = "a\xc3"; }));
  EXPECT_TRUE(refused([](Series& s) { s.metric = "\xc2\x85"; }));
  EXPECT_TRUE(refused([](Series& s) { s.labels = {{"Site", "x"}}; }));
  EXPECT_TRUE(refused([](Series& s) { s.labels = {{"site", ""}}; }));
  EXPECT_TRUE(refused([](Series& s) { s.labels = {{"b", "x"}, {"a", "x"}}; }));
  EXPECT_TRUE(refused([](Series& s) { s.labels = {{"a", "x"}, {"a", "y"}}; }));
  EXPECT_TRUE(refused([](Series& s) { s.labels = {{"a", std::string(65, 'x')}}; }));
  EXPECT_TRUE(refused([](Series& s) { s.overflow = true; }));
}

TEST(Series, BytesThatAreNoIdAreCorrupt) {
  std::string id = sample().id();
  for (size_t size = 0; size < id.size(); ++size) {
    Result<Series> cut = series_from_id(id.substr(0, size));
    if (cut.ok()) {
      EXPECT_EQ(cut->id(), id.substr(0, size));  // cut after a whole label it is another series
    }
  }
  EXPECT_FALSE(series_from_id("").ok());
  EXPECT_FALSE(series_from_id("abc").ok());
  EXPECT_FALSE(series_from_id(id + "x").ok());
  EXPECT_FALSE(series_from_id(std::string("d\0m\0\x01\x01", 6)).ok());
  EXPECT_EQ(series_from_id(id + "x").error().code, ErrorCode::kCorrupt);
}

TEST(Series, FieldNamesBecomeMetricNames) {
  EXPECT_EQ(metric_name("temperature"), "temperature");
  EXPECT_EQ(metric_name("A0 level"), "A0_level");
  EXPECT_EQ(metric_name("0x4AD6"), "_0x4AD6");
  EXPECT_EQ(metric_name("switch:0"), "switch:0");
  EXPECT_EQ(metric_name("ö"), "ö");
  EXPECT_EQ(metric_name("温度"), "温度");
  EXPECT_EQ(metric_name("темп 1"), "темп_1");
  EXPECT_EQ(metric_name("°C"), "°C");
  EXPECT_EQ(metric_name("a\nb"), "a\nb") << "a control character is for check_series to refuse by name";
  EXPECT_EQ(metric_name(""), "");
}

TEST(Series, NamesOfAnyScriptAreKeptByteByByte) {
  for (const char* metric : {"温度", "темп", "влаж", "Größe", "θερμοκρασία", "حرارة", "temp\u00b5"}) {
    const Series series{.device = "küche", .metric = metric};
    ASSERT_TRUE(check_series(series).ok()) << metric;
    EXPECT_EQ(series_from_id(series.id())->metric, metric);
    EXPECT_TRUE(series_from_id(series.fleet().id()).ok());
  }
}

TEST(Series, WhatWasStoredUnderTheFormerLimitsIsRead) {
  // The longest that there was: 128 bytes of device, 64 of metric, 256 of labels.
  Series series{.device = std::string(128, 'd'), .metric = std::string(64, 'm')};
  for (char c = 'a'; c < 'i'; ++c) series.labels.push_back({std::string(1, c), std::string(31, 'v')});
  const auto back = series_from_id(series.id());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->id(), series.id());
}

}  // namespace
}  // namespace tributary
