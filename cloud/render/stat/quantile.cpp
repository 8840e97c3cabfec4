// SPDX-License-Identifier: Apache-2.0
// pN: quantiles of the part distribution, each with the bounds between which it lies.
#include <algorithm>
#include <array>
#include <optional>

#include "cloud/render/stat/statistic.h"

namespace tributary::api {
namespace {

constexpr size_t kDecimalsMax = 9;
constexpr std::array<std::string_view, 3> kUsual = {"p50", "p95", "p99"};

// "p99.9" gives 999/1000, exactly.
bool parse(std::string_view name, Stat& stat) {
  if (name.size() < 2 || name.size() > 5 + kDecimalsMax || name.front() != 'p') return false;
  const std::string_view digits = name.substr(1);
  const size_t point = std::min(digits.find('.'), digits.size());
  const std::string_view whole = digits.substr(0, point);
  const std::string_view decimals = point < digits.size() ? digits.substr(point + 1) : std::string_view();
  if (whole.empty() || whole.size() > 3 || decimals.size() > kDecimalsMax ||
      (point < digits.size() && decimals.empty()))
    return false;
  uint64_t numerator = 0, denominator = 100;
  for (const std::string_view part : {whole, decimals}) {
    for (const char c : part) {
      if (c < '0' || c > '9') return false;
      numerator = numerator * 10 + static_cast<uint64_t>(c - '0');
    }
  }
  for (size_t i = 0; i < decimals.size(); ++i) denominator *= 10;
  if (numerator == 0 || numerator > denominator) return false;
  stat.numerator = numerator;
  stat.denominator = denominator;
  return true;
}

std::optional<stats::Quantile> quantile_of(const Subject& subject, const Stat& stat) {
  const auto& numeric = subject.summary.numeric();
  const auto& distribution = subject.summary.distribution();
  if (numeric.count() == 0 || distribution.count() == 0) return std::nullopt;
  return distribution.quantile(stat.numerator, stat.denominator, numeric.min(), numeric.max());
}

bool write_quantile(JsonWriter& json, const Subject& subject, const Stat& stat) {
  if (const auto quantile = quantile_of(subject, stat)) {
    json.begin_object().field("value", quantile->value).field("low", quantile->low).field("high", quantile->high);
    json.end_object();
  } else {
    json.null();
  }
  return true;
}

void columns(std::string& out, const Stat& stat) {
  out += "," + stat.name + "," + stat.name + "_low," + stat.name + "_high";
}

void cells(std::string& out, const Subject& subject, const Stat& stat) {
  const auto quantile = quantile_of(subject, stat);
  if (!quantile) {
    out += ",,,";
    return;
  }
  for (const double value : {quantile->value, quantile->low, quantile->high}) {
    out += ',';
    append_double(out, value);
  }
}

stats::Answer value(const Subject& subject, const Stat& stat) {
  const auto quantile = quantile_of(subject, stat);
  return quantile ? stats::Answer{stats::Answer::Kind::kValue, quantile->value} : stats::Answer{};
}

}  // namespace

constinit const Statistic kQuantile = {
    .name = "pN with 0 < N <= 100",
    .in_summary = true,
    .parse = parse,
    .usual = kUsual,
    .write = write_quantile,
    .columns = columns,
    .cells = cells,
    .gauge = {.prometheus = "pN", .prometheus_help = "Percentile of the newest window.", .value = value}};

}  // namespace tributary::api
