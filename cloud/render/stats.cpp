// SPDX-License-Identifier: Apache-2.0
// Summaries as answers, see stats.h.
#include "cloud/render/stats.h"

#include "common/base/check.h"

namespace tributary::api {
namespace {

constexpr const Statistic* kStatistics[] = {&kCount, &kSum,   &kMean, &kVariance, &kStddev,   &kMin,
                                            &kMax,   &kFirst, &kLast, &kRate,     &kQuantile, &kHistogram};

// The usual ones of those that fit.
template <class Fits>
std::vector<Stat> chosen(const Fits& fits) {
  std::vector<Stat> stats;
  for (const Statistic* one : kStatistics) {
    if (!fits(*one)) continue;
    if (!one->parse) stats.push_back(*parse_stat(one->name));
    for (const std::string_view name : one->usual) stats.push_back(*parse_stat(name));
  }
  return stats;
}

}  // namespace

std::span<const Statistic* const> statistics() { return kStatistics; }

const std::string& statistic_names() {
  static const std::string names = [] {
    std::string single, families;
    for (const Statistic* one : kStatistics) {
      if (one->parse) {
        families.append(", or ").append(one->name);
      } else {
        single.append(single.empty() ? "" : ", ").append(one->name);
      }
    }
    return single + families;
  }();
  return names;
}

std::optional<Stat> parse_stat(std::string_view name) {
  for (const Statistic* one : kStatistics) {
    Stat stat{.statistic = one, .name = std::string(name)};
    if (one->parse ? one->parse(name, stat) : one->name == name) return stat;
  }
  return std::nullopt;
}

std::vector<Stat> stats_of(std::initializer_list<std::string_view> names) {
  std::vector<Stat> stats;
  for (const auto name : names) {
    auto stat = parse_stat(name);
    CHECK(stat.has_value());
    stats.push_back(std::move(*stat));
  }
  return stats;
}

const std::vector<Stat>& summary_stats() {
  static const std::vector<Stat> stats = chosen([](const Statistic& one) { return one.in_summary; });
  return stats;
}

// In this order, in which CSV has them.
const std::vector<Stat>& row_stats() {
  static const std::vector<Stat> stats = stats_of({"count", "mean", "min", "max", "stddev", "p50", "p95", "p99"});
  return stats;
}

const std::vector<Stat>& gauge_stats() {
  static const std::vector<Stat> stats = chosen([](const Statistic& one) { return one.gauge.value != nullptr; });
  return stats;
}

void write_summary(JsonWriter& json, const stats::Summary& summary, const std::vector<Stat>& stats,
                   const RateBasis& basis) {
  std::vector<std::string_view> overflow;
  for (const auto& stat : stats) {
    json.key(stat.name);
    if (!stat.statistic->write(json, {summary, basis}, stat)) overflow.push_back(stat.name);
  }
  if (overflow.empty()) return;
  json.key("overflow").begin_array();
  for (const auto name : overflow) json.value(name);
  json.end_array();
}

std::string csv_columns(const std::vector<Stat>& stats) {
  std::string out;
  for (const auto& stat : stats) {
    if (stat.statistic->columns) stat.statistic->columns(out, stat);
  }
  return out;
}

void append_csv_values(std::string& out, const stats::Summary& summary, const std::vector<Stat>& stats,
                       const RateBasis& basis) {
  for (const auto& stat : stats) {
    if (stat.statistic->cells) stat.statistic->cells(out, {summary, basis}, stat);
  }
}

}  // namespace tributary::api
