// SPDX-License-Identifier: Apache-2.0
// From contributions to answers: see parts.h.
#include "cloud/query/parts.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>

#include "cloud/state/levels.h"

namespace tributary::query {
namespace {

void raise(std::optional<int64_t>& newest, const std::optional<int64_t>& found) {
  if (found && (!newest || *found > *newest)) newest = found;
}

// The later one; the narrower one of two.
void raise(std::optional<Row>& newest, const std::optional<Row>& found) {
  if (!found) return;
  if (!newest || found->start_s > newest->start_s ||
      (found->start_s == newest->start_s && found->width_s < newest->width_s)) {
    newest = found;
  }
}

template <class T>
void append(std::vector<T>& all, std::vector<T> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

std::vector<std::string> united(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::string> all;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
  return all;
}

}  // namespace

void CompletenessPart::add(CompletenessPart other) {
  append(gateways, std::move(other.gateways));
  append(log_gaps, std::move(other.log_gaps));
  partitions += other.partitions;
}

Completeness conclude(CompletenessPart part, const Range& range, int64_t now_ns) {
  Completeness out;
  out.partitions_expected = out.partitions_answered = part.partitions;
  std::vector<GatewayNote>& gateways = part.gateways;
  std::sort(gateways.begin(), gateways.end(), [](const GatewayNote& a, const GatewayNote& b) {
    return std::tie(a.gateway, a.first_seen_ns, a.frontier_ns) < std::tie(b.gateway, b.first_seen_ns, b.frontier_ns);
  });
  out.log_gaps = std::move(part.log_gaps);
  std::sort(out.log_gaps.begin(), out.log_gaps.end(), [](const LogGapNote& a, const LogGapNote& b) {
    return std::tie(a.partition, a.from_offset) < std::tie(b.partition, b.from_offset);
  });
  // Without an end, as far as any of them has come.
  int64_t end_ns = std::numeric_limits<int64_t>::min();
  if (range.to_ns) {
    end_ns = *range.to_ns;
  } else {
    for (const GatewayNote& note : gateways) {
      if (!note.retired) end_ns = std::max(end_ns, note.frontier_ns);
    }
  }
  uint64_t passed = 0;
  int64_t least_ns = std::numeric_limits<int64_t>::max();
  for (GatewayNote& note : gateways) {
    append(out.gaps, std::move(note.gaps));
    append(out.estimated, std::move(note.estimated));
    append(out.lost, std::move(note.lost));
    for (const auto& [reason, count] : note.rejected) out.rejected[reason] += count;
    out.parked += note.parked;
    if (note.overflow) out.overflow.push_back(note.gateway);
    if (note.retired || (range.to_ns && note.first_seen_ns >= end_ns)) continue;
    out.expected++;
    least_ns = std::min(least_ns, note.frontier_ns);
    if (note.frontier_ns >= end_ns) {
      passed++;
      continue;
    }
    out.behind.push_back({note.gateway, note.frontier_ns, note.mark_ns, note.last_seen_ns,
                          note.absence.empty() ? "late" : note.absence});
  }
  if (out.expected > 0) {
    out.share = static_cast<double>(passed) / static_cast<double>(out.expected);
    out.to_ns = least_ns;
  } else {
    // Nobody owes anything: what is committed is all there is, up to now.
    out.to_ns = range.to_ns ? std::min(*range.to_ns, now_ns) : now_ns;
  }
  return out;
}

void NewestPart::add(const NewestPart& other) {
  any = any || other.any;
  raise(narrow, other.narrow);
  raise(wide, other.wide);
  raise(coarse, other.coarse);
}

void LastReadings::add(LastReading reading) {
  const auto [it, added] = all_.try_emplace(reading.series.id(), reading);
  if (added) return;
  LastReading& known = it->second;
  if (std::pair(reading.time_ns, reading.value) > std::pair(known.time_ns, known.value)) std::swap(known, reading);
  std::vector<Row> rows;
  std::set_union(known.open_rows.begin(), known.open_rows.end(), reading.open_rows.begin(), reading.open_rows.end(),
                 std::back_inserter(rows));
  known.open_rows = std::move(rows);
}

std::vector<LastReading> LastReadings::take(size_t max) {
  std::vector<LastReading> out;
  for (auto& [id, reading] : all_) {
    if (out.size() == max) break;
    out.push_back(std::move(reading));
  }
  all_.clear();
  return out;
}

NewestChoice choose(const NewestPart& part, WidthS window_s) {
  if (part.narrow && window_s != kAllTime) {
    const int64_t start_s = window_start_s(*part.narrow, window_s);
    if (!part.wide || start_s + static_cast<int64_t>(window_s) > part.wide->start_s) {
      return {{start_s, window_s}, true};
    }
  }
  // All time (0, 0) if nothing narrower is left.
  return {part.wide ? *part.wide : part.coarse.value_or(Row{}), false};
}

Error unfit_step(WidthS step_s, WidthS unfit_s) {
  return {ErrorCode::kInvalid, "found step " + std::to_string(step_s) + " s, expected a multiple of " +
                                   std::to_string(unfit_s) + " s, the width of the stored rows"};
}

Error unfit_window(WidthS window_s, WidthS unfit_s) {
  return {ErrorCode::kInvalid, "found window " + std::to_string(window_s) + " s, expected a multiple of " +
                                   std::to_string(unfit_s) + " s, the width of the stored rows"};
}

Error too_many_rows(uint64_t rows, uint64_t rows_max) {
  return {ErrorCode::kInvalid, "found " + std::to_string(rows) + " rows, expected at most " + std::to_string(rows_max)};
}

Error no_readings(const std::string& metric) { return {ErrorCode::kNotFound, "no readings of metric " + metric}; }

void add_metric(MetricInfo& metric, const MetricInfo& other) {
  // Of several label sets the one heard of last says what kind the metric is.
  const auto rank = [](const MetricInfo& info) { return std::pair(info.last_seen_ns, info.kind); };
  if (rank(other) > rank(metric)) {
    metric.kind = other.kind;
    metric.last_seen_ns = other.last_seen_ns;
  }
  metric.series += other.series;
  metric.units = united(metric.units, other.units);
  metric.unit = metric.units.size() == 1 ? metric.units.front() : "";
}

void add_device(DeviceInfo& device, const DeviceInfo& other) {
  std::erase_if(device.labels, [&](const Label& label) {
    return std::find(other.labels.begin(), other.labels.end(), label) == other.labels.end();
  });
  device.gateways = united(device.gateways, other.gateways);
  device.metrics = united(device.metrics, other.metrics);
  device.last_seen_ns = std::max(device.last_seen_ns, other.last_seen_ns);
}

void sort_gateways(std::vector<GatewayInfo>& gateways) {
  std::sort(gateways.begin(), gateways.end(), [](const GatewayInfo& a, const GatewayInfo& b) {
    return std::tie(a.gateway, a.first_seen_ns, a.frontier_ns) < std::tie(b.gateway, b.first_seen_ns, b.frontier_ns);
  });
}

namespace {

template <class T>
void cut(std::vector<T>& all, const NamePage& page, std::string T::*name) {
  if (!page.after.empty()) {
    all.erase(all.begin(), std::upper_bound(all.begin(), all.end(), page.after,
                                            [&](const std::string& after, const T& one) { return after < one.*name; }));
  }
  uint64_t names = 0;
  size_t count = 0;
  for (; count < all.size(); ++count) {
    if ((count == 0 || all[count].*name != all[count - 1].*name) && ++names > page.max) break;
  }
  all.erase(all.begin() + static_cast<ptrdiff_t>(count), all.end());
}

}  // namespace

void cut_page(std::vector<DeviceInfo>& devices, const NamePage& page) { cut(devices, page, &DeviceInfo::device); }
void cut_page(std::vector<GatewayInfo>& gateways, const NamePage& page) { cut(gateways, page, &GatewayInfo::gateway); }

Result<std::vector<DeviceInfo>> Query::devices_page(const std::string& tenant, const NamePage& page) const {
  auto all = devices(tenant);
  if (all.ok()) cut_page(*all, page);
  return all;
}

Result<std::vector<GatewayInfo>> Query::gateways_page(const std::string& tenant, int64_t now_ns,
                                                      const NamePage& page) const {
  auto all = gateways(tenant, now_ns);
  if (all.ok()) cut_page(*all, page);
  return all;
}

}  // namespace tributary::query
