// SPDX-License-Identifier: Apache-2.0
// Metrics and devices of a tenant: see catalog.h.
#include "cloud/query/question/catalog.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "cloud/query/page.h"
#include "cloud/query/query.h"
#include "cloud/query/select.h"

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

std::vector<std::string> united(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::vector<std::string> all;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all));
  return all;
}

void add_one(MetricInfo& metric, const MetricInfo& other) {
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

void add_one(DeviceInfo& device, const DeviceInfo& other) {
  std::erase_if(device.labels, [&](const Label& label) {
    return std::find(other.labels.begin(), other.labels.end(), label) == other.labels.end();
  });
  device.gateways = united(device.gateways, other.gateways);
  device.metrics = united(device.metrics, other.metrics);
  device.last_seen_ns = std::max(device.last_seen_ns, other.last_seen_ns);
}

// Two lists ascending by name as one; what is told twice, of different partitions, together.
template <class T>
void unite(std::vector<T>& all, std::vector<T>&& more, std::string T::*name) {
  std::vector<T> out;
  out.reserve(all.size() + more.size());
  auto a = all.begin();
  auto b = more.begin();
  while (a != all.end() || b != more.end()) {
    if (b == more.end() || (a != all.end() && (*a).*name < (*b).*name)) {
      out.push_back(std::move(*a++));
    } else if (a == all.end() || (*b).*name < (*a).*name) {
      out.push_back(std::move(*b++));
    } else {
      add_one(*a, *b++);
      out.push_back(std::move(*a++));
    }
  }
  all = std::move(out);
}

// A list of another aggregator may be in any order.
template <class T>
bool ascends(const std::vector<T>& list, std::string T::*name) {
  for (size_t i = 1; i < list.size(); ++i) {
    if (list[i].*name <= list[i - 1].*name) return false;
  }
  return true;
}

}  // namespace

Result<AskMetrics::Part> AskMetrics::answer(const Snapshots& snapshots) const {
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

void AskMetrics::add(Part& all, Part&& more) { unite(all, std::move(more), &MetricInfo::name); }

bool AskMetrics::sound(const Part& part, const Share&) { return ascends(part, &MetricInfo::name); }

Result<AskDevices::Part> AskDevices::answer(const Snapshots& snapshots) const {
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

void AskDevices::put(Out& out) const {
  query::put(out, tenant);
  query::put(out, page);
}

void AskDevices::add(Part& all, Part&& more) { unite(all, std::move(more), &DeviceInfo::device); }

bool AskDevices::sound(const Part& part, const Share&) { return ascends(part, &DeviceInfo::device); }

// A name that is among the first max of all is among the first max wherever it is.
Result<AskDevices::Answer> AskDevices::conclude(Part&& part, const Coverage&) const {
  cut_page(part, page);
  return std::move(part);
}

void cut_page(std::vector<DeviceInfo>& devices, const NamePage& page) {
  cut_to_page(devices, page, &DeviceInfo::device);
}

void AskKnown::put(Out& out) const { out.text(tenant).text(metric); }

Result<AskKnown::Part> AskKnown::answer(const Snapshots& snapshots) const {
  const Selection selection{.tenant = tenant, .metric = metric, .devices = {}, .labels = {}};
  return Part{std::any_of(snapshots.begin(), snapshots.end(),
                          [&](const state::Snapshot& snapshot) { return !select(snapshot, selection, "").empty(); })};
}

bool knows(const Query& query, const std::string& tenant, const std::string& metric) {
  const auto found = query.ask(AskKnown{tenant, metric});
  return found && *found;
}

void put(Out& out, const AskKnown::Part& part) { out.u8(part.known); }
bool get(In& in, AskKnown::Part& part) { return in.flag(part.known); }

void put(Out& out, const MetricInfo& metric) {
  out.text(metric.name).u8(static_cast<uint8_t>(metric.kind)).zigzag(metric.last_seen_ns).varint(metric.series);
  put(out, metric.units);
}
bool get(In& in, MetricInfo& metric) {
  if (!in.text(metric.name, kTextBytesMax)) return false;
  const auto kind = kind_from(in.u8());
  if (!kind) return false;
  metric.kind = *kind;
  metric.last_seen_ns = in.zigzag();
  metric.series = in.varint();
  if (!get(in, metric.units)) return false;
  metric.unit = metric.units.size() == 1 ? metric.units.front() : "";
  return true;
}

void put(Out& out, const DeviceInfo& device) {
  out.text(device.device).zigzag(device.last_seen_ns);
  put(out, device.labels);
  put(out, device.gateways);
  put(out, device.metrics);
}
bool get(In& in, DeviceInfo& device) {
  constexpr uint64_t kLabelsKept = 64;  // common labels of a device
  if (!in.text(device.device, kTextBytesMax)) return false;
  device.last_seen_ns = in.zigzag();
  return get(in, device.labels, kLabelsKept) && get(in, device.gateways) && get(in, device.metrics);
}

}  // namespace tributary::query
