// SPDX-License-Identifier: Apache-2.0
// Summaries as answers: the list of statistics, and the statistics asked for as JSON, CSV and gauges.
#pragma once

#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/render/stat/statistic.h"
#include "cloud/render/text.h"

namespace tributary::api {

// All there are.
std::span<const Statistic* const> statistics();
// What stats= may name, for refusals: "count, sum, … or pN with 0 < N <= 100".
const std::string& statistic_names();

// Any name of API.md; nullopt if unknown.
std::optional<Stat> parse_stat(std::string_view name);
// Names of the contract only. REQUIRES: each is known.
std::vector<Stat> stats_of(std::initializer_list<std::string_view> names);

// What is told where nothing is chosen: of one summary, and of each of many rows.
const std::vector<Stat>& summary_stats();
const std::vector<Stat>& row_stats();
// What is told of a newest window as gauges.
const std::vector<Stat>& gauge_stats();

// Writes the statistics as fields of the object that is open, and overflow if a result lies beyond double.
void write_summary(JsonWriter& json, const stats::Summary& summary, const std::vector<Stat>& stats,
                   const RateBasis& basis);

// The column names of stats, each with a comma before it; the same for the values of one row (empty where there is
// none). Histograms have no column.
std::string csv_columns(const std::vector<Stat>& stats);
void append_csv_values(std::string& out, const stats::Summary& summary, const std::vector<Stat>& stats,
                       const RateBasis& basis);

}  // namespace tributary::api
