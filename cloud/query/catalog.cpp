// SPDX-License-Identifier: Apache-2.0
// Metrics and devices of a tenant.
#include <algorithm>
#include <optional>
#include <set>

#include "cloud/query/answers.h"

namespace tributary::query {
namespace {

struct MetricNotes {
  MetricInfo info;
  std::set<std::string> units;
  int64_t last_seen_ns = state::kBeforeAll;
};

std::string unit_of(const Series& series) {
  for (const Label& label : series.labels) {
    if (label.key == "unit") return label.value;
  }
  return "";
}

struct DeviceNotes {
  std::optional<std::vector<Label>> labels;  // common to all series so far
  std::set<std::string> gateways, metrics;
  int64_t last_seen_ns = state::kBeforeAll;
};

void keep_common(std::optional<std::vector<Label>>& common, const std::vector<Label>& labels) {
  if (!common) {
    common = labels;
    std::erase_if(*common, [](const Label& label) { return label.key == "unit"; });
    return;
  }
  std::erase_if(*common,
                [&](const Label& label) { return std::find(labels.begin(), labels.end(), label) == labels.end(); });
}

}  // namespace

std::vector<MetricInfo> answer_metrics(const Snapshots& snapshots, const std::string& tenant) {
  std::map<std::string, MetricNotes> metrics;
  for (const state::Snapshot& snapshot : snapshots) {
    const std::optional<uint32_t> tenant_no = snapshot.tenant(tenant);
    if (!tenant_no) continue;
    snapshot.each(snapshot.tables().by_metric, state::number_key(*tenant_no),
                  [&](std::string_view rest, std::string_view) {
                    const size_t end = rest.find('\0');
                    MetricNotes& notes = metrics[std::string(rest.substr(0, end))];
                    state::KeyReader key(rest.substr(end + 1));
                    const bool fleet = key.u8() != 0;
                    const uint32_t no = key.u32();
                    if (!fleet) {
                      notes.info.series++;
                      return true;
                    }
                    const std::optional<state::SeriesInfo> info = snapshot.series_info(no);
                    CHECK(info.has_value());
                    const Result<Series> series = series_from_id(info->id);
                    CHECK(series.ok());
                    notes.units.insert(unit_of(*series));
                    // Of several label sets the one heard of last says what kind the metric is.
                    const int64_t seen_ns = snapshot.last_seen_ns(no);
                    if (std::pair(seen_ns, info->kind) >= std::pair(notes.last_seen_ns, notes.info.kind)) {
                      notes.last_seen_ns = seen_ns;
                      notes.info.kind = info->kind;
                    }
                    return true;
                  });
  }
  std::vector<MetricInfo> infos;
  for (auto& [name, notes] : metrics) {
    notes.info.name = name;
    notes.info.last_seen_ns = notes.last_seen_ns;
    notes.info.units.assign(notes.units.begin(), notes.units.end());
    if (notes.units.size() == 1) notes.info.unit = notes.info.units.front();
    infos.push_back(std::move(notes.info));
  }
  return infos;
}

std::vector<DeviceInfo> answer_devices(const Snapshots& snapshots, const std::string& tenant, const NamePage& page) {
  std::map<std::string, DeviceNotes> devices;
  for (const state::Snapshot& snapshot : snapshots) {
    const std::optional<uint32_t> tenant_no = snapshot.tenant(tenant);
    if (!tenant_no) continue;
    std::map<uint32_t, std::string> gateways;
    snapshot.each(snapshot.tables().gateway_names, state::number_key(*tenant_no),
                  [&](std::string_view name, std::string_view no) {
                    gateways[state::KeyReader(no).u32()] = name;
                    return true;
                  });
    // A device's series stand together, in the order of the devices.
    std::string last;
    uint64_t names = 0;
    snapshot.each_from(
        snapshot.tables().series, state::series_key(*tenant_no, false, ""), page.after,
        [&](std::string_view id, std::string_view no) {
          const std::string_view device = id.substr(0, id.find('\0'));
          if (device.empty() || device <= page.after) return true;  // empty: an overflow series
          if (device != last && ++names > page.max) return false;
          last = device;
          const Result<Series> series = series_from_id(id);
          CHECK(series.ok());
          if (series->overflow) return true;
          DeviceNotes& notes = devices[series->device];
          keep_common(notes.labels, series->labels);
          notes.metrics.insert(series->metric);
          notes.last_seen_ns = std::max(notes.last_seen_ns, snapshot.last_seen_ns(state::KeyReader(no).u32()));
          snapshot.each(snapshot.tables().contributors, no, [&](std::string_view gateway, std::string_view) {
            notes.gateways.insert(gateways[state::KeyReader(gateway).u32()]);
            return true;
          });
          return true;
        });
  }
  std::vector<DeviceInfo> infos;
  for (auto& [name, notes] : devices) {
    infos.push_back({.device = name,
                     .labels = std::move(notes.labels).value_or(std::vector<Label>{}),
                     .gateways = {notes.gateways.begin(), notes.gateways.end()},
                     .metrics = {notes.metrics.begin(), notes.metrics.end()},
                     .last_seen_ns = notes.last_seen_ns});
  }
  cut_page(infos, page);
  return infos;
}

}  // namespace tributary::query
