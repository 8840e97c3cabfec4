// SPDX-License-Identifier: Apache-2.0
// The statistics of the part numeric: one number each, or a reading with its time.
#include <cmath>

#include "cloud/render/stat/statistic.h"
#include "cloud/render/text.h"

namespace tributary::api {
namespace {

using Kind = stats::Answer::Kind;

const stats::Numeric<double>& numeric(const Subject& subject) { return subject.summary.numeric(); }
bool empty(const Subject& subject) { return numeric(subject).count() == 0; }

// A column of the statistic's own name.
void column(std::string& out, const Stat& stat) { (out += ',') += stat.name; }

// One number, null of no readings.
using Number = stats::Answer(const Subject& subject, const Stat& stat);

template <Number number>
bool write_number(JsonWriter& json, const Subject& subject, const Stat& stat) {
  const stats::Answer answer = empty(subject) ? stats::Answer{} : number(subject, stat);
  if (answer.kind == Kind::kValue) {
    json.value(answer.value);
  } else {
    json.null();
  }
  return answer.kind != Kind::kOverflow;
}
template <Number number>
void number_cell(std::string& out, const Subject& subject, const Stat& stat) {
  out += ',';
  const stats::Answer answer = empty(subject) ? stats::Answer{} : number(subject, stat);
  if (answer.kind == Kind::kValue) append_double(out, answer.value);
}

// A reading with its time, null of no readings.
using Timed = stats::TimedValue(const Subject& subject);

template <Timed timed>
bool write_timed(JsonWriter& json, const Subject& subject, const Stat&) {
  if (empty(subject)) {
    json.null();
    return true;
  }
  const stats::TimedValue value = timed(subject);
  json.begin_object().field("time", time_text(value.time_ns)).field("value", value.value).end_object();
  return true;
}
template <Timed timed>
void timed_cells(std::string& out, const Subject& subject, const Stat&) {
  if (empty(subject)) {
    out += ",,";
    return;
  }
  const stats::TimedValue value = timed(subject);
  out += "," + time_text(value.time_ns) + ",";
  append_double(out, value.value);
}
void timed_columns(std::string& out, const Stat& stat) { out += "," + stat.name + "_time," + stat.name; }

bool write_count(JsonWriter& json, const Subject& subject, const Stat&) {
  json.value(numeric(subject).count());
  return true;
}
void count_cell(std::string& out, const Subject& subject, const Stat&) {
  out += "," + std::to_string(numeric(subject).count());
}
stats::Answer count_of(const Subject& subject, const Stat&) {
  return {Kind::kValue, static_cast<double>(numeric(subject).count())};
}
stats::Answer sum_of(const Subject& subject, const Stat&) { return numeric(subject).sum(); }
stats::Answer mean_of(const Subject& subject, const Stat&) { return numeric(subject).mean(); }
stats::Answer variance_of(const Subject& subject, const Stat&) { return numeric(subject).variance(); }
stats::Answer stddev_of(const Subject& subject, const Stat&) { return numeric(subject).stddev(); }
stats::Answer min_of(const Subject& subject, const Stat&) { return {Kind::kValue, numeric(subject).min()}; }
stats::Answer max_of(const Subject& subject, const Stat&) { return {Kind::kValue, numeric(subject).max()}; }
stats::TimedValue first_of(const Subject& subject) { return numeric(subject).first(); }
stats::TimedValue last_of(const Subject& subject) { return numeric(subject).last(); }
stats::Answer last_value(const Subject& subject, const Stat&) { return {Kind::kValue, last_of(subject).value}; }
int64_t last_time(const Subject& subject) { return last_of(subject).time_ns; }
stats::Answer rate_of(const Subject& subject, const Stat& stat) {
  const RateBasis& basis = subject.basis;
  if (basis.width_s <= 0) return {};
  if (basis.kind == MetricKind::kGauge) return {Kind::kValue, count_of(subject, stat).value / basis.width_s};
  stats::Answer sum = numeric(subject).sum();
  sum.value /= basis.width_s;
  if (sum.kind == Kind::kValue && !std::isfinite(sum.value)) sum.kind = Kind::kOverflow;
  return sum;
}

template <Number number>
constexpr Statistic one_number(std::string_view name, const WindowGauge& gauge = {}) {
  return {.name = name,
          .in_summary = true,
          .write = write_number<number>,
          .columns = column,
          .cells = number_cell<number>,
          .gauge = gauge};
}
template <Timed timed>
constexpr Statistic one_reading(std::string_view name, const WindowGauge& gauge = {}) {
  return {.name = name,
          .in_summary = true,
          .write = write_timed<timed>,
          .columns = timed_columns,
          .cells = timed_cells<timed>,
          .gauge = gauge};
}

}  // namespace

constinit const Statistic kCount = {.name = "count",
                                    .in_summary = true,
                                    .write = write_count,
                                    .columns = column,
                                    .cells = count_cell,
                                    .gauge = {.prometheus = "readings",
                                              .prometheus_help = "Readings of the newest window.",
                                              .otlp = "count",
                                              .otlp_help = "Readings of the newest window.",
                                              .value = count_of}};
constinit const Statistic kSum =
    one_number<sum_of>("sum", {.prometheus = "increase",
                               .prometheus_help = "Sum of the increments of the newest window.",
                               .counters_only = true,
                               .value = sum_of});
constinit const Statistic kMean = one_number<mean_of>("mean", {.prometheus = "mean",
                                                               .prometheus_help = "Mean of the newest window.",
                                                               .otlp = "mean",
                                                               .otlp_help = "Mean of the newest window.",
                                                               .value = mean_of});
constinit const Statistic kVariance = one_number<variance_of>("variance");
constinit const Statistic kStddev = one_number<stddev_of>("stddev");
constinit const Statistic kMin = one_number<min_of>("min", {.prometheus = "min",
                                                            .prometheus_help = "Least reading of the newest window.",
                                                            .otlp = "min",
                                                            .otlp_help = "Least reading of the newest window.",
                                                            .value = min_of});
constinit const Statistic kMax = one_number<max_of>("max", {.prometheus = "max",
                                                            .prometheus_help = "Greatest reading of the newest window.",
                                                            .otlp = "max",
                                                            .otlp_help = "Greatest reading of the newest window.",
                                                            .value = max_of});
constinit const Statistic kFirst = one_reading<first_of>("first");
constinit const Statistic kLast = one_reading<last_of>("last", {.prometheus = "last",
                                                                .prometheus_help = "Last reading of the newest window.",
                                                                .otlp = "last",
                                                                .otlp_help = "Last reading, at its own time.",
                                                                .value = last_value,
                                                                .time_ns = last_time});
constinit const Statistic kRate = one_number<rate_of>("rate");

}  // namespace tributary::api
