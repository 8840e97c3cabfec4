// SPDX-License-Identifier: Apache-2.0
// What a tenant has: its metrics, its devices, whether it knows a metric at all.
#pragma once

#include <string>
#include <vector>

#include "cloud/query/question.h"

namespace tributary::query {

class Query;

struct MetricInfo {
  std::string name, unit;  // unit: of the label unit, empty if none or several
  MetricKind kind = MetricKind::kGauge;
  int64_t last_seen_ns = 0;
  uint64_t series = 0;             // one in two partitions counts in each
  std::vector<std::string> units;  // all of them, ascending; "": a series without
};

struct DeviceInfo {
  std::string device;
  std::vector<Label> labels;  // those equal on all its series, without unit
  std::vector<std::string> gateways, metrics;
  int64_t last_seen_ns = 0;  // event time of its newest reading
};

void put(Out& out, const MetricInfo& metric);
bool get(In& in, MetricInfo& metric);
void put(Out& out, const DeviceInfo& device);
bool get(In& in, DeviceInfo& device);

// All metrics, by name.
struct AskMetrics {
  static constexpr uint8_t kOp = 2;
  std::string tenant;

  void put(Out& out) const { query::put(out, tenant); }
  bool get(In& in) { return query::get(in, tenant); }
  using Part = std::vector<MetricInfo>;  // ascending by name
  Result<Part> answer(const Snapshots& snapshots) const;
  static bool sound(const Part& part, const Share&);
  static void add(Part& all, Part&& more);
  using Answer = std::vector<MetricInfo>;
  Result<Answer> conclude(Part&& part, const Coverage&) const { return std::move(part); }
};

// A page of the devices, by name; it costs the memory of a page.
struct AskDevices {
  static constexpr uint8_t kOp = 3;
  std::string tenant;
  NamePage page;

  void put(Out& out) const;
  bool get(In& in) { return query::get(in, tenant) && query::get(in, page); }
  using Part = std::vector<DeviceInfo>;  // ascending by name
  Result<Part> answer(const Snapshots& snapshots) const;
  static bool sound(const Part& part, const Share&);
  static void add(Part& all, Part&& more);
  using Answer = std::vector<DeviceInfo>;
  Result<Answer> conclude(Part&& part, const Coverage&) const;
};

// True if the tenant ever had a reading of the metric. Foreign and unknown are the same.
struct AskKnown {
  static constexpr uint8_t kOp = 5;
  std::string tenant, metric;

  void put(Out& out) const;
  bool get(In& in) { return query::get(in, tenant) && query::get(in, metric); }
  struct Part {
    bool known = false;
  };
  Result<Part> answer(const Snapshots& snapshots) const;
  static void add(Part& all, Part&& more) { all.known = all.known || more.known; }
  static bool settled(const Part& part) { return part.known; }
  using Answer = bool;
  Result<Answer> conclude(Part&& part, const Coverage&) const { return part.known; }
};
void put(Out& out, const AskKnown::Part& part);
bool get(In& in, AskKnown::Part& part);

// AskKnown of a Query; false as well where nothing can be read.
bool knows(const Query& query, const std::string& tenant, const std::string& metric);

// Leaves the page of a list that is in order by name.
void cut_page(std::vector<DeviceInfo>& devices, const NamePage& page);

}  // namespace tributary::query
