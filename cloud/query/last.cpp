// SPDX-License-Identifier: Apache-2.0
// The last reading of each series: the greatest (time, value) among its all-time row and its fresh rows.
#include <algorithm>
#include <optional>

#include "cloud/query/answers.h"

namespace tributary::query {
namespace {

struct Found {
  uint32_t no = 0;
  Series series;
  int64_t seen_s = 0;  // no reading is of a later second
  std::optional<stats::TimedValue> last;
};

bool later(const stats::TimedValue& a, const stats::TimedValue& b) {
  return a.time_ns != b.time_ns ? a.time_ns > b.time_ns : a.value > b.value;
}

void raise(std::optional<stats::TimedValue>& last, Bytes summary) {
  stats::Summary::Facts facts;
  CHECK(stats::Summary::inspect(summary, facts));
  if (facts.count > 0 && (!last || later(facts.last, *last))) last = facts.last;
}

bool matches(const Series& series, const Selection& selection) {
  if (series.overflow || (!selection.metric.empty() && series.metric != selection.metric)) return false;
  return std::all_of(selection.labels.begin(), selection.labels.end(), [&](const Label& wanted) {
    return std::find(series.labels.begin(), series.labels.end(), wanted) != series.labels.end();
  });
}

// The series of the selection after an id, ascending by id, at most max.
std::vector<Found> find_series(const Snapshot& snapshot, const Selection& selection, const std::string& after,
                               size_t max) {
  std::vector<Found> found;
  const std::optional<uint32_t> tenant_no = snapshot.tenant(selection.tenant);
  if (!tenant_no || after.size() > kSeriesIdBytesMax) return found;
  std::vector<std::string> starts;  // of ids; ascending, and none begins another
  for (const std::string& device : selection.devices) {
    if (device.size() <= kDeviceBytesMax && device.find('\0') == std::string::npos) starts.push_back(device + '\0');
  }
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  if (selection.devices.empty()) starts.emplace_back();
  const merge::Key all = merge::series_key(*tenant_no, false, "");
  store::Cursor cursor(snapshot.txn(), snapshot.tables().series);
  for (const std::string& start : starts) {
    bool more = cursor.seek(merge::series_key(*tenant_no, false, std::max(start, after)));
    for (; more && found.size() < max && cursor.key().starts_with(all.view()); more = cursor.next()) {
      const std::string_view id = cursor.key().substr(all.view().size());
      if (!id.starts_with(start)) break;
      if (id <= after) continue;
      Result<Series> series = series_from_id(id);
      CHECK(series.ok());
      if (!matches(*series, selection)) continue;
      const uint32_t no = merge::KeyReader(cursor.value()).u32();
      found.push_back({no, std::move(series).value(), to_seconds_floor(snapshot.last_seen_ns(no)), std::nullopt});
    }
  }
  return found;
}

}  // namespace

std::vector<LastReading> answer_last(const Snapshots& snapshots, const Selection& selection, const std::string& after,
                                     size_t max) {
  LastReadings all;
  for (const Snapshot& snapshot : snapshots) {
    std::vector<Found> found = find_series(snapshot, selection, after, max);
    std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.no < b.no; });
    std::vector<uint32_t> numbers;
    for (Found& one : found) {
      numbers.push_back(one.no);
      snapshot.rows(snapshot.tables().rows, merge::kAllTimeLevel, one.no, merge::kBeforeAll, merge::kAfterAll,
                    [&](const StoredRow& row) { raise(one.last, row.summary); });
    }
    snapshot.fresh(numbers, merge::kBeforeAll, merge::kAfterAll, [&](size_t index, const StoredRow& row) {
      // A row that ends before the newest reading does not hold it.
      const bool ended =
          row.width_s != kAllTime && row.start_s + static_cast<int64_t>(row.width_s) <= found[index].seen_s;
      if (!ended) raise(found[index].last, row.summary);
    });
    for (Found& one : found) {
      if (one.last) all.add({std::move(one.series), one.last->time_ns, one.last->value});
    }
  }
  return all.take(max);
}

}  // namespace tributary::query
