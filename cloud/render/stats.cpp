// SPDX-License-Identifier: Apache-2.0
// Summaries as answers, see stats.h.
#include "cloud/render/stats.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "common/base/check.h"
#include "common/base/time.h"
#include "common/reading/payload.h"

namespace tributary::api {
namespace {

struct Named {
  std::string_view name;
  Stat::Kind kind;
};
constexpr std::array<Named, 11> kNamed = {{{"count", Stat::Kind::kCount},
                                           {"sum", Stat::Kind::kSum},
                                           {"mean", Stat::Kind::kMean},
                                           {"variance", Stat::Kind::kVariance},
                                           {"stddev", Stat::Kind::kStddev},
                                           {"min", Stat::Kind::kMin},
                                           {"max", Stat::Kind::kMax},
                                           {"first", Stat::Kind::kFirst},
                                           {"last", Stat::Kind::kLast},
                                           {"rate", Stat::Kind::kRate},
                                           {"histogram", Stat::Kind::kHistogram}}};

constexpr size_t kDecimalsMax = 9;

// A statistic that is one number, of a set that is not empty.
stats::Answer number_of(const stats::Summary& summary, const Stat& stat, const RateBasis& basis) {
  using Kind = stats::Answer::Kind;
  const auto& numeric = summary.numeric();
  switch (stat.kind) {
    case Stat::Kind::kSum:
      return numeric.sum();
    case Stat::Kind::kMean:
      return numeric.mean();
    case Stat::Kind::kVariance:
      return numeric.variance();
    case Stat::Kind::kStddev:
      return numeric.stddev();
    case Stat::Kind::kMin:
      return {Kind::kValue, numeric.min()};
    case Stat::Kind::kMax:
      return {Kind::kValue, numeric.max()};
    case Stat::Kind::kRate: {
      if (basis.width_s <= 0) return {};
      if (basis.kind == MetricKind::kGauge) return {Kind::kValue, static_cast<double>(numeric.count()) / basis.width_s};
      stats::Answer sum = numeric.sum();
      sum.value /= basis.width_s;
      if (sum.kind == Kind::kValue && !std::isfinite(sum.value)) sum.kind = Kind::kOverflow;
      return sum;
    }
    default:
      return {};
  }
}

std::optional<stats::Quantile> quantile_of(const stats::Summary& summary, const Stat& stat) {
  const auto& numeric = summary.numeric();
  if (numeric.count() == 0 || summary.distribution().count() == 0) return std::nullopt;
  return summary.distribution().quantile(stat.numerator, stat.denominator, numeric.min(), numeric.max());
}

}  // namespace

std::optional<Stat> parse_quantile(std::string_view name) {
  if (name.size() < 2 || name.size() > 5 + kDecimalsMax || name.front() != 'p') return std::nullopt;
  const std::string_view digits = name.substr(1);
  const size_t point = std::min(digits.find('.'), digits.size());
  const std::string_view whole = digits.substr(0, point);
  const std::string_view decimals = point < digits.size() ? digits.substr(point + 1) : std::string_view();
  if (whole.empty() || whole.size() > 3 || decimals.size() > kDecimalsMax ||
      (point < digits.size() && decimals.empty()))
    return std::nullopt;
  Stat stat{Stat::Kind::kQuantile, std::string(name), 0, 100};
  for (const std::string_view part : {whole, decimals}) {
    for (const char c : part) {
      if (c < '0' || c > '9') return std::nullopt;
      stat.numerator = stat.numerator * 10 + static_cast<uint64_t>(c - '0');
    }
  }
  for (size_t i = 0; i < decimals.size(); ++i) stat.denominator *= 10;
  if (stat.numerator == 0 || stat.numerator > stat.denominator) return std::nullopt;
  return stat;
}

std::optional<Stat> parse_stat(std::string_view name) {
  for (const auto& named : kNamed) {
    if (named.name == name) return Stat{named.kind, std::string(name)};
  }
  return parse_quantile(name);
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
  static const std::vector<Stat> stats = stats_of(
      {"count", "sum", "mean", "variance", "stddev", "min", "max", "first", "last", "rate", "p50", "p95", "p99"});
  return stats;
}

const std::vector<Stat>& row_stats() {
  static const std::vector<Stat> stats = stats_of({"count", "mean", "min", "max", "stddev", "p50", "p95", "p99"});
  return stats;
}

void write_histogram(JsonWriter& json, const stats::Distribution& distribution) {
  json.begin_object().field("scale", distribution.scale()).field("zero", distribution.zero_count());
  const int total = distribution.bucket_count();
  for (const bool negative : {false, true}) {
    std::vector<stats::Bucket> buckets;
    for (int i = 0; i < total; ++i) {
      const stats::Bucket bucket = distribution.bucket(i);
      if (bucket.negative == negative) buckets.push_back(bucket);
    }
    // The negative side comes by value, so from the greatest index down; both sides are told by index.
    if (negative) std::reverse(buckets.begin(), buckets.end());
    json.key(negative ? "negative" : "positive").begin_object().key("offset").begin_array();
    for (const auto& bucket : buckets) json.value(bucket.index);
    json.end_array().key("counts").begin_array();
    for (const auto& bucket : buckets) json.value(bucket.count);
    json.end_array().end_object();
  }
  json.end_object();
}

void write_summary(JsonWriter& json, const stats::Summary& summary, const std::vector<Stat>& stats,
                   const RateBasis& basis) {
  const auto& numeric = summary.numeric();
  const bool empty = numeric.count() == 0;
  std::vector<std::string_view> overflow;
  for (const auto& stat : stats) {
    json.key(stat.name);
    if (stat.kind == Stat::Kind::kCount) {
      json.value(numeric.count());
    } else if (stat.kind == Stat::Kind::kHistogram) {
      write_histogram(json, summary.distribution());
    } else if (empty) {
      json.null();
    } else if (stat.kind == Stat::Kind::kFirst || stat.kind == Stat::Kind::kLast) {
      const stats::TimedValue timed = stat.kind == Stat::Kind::kFirst ? numeric.first() : numeric.last();
      json.begin_object().field("time", time_text(timed.time_ns)).field("value", timed.value).end_object();
    } else if (stat.kind == Stat::Kind::kQuantile) {
      const auto quantile = quantile_of(summary, stat);
      if (quantile) {
        json.begin_object()
            .field("value", quantile->value)
            .field("low", quantile->low)
            .field("high", quantile->high)
            .end_object();
      } else {
        json.null();
      }
    } else {
      const stats::Answer answer = number_of(summary, stat, basis);
      if (answer.kind == stats::Answer::Kind::kOverflow) overflow.push_back(stat.name);
      if (answer.kind == stats::Answer::Kind::kValue) {
        json.value(answer.value);
      } else {
        json.null();
      }
    }
  }
  if (overflow.empty()) return;
  json.key("overflow").begin_array();
  for (const auto name : overflow) json.value(name);
  json.end_array();
}

std::string csv_columns(const std::vector<Stat>& stats) {
  std::string out;
  for (const auto& stat : stats) {
    if (stat.kind == Stat::Kind::kHistogram) continue;
    if (stat.kind == Stat::Kind::kFirst || stat.kind == Stat::Kind::kLast) out += "," + stat.name + "_time";
    out += "," + stat.name;
    if (stat.kind == Stat::Kind::kQuantile) out += "," + stat.name + "_low," + stat.name + "_high";
  }
  return out;
}

void append_csv_values(std::string& out, const stats::Summary& summary, const std::vector<Stat>& stats,
                       const RateBasis& basis) {
  const auto& numeric = summary.numeric();
  const bool empty = numeric.count() == 0;
  for (const auto& stat : stats) {
    switch (stat.kind) {
      case Stat::Kind::kHistogram:
        break;
      case Stat::Kind::kCount:
        out += "," + std::to_string(numeric.count());
        break;
      case Stat::Kind::kFirst:
      case Stat::Kind::kLast:
        if (empty) {
          out += ",,";
        } else {
          const stats::TimedValue timed = stat.kind == Stat::Kind::kFirst ? numeric.first() : numeric.last();
          out += "," + time_text(timed.time_ns) + ",";
          append_double(out, timed.value);
        }
        break;
      case Stat::Kind::kQuantile:
        if (const auto quantile = quantile_of(summary, stat)) {
          for (const double value : {quantile->value, quantile->low, quantile->high}) {
            out += ',';
            append_double(out, value);
          }
        } else {
          out += ",,,";
        }
        break;
      default: {
        out += ',';
        const stats::Answer answer = empty ? stats::Answer{} : number_of(summary, stat, basis);
        if (answer.kind == stats::Answer::Kind::kValue) append_double(out, answer.value);
      }
    }
  }
}

void append_csv_text(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::string time_text(int64_t time_ns) { return reading::format_timestamp(time_ns); }

std::string time_text_s(int64_t time_s) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max() / kNanosPerSecond;
  return time_text(std::clamp(time_s, -kMax, kMax) * kNanosPerSecond);
}

}  // namespace tributary::api
