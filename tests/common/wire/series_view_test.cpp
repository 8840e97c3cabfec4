// SPDX-License-Identifier: Apache-2.0
// The wire's limits of series names are those of the contract, and the same as where readings come in.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "common/series/series.h"
#include "common/wire/message.h"

namespace tributary::wire {
namespace {

bool fits(const SeriesView& view) { return check_series_view(view) == DecodeError::kNone; }

TEST(SeriesView, LimitsAreTheContracts) {
  const std::string long_text(300, 'x');
  auto of = [&](size_t bytes) { return std::string_view(long_text).substr(0, bytes); };
  EXPECT_TRUE(fits({.device = of(128), .metric = of(128)}));
  EXPECT_FALSE(fits({.device = of(129), .metric = "m"}));
  EXPECT_FALSE(fits({.device = "d", .metric = of(129)}));
  EXPECT_FALSE(fits({.device = "", .metric = "m"}));
  EXPECT_TRUE(fits({.device = "", .metric = "m", .overflow = true}));
  EXPECT_FALSE(fits({.device = "d", .metric = "m", .overflow = true}));
  EXPECT_FALSE(fits({.device = "d", .metric = ""}));
  EXPECT_FALSE(fits({.device = "d", .metric = "1m"}));
  EXPECT_FALSE(fits({.device = "d", .metric = ".m"}));
  EXPECT_TRUE(fits({.device = "d", .metric = "_m.1:a-B"}));
  EXPECT_FALSE(fits({.device = "d", .metric = "m", .kind = 2}));

  auto labels = [](std::vector<LabelView> views) {
    SeriesView view{.device = "d", .metric = "m"};
    view.label_count = static_cast<uint8_t>(views.size());
    std::copy(views.begin(), views.end(), view.labels.begin());
    return view;
  };
  EXPECT_TRUE(fits(labels({{of(32), of(64)}})));
  EXPECT_FALSE(fits(labels({{of(33), "v"}})));
  EXPECT_FALSE(fits(labels({{"k", of(65)}})));
  EXPECT_FALSE(fits(labels({{"k", ""}})));
  EXPECT_FALSE(fits(labels({{"K", "v"}})));
  EXPECT_FALSE(fits(labels({{"b", "v"}, {"a", "v"}})));
  EXPECT_FALSE(fits(labels({{"a", "v"}, {"a", "v"}})));
  EXPECT_TRUE(fits(labels({{"a", of(63)}, {"b", of(63)}, {"c", of(63)}, {"d", of(63)}})));
  EXPECT_FALSE(fits(labels({{"a", of(63)}, {"b", of(63)}, {"c", of(63)}, {"d", of(64)}})));
  EXPECT_TRUE(fits({.device = "d", .metric = "温度"}));
  SeriesView all{.device = of(128), .metric = of(128), .label_count = 4};
  all.labels = {LabelView{"a", of(60)}, {"b", of(60)}, {"c", of(60)}, {"d", of(30)}};
  EXPECT_TRUE(fits(all)) << "480 bytes in all";
  all.labels[3].value = of(31);
  EXPECT_FALSE(fits(all)) << "481";
}

TEST(SeriesView, TextIsWellFormedUtf8WithoutControlCharacters) {
  auto device = [](std::string_view text) { return fits({.device = text, .metric = "m"}); };
  EXPECT_TRUE(device("Küche 1/°C \U0001F321"));
  EXPECT_TRUE(device("\u00a0\uffff\U0010ffff"));
  EXPECT_FALSE(device(std::string_view("a\0b", 3)));
  EXPECT_FALSE(device("a\n"));
  EXPECT_FALSE(device("\x7f"));
  EXPECT_FALSE(device("\u0085")) << "C1";
  EXPECT_FALSE(device("\xc0\xaf")) << "overlong";
  EXPECT_FALSE(device("\xe0\x80\xaf")) << "overlong";
  EXPECT_FALSE(device("\xed\xa0\x80")) << "surrogate";
  EXPECT_FALSE(device("\xf4\x90\x80\x80")) << "beyond U+10FFFF";
  EXPECT_FALSE(device("\xe2\x82")) << "cut";
  EXPECT_FALSE(device("\x80"));
}

TEST(SeriesView, IsJudgedAsWhereReadingsComeIn) {
  const char* const pieces[] = {"a",
                                "b",
                                "_",
                                "9",
                                "Z",
                                ".",
                                "-",
                                ":",
                                " ",
                                "\n",
                                "\x7f",
                                "é",
                                "\u0080",
                                "\u00a0",
                                "\xed\x9f\xbf",
                                "\xed\xa0\x80",
                                "\xee\x80\x80",
                                "\xc1\x81",
                                "\xf0\x8f\xbf\xbf",
                                "\xf0\x90\x80\x80",
                                "\xf4\x8f\xbf\xbf",
                                "\xf5\x80\x80\x80",
                                "\xe2\x82",
                                "\xff"};
  std::mt19937_64 random(7);
  auto text = [&](size_t pieces_max, size_t kinds) {
    std::string out;
    for (size_t left = random() % (pieces_max + 1); left > 0; --left) out += pieces[random() % kinds];
    return out;
  };
  int accepted = 0;
  for (int round = 0; round < 200'000; ++round) {
    size_t kinds = random() % 3 == 0 ? std::size(pieces) : 4;
    Series series{.device = text(random() % 20 == 0 ? 130 : 4, kinds),
                  .metric = text(random() % 20 == 0 ? 66 : 3, kinds),
                  .labels = {},
                  .kind = MetricKind::kGauge,
                  .overflow = random() % 4 == 0};
    for (size_t count = random() % 4; count > 0; --count) {
      series.labels.push_back({text(random() % 20 == 0 ? 34 : 2, kinds), text(random() % 5 == 0 ? 90 : 2, kinds)});
    }
    if (random() % 2 == 0) std::sort(series.labels.begin(), series.labels.end());
    SeriesView view{.device = series.device, .metric = series.metric};
    view.overflow = series.overflow;
    for (const Label& label : series.labels) view.labels[view.label_count++] = {label.key, label.value};
    bool expected = check_series(series).ok();
    ASSERT_EQ(fits(view), expected) << series.id();
    accepted += expected ? 1 : 0;
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace tributary::wire
