// SPDX-License-Identifier: Apache-2.0
// The last reading of each series: the greatest (time, value) among its all-time row and its fresh rows. Up to an
// instant: the greatest that rows name, which are their first and last readings; a row that goes on beyond the instant
// may hold a later one.
#include "cloud/query/question/last.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "cloud/query/plan.h"
#include "cloud/state/levels.h"

namespace tributary::query {
namespace {

struct Found {
  uint32_t no = 0;
  Series series;
  int64_t seen_s = 0;  // no reading is of a later second
  std::optional<stats::TimedValue> last;
  std::vector<Row> open_rows;
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
std::vector<Found> find_series(const state::Snapshot& snapshot, const Selection& selection, const std::string& after,
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
  const state::Key all = state::series_key(*tenant_no, false, "");
  store::Cursor cursor(snapshot.txn(), snapshot.tables().series);
  for (const std::string& start : starts) {
    bool more = cursor.seek(state::series_key(*tenant_no, false, std::max(start, after)));
    for (; more && found.size() < max && cursor.key().starts_with(all.view()); more = cursor.next()) {
      const std::string_view id = cursor.key().substr(all.view().size());
      if (!id.starts_with(start)) break;
      if (id <= after) continue;
      Result<Series> series = series_from_id(id);
      CHECK(series.ok());
      if (!matches(*series, selection)) continue;
      const uint32_t no = state::KeyReader(cursor.value()).u32();
      found.push_back({no, std::move(series).value(), to_seconds_floor(snapshot.last_seen_ns(no)), std::nullopt, {}});
    }
  }
  return found;
}

// The last readings of all time.
void read_last(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, std::vector<Found>& found) {
  for (Found& one : found) {
    snapshot.rows(snapshot.tables().rows, state::kAllTimeLevel, one.no, state::kBeforeAll, state::kAfterAll,
                  [&](const state::StoredRow& row) { raise(one.last, row.summary); });
  }
  snapshot.fresh(numbers, state::kBeforeAll, state::kAfterAll, [&](size_t index, const state::StoredRow& row) {
    // A row that ends before the newest reading does not hold it.
    const bool ended =
        row.width_s != kAllTime && row.start_s + static_cast<int64_t>(row.width_s) <= found[index].seen_s;
    if (!ended) raise(found[index].last, row.summary);
  });
}

// What a row tells about the instant. True if all of it was before.
bool look(const state::StoredRow& row, int64_t at_ns, Found& found) {
  stats::Summary::Facts facts;
  CHECK(stats::Summary::inspect(row.summary, facts));
  if (facts.count == 0 || facts.first.time_ns > at_ns) return false;
  const bool before = facts.last.time_ns <= at_ns;
  const stats::TimedValue& known = before ? facts.last : facts.first;
  if (!found.last || later(known, *found.last)) found.last = known;
  // Of two readings the first and the last are all.
  if (!before && facts.count > 2) found.open_rows.push_back({row.start_s, row.width_s});
  return before;
}

// Materialised rows, from the newest one at the instant back to one that ended before it.
bool look_back(const state::Snapshot& snapshot, store::Table table, int level, const Span& span, int64_t at_ns,
               Found& found) {
  constexpr int64_t kBaseWidthMax = 60;
  std::optional<int64_t> ended_s;
  snapshot.rows_back(table, level, found.no, span.from_s, span.to_s,
                     [&](int64_t chunk_s, const std::vector<state::StoredRow>& rows) {
                       for (const state::StoredRow& row : rows) {
                         if (look(row, at_ns, found)) ended_s = std::max(ended_s.value_or(row.start_s), row.start_s);
                       }
                       // Base rows have several widths: a wider one may begin earlier and reach further.
                       const int64_t reach = level == state::kBaseLevel ? kBaseWidthMax : 0;
                       return !ended_s || chunk_s > *ended_s - reach;
                     });
  return ended_s.has_value();
}

// The last readings known up to the instant.
void read_last_at(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, int64_t at_ns,
                  std::vector<Found>& found) {
  const state::Tables& tables = snapshot.tables();
  const state::Head& head = snapshot.head();
  const int64_t to_s = to_seconds_floor(at_ns) + 1;
  // A row of all time starts at 0, whatever it holds.
  snapshot.fresh(numbers, state::kBeforeAll, std::max<int64_t>(to_s, 1),
                 [&](size_t index, const state::StoredRow& row) { look(row, at_ns, found[index]); });
  for (Found& one : found) {
    // Where the finer rows are gone, the finest that are kept, each in its own stretch of time; direct rows beside
    // them.
    Span span{state::kBeforeAll, to_s};
    bool ended = false;
    for (int level = 0; level < state::kAllTimeLevel && !ended; ++level) {
      span.from_s = head.cutoff(level);
      ended = look_back(snapshot, tables.rows, level, span, at_ns, one);
      span.to_s = std::min(span.to_s, span.from_s);
    }
    for (int level = 1; level < state::kAllTimeLevel; ++level) {
      look_back(snapshot, tables.direct, level, {head.cutoff(level - 1), to_s}, at_ns, one);
    }
    snapshot.rows(tables.direct, state::kAllTimeLevel, one.no, state::kBeforeAll, state::kAfterAll,
                  [&](const state::StoredRow& row) { look(row, at_ns, one); });
    std::sort(one.open_rows.begin(), one.open_rows.end());
    one.open_rows.erase(std::unique(one.open_rows.begin(), one.open_rows.end()), one.open_rows.end());
  }
}

// Of a series in several partitions, the greatest, with the open rows of all.
void keep(AskLast::Part& all, LastReading reading) {
  const auto [it, added] = all.try_emplace(reading.series.id(), reading);
  if (added) return;
  LastReading& known = it->second;
  if (std::pair(reading.time_ns, reading.value) > std::pair(known.time_ns, known.value)) std::swap(known, reading);
  std::vector<Row> rows;
  std::set_union(known.open_rows.begin(), known.open_rows.end(), reading.open_rows.begin(), reading.open_rows.end(),
                 std::back_inserter(rows));
  known.open_rows = std::move(rows);
}

void cut(AskLast::Part& all, uint64_t max) {
  while (all.size() > max) all.erase(std::prev(all.end()));
}

}  // namespace

Result<AskLast::Part> AskLast::answer(const Snapshots& snapshots) const {
  Part all;
  for (const state::Snapshot& snapshot : snapshots) {
    // Series without such a reading are left out, so that one walk may not be enough.
    std::string place = after;
    for (size_t told = 0; told < max;) {
      std::vector<Found> found = find_series(snapshot, selection, place, max);
      const bool more = found.size() == max;
      if (more) place = found.back().series.id();
      std::sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.no < b.no; });
      std::vector<uint32_t> numbers;
      for (const Found& one : found) numbers.push_back(one.no);
      if (at_ns) {
        read_last_at(snapshot, numbers, *at_ns, found);
      } else {
        read_last(snapshot, numbers, found);
      }
      for (Found& one : found) {
        if (!one.last) continue;
        keep(all, {std::move(one.series), one.last->time_ns, one.last->value, std::move(one.open_rows)});
        ++told;
      }
      if (!more) break;
    }
  }
  cut(all, max);
  return all;
}

