// SPDX-License-Identifier: Apache-2.0
// Statistic: how one statistic of a summary is asked for and told. A new one is a file in this folder, its declaration
// below, a row in stats.cpp and a schema in cloud/api/statistics.json.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "cloud/http/json_writer.h"
#include "common/series/series.h"
#include "common/stats/summary.h"

namespace tributary::api {

struct Statistic;

// A statistic as it was asked for.
struct Stat {
  const Statistic* statistic = nullptr;
  std::string name;
  uint64_t numerator = 0, denominator = 1;  // of a family: which of it, as an exact ratio
};

// What rate means for the readings at hand. width_s 0: none.
struct RateBasis {
  MetricKind kind = MetricKind::kGauge;
  double width_s = 0;
};

// What a statistic is told of.
struct Subject {
  const stats::Summary& summary;
  const RateBasis& basis;
};

// A statistic as a gauge of the newest window, for those who collect metrics.
struct WindowGauge {
  // What its name ends in; empty: not told there. A family's is what was asked for.
  std::string_view prometheus, prometheus_help, otlp, otlp_help;
  bool counters_only = false;  // Prometheus
  // kNone: there is none at this moment.
  stats::Answer (*value)(const Subject& subject, const Stat& stat) = nullptr;
  int64_t (*time_ns)(const Subject& subject) = nullptr;  // OTLP; null: the end of the window
};

struct Statistic {
  std::string_view name;    // of a family: what a refusal calls it
  bool in_summary = false;  // told where nothing is chosen
  // Of a family, of which there is one for each number: reads a name of it, and which of it are told where nothing is
  // chosen. Null: the name stands for itself.
  bool (*parse)(std::string_view name, Stat& stat) = nullptr;
  std::span<const std::string_view> usual = {};
  // Writes the value, null where there is none. False: it lies beyond double.
  bool (*write)(JsonWriter& json, const Subject& subject, const Stat& stat) = nullptr;
  // The names of its columns, each with a comma before it, and their values. Null: it has none.
  void (*columns)(std::string& out, const Stat& stat) = nullptr;
  void (*cells)(std::string& out, const Subject& subject, const Stat& stat) = nullptr;
  WindowGauge gauge = {};
};

extern const Statistic kCount, kSum, kMean, kVariance, kStddev, kMin, kMax, kFirst, kLast, kRate;  // numeric.cpp
extern const Statistic kQuantile;                                                                  // quantile.cpp
extern const Statistic kHistogram;                                                                 // histogram.cpp

}  // namespace tributary::api
