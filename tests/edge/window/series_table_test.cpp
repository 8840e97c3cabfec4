// SPDX-License-Identifier: Apache-2.0
// Claims about the series table: one series for each device, metric and labels, however a reading says them.
#include "edge/window/series_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace tributary::edge {
namespace {

using reading::Reading;

SeriesTableConfig config_of(std::vector<Label> labels = {}, std::map<std::string, std::string, std::less<>> units = {},
                            uint32_t series_max = 10'000) {
  SeriesTableConfig config;
  config.labels = std::move(labels);
  config.unit_by_metric = std::move(units);
  config.series_max = series_max;
  return config;
}

Reading said(std::string_view device, std::string_view metric, std::span<const LabelView> labels = {},
             std::string_view unit = {}) {
  return {.device = device, .metric = metric, .labels = labels, .unit = unit};
}

uint32_t find_or_add(SeriesTable& table, const Reading& reading) {
  const uint32_t found = table.find(reading);
  const auto added = table.add(reading);
  EXPECT_TRUE(added.ok()) << (added.ok() ? "" : added.error().message);
  if (!added.ok()) return SeriesTable::kNone;
  EXPECT_TRUE(found == SeriesTable::kNone || found == *added);
  EXPECT_TRUE(table[*added].overflow || table.find(reading) == *added);
  return *added;
}

Series series_of(const SeriesTable& table, uint32_t index) {
  auto series = series_from_id(table[index].id);
  EXPECT_TRUE(series.ok());
  return *series;
}

TEST(SeriesTable, DeviceMetricAndLabelsMakeASeriesAndTheirOrderDoesNot) {
  SeriesTable table(config_of());
  const LabelView ab[] = {{"a", "1"}, {"b", "2"}}, ba[] = {{"b", "2"}, {"a", "1"}}, other[] = {{"a", "1"}, {"b", "3"}};
  const uint32_t plain = find_or_add(table, said("d", "m"));
  const uint32_t labelled = find_or_add(table, said("d", "m", ab));
  EXPECT_NE(plain, labelled);
  EXPECT_EQ(find_or_add(table, said("d", "m", ba)), labelled);
  EXPECT_NE(find_or_add(table, said("d", "m", other)), labelled);
  EXPECT_NE(find_or_add(table, said("d", "n", ab)), labelled);
  EXPECT_NE(find_or_add(table, said("e", "m", ab)), labelled);
  EXPECT_EQ(find_or_add(table, said("d", "m")), plain);
  EXPECT_EQ(table.count(), 5u);
  EXPECT_EQ(series_of(table, labelled).labels, (std::vector<Label>{{"a", "1"}, {"b", "2"}}));
}

TEST(SeriesTable, AnotherUnitIsAnotherSeriesWhetherSaidAsUnitOrAsLabel) {
  SeriesTable table(config_of());
  const LabelView unit[] = {{"unit", "°C"}};
  const uint32_t celsius = find_or_add(table, said("d", "m", {}, "°C"));
  EXPECT_EQ(find_or_add(table, said("d", "m", unit)), celsius);
  EXPECT_NE(find_or_add(table, said("d", "m", {}, "°F")), celsius);
  EXPECT_NE(find_or_add(table, said("d", "m")), celsius);
}

TEST(SeriesTable, TheSendersWordCountsBeforeTheConfiguredOne) {
  SeriesTable table(config_of({{"site", "roof"}, {"floor", "2"}}, {{"t", "°C"}}));
  EXPECT_EQ(series_of(table, find_or_add(table, said("d", "t"))).labels,
            (std::vector<Label>{{"floor", "2"}, {"site", "roof"}, {"unit", "°C"}}));
  const LabelView cellar[] = {{"site", "cellar"}};
  EXPECT_EQ(series_of(table, find_or_add(table, said("d", "t", cellar, "K"))).labels,
            (std::vector<Label>{{"floor", "2"}, {"site", "cellar"}, {"unit", "K"}}));
}

// Whichever comes first: who says what is configured anyway means the same series as who says nothing.
TEST(SeriesTable, SayingWhatIsConfiguredIsTheSameSeries) {
  const LabelView roof[] = {{"site", "roof"}};
  for (const bool plain_first : {true, false}) {
    SeriesTable table(config_of({{"site", "roof"}}, {{"t", "°C"}}));
    const uint32_t first = find_or_add(table, plain_first ? said("d", "t") : said("d", "t", roof, "°C"));
    EXPECT_EQ(find_or_add(table, plain_first ? said("d", "t", roof, "°C") : said("d", "t")), first);
    EXPECT_EQ(table.find(said("d", "t", roof)), first);
    EXPECT_EQ(table.count(), 1u);
  }
}

TEST(SeriesTable, WhatIsFoundIsWhatWasAddedForAnyLabels) {
  const uint64_t seed = 5;
  std::mt19937_64 random(seed);
  SeriesTable table(config_of({{"site", "roof"}, {"b", "x"}}, {{"m0", "K"}}));
  const std::vector<std::string> keys = {"a", "b", "c", "site", "unit", "_z"}, values = {"1", "roof", "x", "K"};
  std::map<std::string, uint32_t> by_id;
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::string> shuffled = keys;
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    std::vector<LabelView> labels;
    for (size_t i = 0; i < random() % 4; ++i) labels.push_back({shuffled[i], values[random() % values.size()]});
    const bool unit_said = std::any_of(labels.begin(), labels.end(), [](auto& one) { return one.key == "unit"; });
    const std::string device = "d" + std::to_string(random() % 3), metric = "m" + std::to_string(random() % 2);
    const Reading reading = said(device, metric, labels, unit_said || random() % 2 == 0 ? "" : "C");
    const uint32_t index = find_or_add(table, reading);
    ASSERT_NE(index, SeriesTable::kNone) << "seed " << seed << " round " << round;
    const auto [known, fresh] = by_id.emplace(table[index].id, index);
    ASSERT_EQ(known->second, index) << "one identity has one number; seed " << seed << " round " << round;
  }
  EXPECT_EQ(by_id.size(), table.count());
}