void AskLast::put(Out& out) const {
  query::put(out, selection);
  query::put(out, at_ns);
  out.text(after).varint(std::min(max, kRowsMax));
}
bool AskLast::get(In& in) {
  if (!query::get(in, selection) || !query::get(in, at_ns) || !query::get(in, after)) return false;
  max = in.varint();
  return in.ok() && max <= kRowsMax;
}

void AskLast::add(Part& all, Part&& more) {
  for (auto& [id, reading] : more) keep(all, std::move(reading));
}

// A series that is among the first max of all is among the first max wherever it is.
Result<std::vector<LastReading>> AskLast::conclude(Part&& part, const Coverage&) const {
  cut(part, max);
  std::vector<LastReading> out;
  out.reserve(part.size());
  for (auto& [id, reading] : part) out.push_back(std::move(reading));
  return out;
}

void put(Out& out, const LastReading& reading) {
  put(out, reading.series);
  out.zigzag(reading.time_ns);
  put(out, reading.value);
  put(out, reading.open_rows);
}
bool get(In& in, LastReading& reading) {
  if (!get(in, reading.series)) return false;
  reading.time_ns = in.zigzag();
  constexpr uint64_t kOpenRowsMax = 4'096;
  return get(in, reading.value) && get(in, reading.open_rows, kOpenRowsMax);
}

void put(Out& out, const AskLast::Part& part) {
  out.varint(part.size());
  for (const auto& [id, reading] : part) put(out, reading);
}
bool get(In& in, AskLast::Part& part) {
  std::vector<LastReading> list;
  if (!get(in, list, kRowsMax)) return false;
  for (LastReading& reading : list) {
    const std::string id = reading.series.id();
    if (!part.empty() && id <= part.rbegin()->first) return false;
    part.emplace_hint(part.end(), id, std::move(reading));
  }
  return true;
}

}  // namespace tributary::query
