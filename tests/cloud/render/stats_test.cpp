// SPDX-License-Identifier: Apache-2.0
// Statistics: how they are named, and that each is told in every form in the same words.
#include "cloud/render/stats.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>
#include <vector>

#include "common/base/time.h"

namespace tributary::api {
namespace {

constexpr int64_t kS = kNanosPerSecond;

stats::Summary summary_of(const std::vector<double>& values) {
  stats::Summary summary;
  for (size_t i = 0; i < values.size(); ++i) summary.add((1'700'000'000 + static_cast<int64_t>(i)) * kS, values[i]);
  return summary;
}

std::string json_of(const stats::Summary& summary, const std::vector<Stat>& stats, const RateBasis& basis = {}) {
  JsonWriter json;
  json.begin_object();
  write_summary(json, summary, stats, basis);
  json.end_object();
  return json.take();
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

TEST(Statistics, EachNameIsReadAsItselfAndStandsInTheRefusal) {
  std::set<std::string_view> names;
  for (const Statistic* one : statistics()) {
    EXPECT_TRUE(names.insert(one->name).second) << one->name;
    EXPECT_NE(statistic_names().find(one->name), std::string::npos);
    EXPECT_EQ(one->parse == nullptr, one->usual.empty()) << one->name;
    EXPECT_EQ(parse_stat(one->parse ? one->usual.front() : one->name)->statistic, one);
    for (const std::string_view usual : one->usual) EXPECT_EQ(parse_stat(usual)->statistic, one);
  }
  EXPECT_EQ(statistic_names(),
            "count, sum, mean, variance, stddev, min, max, first, last, rate, histogram, or pN with 0 < N <= 100");
  EXPECT_FALSE(parse_stat("").has_value());
  EXPECT_FALSE(parse_stat("Mean").has_value());
}

TEST(Statistics, WhatIsToldWhereNothingIsChosen) {
  const auto names = [](const std::vector<Stat>& stats) {
    std::string all;
    for (const Stat& stat : stats) all += (all.empty() ? "" : " ") + stat.name;
    return all;
  };
  EXPECT_EQ(names(summary_stats()), "count sum mean variance stddev min max first last rate p50 p95 p99");
  EXPECT_EQ(names(row_stats()), "count mean min max stddev p50 p95 p99");
}

TEST(Statistics, JsonSaysEachOne) {
  EXPECT_EQ(json_of(summary_of({1, 2, 4}), stats_of({"count", "sum", "min", "max", "last", "rate"}), {.width_s = 6}),
            R"({"count":3,"sum":7,"min":1,"max":4,"last":{"time":"2023-11-14T22:13:22Z","value":4},"rate":0.5})");
  EXPECT_EQ(json_of(summary_of({1, 2, 4}), stats_of({"rate"}), {.kind = MetricKind::kCounter, .width_s = 2}),
            R"({"rate":3.5})");
  EXPECT_EQ(json_of({}, stats_of({"count", "mean", "first", "p50"})),
            R"({"count":0,"mean":null,"first":null,"p50":null})");
  const double huge = std::numeric_limits<double>::max();
  EXPECT_EQ(json_of(summary_of({huge, huge}), stats_of({"count", "sum"})),
            R"({"count":2,"sum":null,"overflow":["sum"]})");
}

TEST(Statistics, CsvHasAsManyCellsAsColumns) {
  std::vector<Stat> all = summary_stats();
  all.push_back(*parse_stat("histogram"));
  const std::string columns = csv_columns(all);
  for (const auto& summary : {stats::Summary(), summary_of({1, 2, 4})}) {
    std::string cells;
    append_csv_values(cells, summary, all, {.width_s = 60});
    EXPECT_EQ(std::count(cells.begin(), cells.end(), ','), std::count(columns.begin(), columns.end(), ',')) << cells;
  }
  EXPECT_EQ(csv_columns(stats_of({"count", "last", "p95", "histogram"})), ",count,last_time,last,p95,p95_low,p95_high");
}

TEST(Statistics, GaugesOfOneNameAreOfOneStatistic) {
  std::set<std::string> prometheus, otlp;
  for (const Stat& stat : gauge_stats()) {
    const WindowGauge& told = stat.statistic->gauge;
    const std::string name = stat.statistic->parse ? stat.name : std::string(told.prometheus);
    EXPECT_TRUE(told.prometheus.empty() || prometheus.insert(name).second) << name;
    EXPECT_TRUE(told.otlp.empty() || otlp.insert(std::string(told.otlp)).second) << told.otlp;
    EXPECT_EQ(told.prometheus.empty(), told.prometheus_help.empty());
    EXPECT_EQ(told.otlp.empty(), told.otlp_help.empty());
  }
  EXPECT_EQ(prometheus,
            (std::set<std::string>{"readings", "increase", "mean", "min", "max", "last", "p50", "p95", "p99"}));
  EXPECT_EQ(otlp, (std::set<std::string>{"count", "mean", "min", "max", "last"}));
}

}  // namespace
}  // namespace tributary::api