TEST(SeriesTable, WhatTheLimitsForbidIsRefusedAlsoWhereTheRestIsKnown) {
  SeriesTable table(config_of());
  find_or_add(table, said("d", "m"));
  std::vector<std::string> keys;
  for (int i = 0; i < 9; ++i) keys.push_back("k" + std::to_string(i));
  std::vector<LabelView> nine;
  for (const std::string& key : keys) nine.push_back({key, "v"});
  const LabelView twice[] = {{"a", "1"}, {"a", "1"}}, upper[] = {{"A", "1"}}, empty[] = {{"a", ""}},
                  nameless[] = {{"", "1"}};
  for (const std::span<const LabelView> labels :
       {std::span<const LabelView>(nine), {twice}, {upper}, {empty}, {nameless}}) {
    for (int round = 0; round < 2; ++round) {
      EXPECT_EQ(table.find(said("d", "m", labels)), SeriesTable::kNone);
      const auto added = table.add(said("d", "m", labels));
      ASSERT_FALSE(added.ok());
      EXPECT_EQ(added.error().code, ErrorCode::kInvalid);
    }
  }
  const LabelView unit[] = {{"unit", "K"}};
  EXPECT_FALSE(table.add(said("d", "m", unit, "K")).ok()) << "the unit is said twice";
  EXPECT_FALSE(table.add(said("", "m")).ok());
  EXPECT_EQ(table.find(said("", "m")), SeriesTable::kNone);
  EXPECT_EQ(table.count(), 1u);
}

TEST(SeriesTable, BeyondTheLimitReadingsCountInTheirMetricsOverflowSeriesOneForEachUnit) {
  SeriesTable table(config_of({{"site", "roof"}}, {}, 2));
  find_or_add(table, said("a", "m"));
  find_or_add(table, said("b", "m"));
  const LabelView one[] = {{"k", "1"}}, two[] = {{"k", "2"}};
  const uint32_t overflow = find_or_add(table, said("c", "m"));
  EXPECT_TRUE(table[overflow].overflow);
  EXPECT_EQ(find_or_add(table, said("c", "m", one)), overflow);
  EXPECT_EQ(find_or_add(table, said("e", "m", two)), overflow);
  const uint32_t celsius = find_or_add(table, said("c", "m", one, "°C"));
  EXPECT_NE(celsius, overflow);
  EXPECT_EQ(find_or_add(table, said("e", "m", two, "°C")), celsius);
  EXPECT_EQ(series_of(table, celsius).labels, (std::vector<Label>{{"site", "roof"}, {"unit", "°C"}}));
  EXPECT_EQ(series_of(table, celsius).device, "");
  EXPECT_EQ(find_or_add(table, said("a", "m")), table.find(said("a", "m"))) << "known ones stay their own";
}

TEST(SeriesTable, ARestoredSeriesIsFoundAgainWithItsLabels) {
  const LabelView ab[] = {{"b", "2"}, {"a", "1"}};
  const SeriesTableConfig config = config_of({{"site", "roof"}});
  std::vector<std::string> ids;
  {
    SeriesTable before(config);
    for (const Reading& reading : {said("d", "m"), said("d", "m", ab), said("d", "m", ab, "K")}) {
      ids.push_back(before[find_or_add(before, reading)].id);
    }
  }
  SeriesTable after(config);
  for (uint32_t i = 0; i < ids.size(); ++i) after.restore(10 + i, ids[i], MetricKind::kGauge);
  EXPECT_EQ(after.find(said("d", "m")), 10u);
  EXPECT_EQ(after.find(said("d", "m", ab)), 11u);
  EXPECT_EQ(find_or_add(after, said("d", "m", ab, "K")), 12u);
  EXPECT_EQ(after.count(), 3u);
}

TEST(SeriesTable, WhereTheConfigurationChangedNewReadingsGoToAnotherSeries) {
  const std::string id = Series{.device = "d", .metric = "m", .labels = {{"site", "roof"}}}.id();
  SeriesTable moved(config_of({{"site", "cellar"}}));
  moved.restore(0, id, MetricKind::kGauge);
  EXPECT_NE(find_or_add(moved, said("d", "m")), 0u);
  const LabelView roof[] = {{"site", "roof"}};
  EXPECT_EQ(find_or_add(moved, said("d", "m", roof)), 0u) << "who says the old label means the old series";

  SeriesTableConfig counter = config_of({{"site", "roof"}});
  counter.kind_by_metric["m"] = MetricKind::kCounter;
  SeriesTable other_kind(counter);
  other_kind.restore(0, id, MetricKind::kGauge);
  EXPECT_NE(find_or_add(other_kind, said("d", "m")), 0u);
  EXPECT_NE(find_or_add(other_kind, said("d", "m", roof)), 0u);
}

}  // namespace
}  // namespace tributary::edge
