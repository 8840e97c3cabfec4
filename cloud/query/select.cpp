// SPDX-License-Identifier: Apache-2.0
// Resolving selections: see select.h.
#include "cloud/query/select.h"

#include <algorithm>

namespace tributary::query {
namespace {

bool matches(const Series& series, const std::vector<Label>& labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const Label& wanted) {
    return std::find(series.labels.begin(), series.labels.end(), wanted) != series.labels.end();
  });
}

std::string group_of(const Series& series, const std::string& by) {
  if (by.empty()) return "";
  if (by == "device") return series.device;
  for (const Label& label : series.labels) {
    if (label.key == by) return label.value;
  }
  return "";
}

bool is_plain(std::string_view text, size_t bytes_max) {
  return text.size() <= bytes_max && text.find('\0') == std::string_view::npos;
}

}  // namespace

std::vector<SeriesMember> select(const state::Snapshot& snapshot, const Selection& selection, const std::string& by) {
  const state::StageTimer timer(snapshot.trace(), &state::ReadTrace::select_ns);
  std::vector<SeriesMember> members;
  std::optional<uint32_t> tenant = snapshot.tenant(selection.tenant);
  if (!tenant || selection.metric.empty() || !is_plain(selection.metric, kMetricBytesMax)) return members;
  std::vector<uint32_t> numbers;
  const state::Tables& tables = snapshot.tables();
  if (selection.devices.empty()) {
    const uint8_t fleet = by == "device" ? 0 : 1;
    const state::Key prefix = state::Key().u32(*tenant).text(selection.metric).u8(0).u8(fleet);
    snapshot.each(tables.by_metric, prefix, [&](std::string_view rest, std::string_view) {
      numbers.push_back(state::KeyReader(rest).u32());
      return true;
    });
  } else {
    for (const std::string& device : selection.devices) {
      if (!is_plain(device, kDeviceBytesMax)) continue;
      std::string id = device;
      id.push_back('\0');
      id.append(selection.metric).push_back('\0');
      snapshot.each(tables.series, state::series_key(*tenant, false, id), [&](std::string_view, std::string_view no) {
        numbers.push_back(state::KeyReader(no).u32());
        return true;
      });
    }
  }
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  for (uint32_t no : numbers) {
    std::optional<state::SeriesInfo> info = snapshot.series_info(no);
    CHECK(info.has_value());
    Result<Series> series = series_from_id(info->id);
    CHECK(series.ok());
    if (matches(*series, selection.labels)) members.push_back({no, group_of(*series, by)});
  }
  return members;
}

std::vector<uint32_t> numbers_of(const std::vector<SeriesMember>& members) {
  std::vector<uint32_t> numbers;
  numbers.reserve(members.size());
  for (const SeriesMember& member : members) numbers.push_back(member.no);
  return numbers;
}

}  // namespace tributary::query
