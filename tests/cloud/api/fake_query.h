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
#include "cloud/query/questions.h"

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
  query::AskCompleteness::Part completeness_part;
  std::vector<query::GatewayInfo> gateways_answer;
  std::vector<uint32_t> missing_answer;  // partitions that did not answer

  std::vector<uint32_t> missing() const override { return missing_answer; }
  query::Place place() const override {
    std::lock_guard lock(mutex_);
    return {{state_id_, readings_.size()}};
  }

 protected:
  Result<query::Coverage> run(query::AnyQuestion& asking) const override {
    Status done;
    const bool known = query::Questions::with(asking.op(), [&]<class Q>() {
      if constexpr (requires(query::Asking<Q> & one) { tell(one); }) {
        done = tell(static_cast<query::Asking<Q>&>(asking));
      } else {
        done = Error{ErrorCode::kUnsupported, "nothing is made up for this question"};
      }
    });
    CHECK(known);
    if (!done) return done.error();
    return query::Coverage{};
  }

 private:
  Status tell(query::Asking<query::AskMetrics>& asking) const {
    std::map<std::string, query::MetricInfo> found;
    for (const auto& reading : of(asking.question().tenant)) {
      auto& info = found[reading.series.metric];
      info = {reading.series.metric, "C", reading.series.kind, std::max(info.last_seen_ns, reading.time_ns), 1, {"C"}};
    }
    for (const auto& [name, info] : found) asking.tell({info});
    return {};
  }
  Status tell(query::Asking<query::AskDevices>& asking) const {
    std::set<std::string> names;
    for (const auto& reading : of(asking.question().tenant)) names.insert(reading.series.device);
    for (const auto& name : names) asking.tell({{name, {{"site", "roof"}}, {"attic"}, {"temperature"}, 0}});
    return {};
  }
  Status tell(query::Asking<query::AskGateways>& asking) const {
    asking.tell(gateways_answer);
    return {};
  }
  Status tell(query::Asking<query::AskCompleteness>& asking) const {
    asking.tell(completeness_part);
    return {};
  }
  Status tell(query::Asking<query::AskKnown>& asking) const {
    const auto all = of(asking.question().tenant);
    asking.tell({std::any_of(all.begin(), all.end(), [&](const Reading& reading) {
      return reading.series.metric == asking.question().metric;
    })});
    return {};
  }
  Status tell(query::Asking<query::AskNames>& asking) const {
    query::AskNames::Part part;
    for (const auto& reading : of(asking.question().tenant)) part.known.push_back(reading.series.device);
    if (asking.question().near) part.near = {{1, part.known.front()}};
    asking.tell(std::move(part));
    return {};
  }
  Status tell(query::Asking<query::AskSummary>& asking) const {
    asking.tell(sum(asking.question().selection, asking.question().range));
    return {};
  }
  Status tell(query::Asking<query::AskSeries>& asking) const {
    const query::AskSeries& ask = asking.question();
    if (ask.step_s % 10 != 0) return Error{ErrorCode::kInvalid, "found step, expected a multiple of 10 s"};
    std::map<std::pair<std::string, int64_t>, stats::Summary> rows;
    for (const auto& reading : of(ask.selection.tenant)) {
      if (!fits(reading, ask.selection, ask.range)) continue;
      const std::string group = ask.by == "device" ? reading.series.device : "";
      rows[{group, window_start_s(to_seconds_floor(reading.time_ns), ask.step_s)}].add(reading.time_ns, reading.value);
    }
    query::AskSeries::Part part{.rows = rows.size()};
    for (const auto& [key, row] : rows) {
      part.list.push_back({key.first, {key.second, ask.step_s}, query::encoded_summary(row)});
    }
    asking.tell(std::move(part));
    return {};
  }
  Status tell(query::Asking<query::AskNewest>& asking) const {
    query::AskNewest::Part part;
    for (const auto& reading : of(asking.question().selection.tenant)) {
      if (!fits(reading, asking.question().selection, {})) continue;
      part.any = true;
      part.narrow = std::max(part.narrow.value_or(0), to_seconds_floor(reading.time_ns));
    }
    asking.tell(part);
    return {};
  }
  Status tell(query::Asking<query::AskNewestSum>& asking) const {
    const query::Row& row = asking.question().choice.row;
    asking.tell({0, sum(asking.question().selection, range_of(row))});
    return {};
  }
  Status tell(query::Asking<query::AskLast>& asking) const {
    const query::AskLast& ask = asking.question();
    for (const auto& reading : of(ask.selection.tenant)) {
      query::Selection same = ask.selection;
      if (same.metric.empty()) same.metric = reading.series.metric;
      const std::string id = reading.series.id();
      if (!fits(reading, same, {}) || id <= ask.after || reading.time_ns > ask.at_ns.value_or(reading.time_ns))
        continue;
      asking.tell({{id, {reading.series, reading.time_ns, reading.value, open_rows}}});
    }
    return {};
  }
  Status tell(query::Asking<query::AskChanges>& asking) const {
    std::lock_guard lock(mutex_);
    const uint64_t after = asking.question().after.front().revision;
    if (after < kept_from_ || after > readings_.size()) return Error{ErrorCode::kNotFound, "too old"};
    query::AskChanges::Part part{{0}, {{state_id_, after}}, {}};
    for (uint64_t i = after; i < readings_.size() && part.changes.size() + 2 <= asking.question().max; ++i) {
      part.upto.front().revision = i + 1;
      const Reading& reading = readings_[i];
      if (reading.tenant != asking.question().tenant) continue;
      const query::Row row{window_start_s(to_seconds_floor(reading.time_ns), 10), 10};
      part.changes.push_back({i + 1, reading.series, row});
      part.changes.push_back({i + 1, reading.series.fleet(), row});
    }
    asking.tell(std::move(part));
    return {};
  }
  Status tell(query::Asking<query::AskRows>& asking) const {
    const query::AskRows& ask = asking.question();
    for (size_t i = 0; i < ask.keys.size(); ++i) {
      query::Selection selection{.tenant = ask.tenant, .metric = ask.keys[i].series.metric};
      if (!ask.keys[i].series.device.empty()) selection.devices = {ask.keys[i].series.device};
      asking.tell({{i, query::encoded_summary(sum(selection, range_of(ask.keys[i].row)))}});
    }
    return {};
  }

  static query::Range range_of(const query::Row& row) {
    if (row.width_s == kAllTime) return {};
    return {row.start_s * kNanosPerSecond, (row.start_s + row.width_s) * kNanosPerSecond};
  }
  stats::Summary sum(const query::Selection& selection, const query::Range& range) const {
    stats::Summary out;
    for (const auto& reading : of(selection.tenant)) {
      if (fits(reading, selection, range)) out.add(reading.time_ns, reading.value);
    }
    return out;
  }
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
