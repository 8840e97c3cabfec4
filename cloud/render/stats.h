// SPDX-License-Identifier: Apache-2.0
// Summaries as answers: which statistics were asked for, and how they print as JSON and CSV.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/http/json_writer.h"
#include "common/series/series.h"
#include "common/stats/summary.h"

namespace tributary::api {

struct Stat {
  enum class Kind { kCount, kSum, kMean, kVariance, kStddev, kMin, kMax, kFirst, kLast, kRate, kQuantile, kHistogram };
  Kind kind = Kind::kCount;
  std::string name;                         // as it was asked for
  uint64_t numerator = 0, denominator = 1;  // kQuantile: p as an exact ratio
};

// "p99.9" gives 999/1000, exactly. nullopt: not pN with 0 < N <= 100, or more than nine decimals.
std::optional<Stat> parse_quantile(std::string_view name);
// Any name of API.md; nullopt if unknown.
std::optional<Stat> parse_stat(std::string_view name);
// Names of the contract only. REQUIRES: each is known.
std::vector<Stat> stats_of(std::initializer_list<std::string_view> names);

// What is told where nothing is chosen: of one summary, and of each of many rows.
const std::vector<Stat>& summary_stats();
const std::vector<Stat>& row_stats();

// What rate means for the readings at hand. width_s 0: none.
struct RateBasis {
  MetricKind kind = MetricKind::kGauge;
  double width_s = 0;
};

// Writes the statistics as fields of the object that is open, and overflow if a result lies beyond double.
void write_summary(JsonWriter& json, const stats::Summary& summary, const std::vector<Stat>& stats,
                   const RateBasis& basis);

// The column names of stats, each with a comma before it; the same for the values of one row (empty where there is
// none). Histograms have no column.
std::string csv_columns(const std::vector<Stat>& stats);
void append_csv_values(std::string& out, const stats::Summary& summary, const std::vector<Stat>& stats,
                       const RateBasis& basis);
// A field, in quotation marks where RFC 4180 wants them.
void append_csv_text(std::string& out, std::string_view text);

// Writes histogram's object: {scale, zero, positive: {offset, counts}, negative: {offset, counts}}.
void write_histogram(JsonWriter& json, const stats::Distribution& distribution);

// A time as in every answer.
std::string time_text(int64_t time_ns);
// The same from whole seconds; saturates where nanoseconds do not reach.
std::string time_text_s(int64_t time_s);

}  // namespace tributary::api
