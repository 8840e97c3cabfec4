// SPDX-License-Identifier: Apache-2.0
// FakeQuery: a Query over a list of readings, as dumb as possible: every answer is computed from the readings each
// time.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "cloud/query/query.h"

namespace tributary::api {

class FakeQuery final : public query::Query {
 public:
  struct Reading {
    std::string tenant;
    Series series;
    int64_t time_ns = 0;
    double value = 0;
  };

  // One reading is one revision; it changes the base row (10 s) of its series and its fleet row.
  void add(const std::string& tenant, const std::string& device, const std::string& metric, int64_t time_s,
           double value) {
    std::lock_guard lock(mutex_);
    readings_.push_back(
        {tenant, {.device = device, .metric = metric, .labels = {{"unit", "C"}}}, time_s * kNanosPerSecond, value});
  }
  void forget_changes_before(uint64_t revision) {
    std::lock_guard lock(mutex_);
    kept_from_ = revision;
  }
  void set_state_id(uint64_t id) { state_id_ = id; }
  std::vector<query::Row> open_rows;  // of every last reading
  query::Completeness completeness_answer;
  std::vector<query::GatewayInfo> gateways_answer;
  std::vector<uint32_t> missing_answer;  // partitions that did not answer

  std::vector<uint32_t> missing() const override { return missing_answer; }
  Result<std::vector<query::MetricInfo>> metrics(const std::string& tenant) const override {
    std::map<std::string, query::MetricInfo> found;
    for (const auto& reading : of(tenant)) {
      auto& info = found[reading.series.metric];
      info = {reading.series.metric, "C", reading.series.kind, std::max(info.last_seen_ns, reading.time_ns), 1, {"C"}};
    }
    std::vector<query::MetricInfo> out;
    for (const auto& [name, info] : found) out.push_back(info);
    return out;
  }
  Result<std::vector<query::DeviceInfo>> devices(const std::string& tenant) const override {
    std::vector<query::DeviceInfo> out;
    std::set<std::string> names;
    for (const auto& reading : of(tenant)) names.insert(reading.series.device);
    for (const auto& name : names) out.push_back({name, {{"site", "roof"}}, {"attic"}, {"temperature"}, 0});
    return out;
  }
  Result<std::vector<query::GatewayInfo>> gateways(const std::string&, int64_t) const override {
    return gateways_answer;
  }
  bool known(const std::string& tenant, const std::string& metric) const override {
    const auto all = of(tenant);
    return std::any_of(all.begin(), all.end(), [&](const Reading& reading) { return reading.series.metric == metric; });
  }
  Result<stats::Summary> summary(const query::Selection& selection, const query::Range& range) const override {
    stats::Summary out;
    for (const auto& reading : of(selection.tenant)) {
      if (fits(reading, selection, range)) out.add(reading.time_ns, reading.value);
    }
    return out;
  }
  Status series(const query::Selection& selection, const query::Range& range, WidthS step_s, const std::string& by,
                uint64_t rows_max, const RowSink& sink) const override {
    if (step_s % 10 != 0) return Error{ErrorCode::kInvalid, "found step, expected a multiple of 10 s"};
    std::map<std::pair<std::string, int64_t>, stats::Summary> rows;
    for (const auto& reading : of(selection.tenant)) {
      if (!fits(reading, selection, range)) continue;
      rows[{by == "device" ? reading.series.device : "", window_start_s(to_seconds_floor(reading.time_ns), step_s)}]
          .add(reading.time_ns, reading.value);
    }
    if (rows.size() > rows_max)
      return Error{ErrorCode::kInvalid, "found " + std::to_string(rows.size()) + " rows, expected fewer"};
    for (const auto& [key, row] : rows) sink(key.first, {key.second, step_s}, row);
    return {};
  }
  Result<Newest> newest(const query::Selection& selection, WidthS window_s) const override {
    int64_t last_ns = -1;
    for (const auto& reading : of(selection.tenant)) {
      if (fits(reading, selection, {})) last_ns = std::max(last_ns, reading.time_ns);
    }
    if (last_ns < 0) return Error{ErrorCode::kNotFound, "none"};
    const int64_t start_s = window_start_s(to_seconds_floor(last_ns), window_s);
    auto found = summary(selection, {start_s * kNanosPerSecond, (start_s + window_s) * kNanosPerSecond});
    return Newest{{start_s, window_s}, *found};
  }
  Result<std::vector<query::LastReading>> last(const query::Selection& selection, std::optional<int64_t> at_ns,
                                               const std::string& after, size_t max) const override {
    std::map<std::string, query::LastReading> all;
    for (const auto& reading : of(selection.tenant)) {
      query::Selection same = selection;
      if (same.metric.empty()) same.metric = reading.series.metric;
      const std::string id = reading.series.id();
      if (!fits(reading, same, {}) || id <= after || reading.time_ns > at_ns.value_or(reading.time_ns)) continue;
      auto& known = all.try_emplace(id, query::LastReading{reading.series, reading.time_ns, reading.value, open_rows})
                        .first->second;
      if (std::pair(reading.time_ns, reading.value) > std::pair(known.time_ns, known.value))
        known = {reading.series, reading.time_ns, reading.value, open_rows};
    }
    std::vector<query::LastReading> out;
    for (const auto& [id, one] : all) {
      if (out.size() < max) out.push_back(one);
    }
    return out;
  }
  Result<query::Completeness> completeness(const query::Selection&, const query::Range&, int64_t) const override {
    return completeness_answer;
  }
  query::Place place() const override {
    std::lock_guard lock(mutex_);
    return {{state_id_, readings_.size()}};
  }
  Result<std::vector<query::Change>> changes(const std::string& tenant, const query::Place& place, size_t max,
                                             query::Place* upto) const override {
    std::lock_guard lock(mutex_);
    const uint64_t after = place.front().revision;
    if (after < kept_from_ || after > readings_.size()) return Error{ErrorCode::kNotFound, "too old"};
    std::vector<query::Change> out;
    uint64_t reached = after;
    for (uint64_t i = after; i < readings_.size() && out.size() + 2 <= max; ++i) {
      reached = i + 1;
      const Reading& reading = readings_[i];
      if (reading.tenant != tenant) continue;
      const query::Row row{window_start_s(to_seconds_floor(reading.time_ns), 10), 10};
      out.push_back({i + 1, reading.series, row});
      Series fleet = reading.series;
      fleet.device.clear();
      out.push_back({i + 1, fleet, row});
    }
    *upto = {{state_id_, reached}};
    return out;
  }
  Status rows(const std::string& tenant, const std::vector<query::RowKey>& keys, const KeySink& sink) const override {
    for (size_t i = 0; i < keys.size(); ++i) {
      const query::Row& row = keys[i].row;
      query::Selection selection{.tenant = tenant, .metric = keys[i].series.metric};
      if (!keys[i].series.device.empty()) selection.devices = {keys[i].series.device};
      query::Range range;
      if (row.width_s != kAllTime)
        range = {row.start_s * kNanosPerSecond, (row.start_s + row.width_s) * kNanosPerSecond};
      const auto found = summary(selection, range);
      if (!found->empty()) sink(i, *found);
    }
    return {};
  }

 private:
  std::vector<Reading> of(const std::string& tenant) const {
    std::lock_guard lock(mutex_);
    std::vector<Reading> out;
    std::copy_if(readings_.begin(), readings_.end(), std::back_inserter(out),
                 [&](const Reading& reading) { return reading.tenant == tenant; });
    return out;
  }
  static bool fits(const Reading& reading, const query::Selection& selection, const query::Range& range) {
    const auto& devices = selection.devices;
    if (reading.series.metric != selection.metric) return false;
    if (!devices.empty() && std::find(devices.begin(), devices.end(), reading.series.device) == devices.end())
      return false;
    return (!range.from_ns || reading.time_ns >= *range.from_ns) && (!range.to_ns || reading.time_ns < *range.to_ns);
  }

  mutable std::mutex mutex_;
  std::vector<Reading> readings_;
  uint64_t kept_from_ = 0;
  uint64_t state_id_ = 0x1234;
};

}  // namespace tributary::api
