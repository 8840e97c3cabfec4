// SPDX-License-Identifier: Apache-2.0
// Summaries and rows of a range.
#include <algorithm>
#include <memory>
#include <tuple>

#include "cloud/query/answers.h"

namespace tributary::query {
namespace {

struct RowRef {
  StepRow row;
  bool before(const RowRef& other) const {
    return std::tie(row.start_s, row.width_s) < std::tie(other.row.start_s, other.row.width_s);
  }
  bool same(const RowRef& other) const { return row.start_s == other.row.start_s && row.width_s == other.row.width_s; }
};
using Groups = std::map<std::string, std::vector<RowRef>>;

// One step's width at a time is read before the answer's size is known; a group's rows are as many as its distinct
// windows.
uint64_t count_rows(std::vector<RowRef>& refs) {
  std::sort(refs.begin(), refs.end(), [](const RowRef& a, const RowRef& b) { return a.before(b); });
  uint64_t rows = 0;
  for (size_t i = 0; i < refs.size(); ++i) rows += i == 0 || !refs[i].same(refs[i - 1]);
  return rows;
}

}  // namespace

Span to_span(const Range& range) {
  // start_s * 1e9 >= from_ns exactly if start_s >= ceil(from_ns / 1e9); the same for the end.
  auto ceil_s = [](int64_t time_ns) {
    const int64_t down = to_seconds_floor(time_ns);
    return time_ns % kNanosPerSecond == 0 ? down : down + 1;
  };
  Span span;
  if (range.from_ns) span.from_s = ceil_s(*range.from_ns);
  if (range.to_ns) span.to_s = ceil_s(*range.to_ns);
  return span;
}

std::vector<uint32_t> numbers_of(const std::vector<Member>& members) {
  std::vector<uint32_t> numbers;
  numbers.reserve(members.size());
  for (const Member& member : members) numbers.push_back(member.no);
  return numbers;
}

stats::Summary answer_summary(const Snapshots& snapshots, const Selection& selection, const Range& range) {
  stats::Summary out;
  for (const state::Snapshot& snapshot : snapshots) {
    merge_span(snapshot, numbers_of(select(snapshot, selection, "")), to_span(range), out);
  }
  return out;
}

SeriesFacts answer_series(const Snapshots& snapshots, const Selection& selection, const Range& range, WidthS step_s,
                          const std::string& by, uint64_t rows_max, const Query::RowSink& sink,
                          const LocalQuery::RowKeySink& too_many) {
  const Span span = to_span(range);
  SeriesFacts facts;
  Groups groups;
  for (const state::Snapshot& snapshot : snapshots) {
    const std::vector<Member> members = select(snapshot, selection, by);
    std::vector<std::vector<RowRef>*> targets;
    targets.reserve(members.size());
    for (const Member& member : members) targets.push_back(&groups[member.group]);
    WidthS unfit = 0;
    auto add = [&](size_t index, const StepRow& row) { targets[index]->push_back({row}); };
    if (!collect_steps(snapshot, numbers_of(members), span, step_s, add, &unfit)) facts.add_unfit(unfit);
  }
  if (facts.unfit_s != 0) return facts;
  for (auto& [group, refs] : groups) facts.rows += count_rows(refs);
  if (facts.rows > rows_max && !too_many) return facts;
  auto sum = std::make_unique<stats::Summary>();
  for (const auto& [group, refs] : groups) {
    for (size_t first = 0, last = 0; first < refs.size(); first = last) {
      const Row row{refs[first].row.start_s, refs[first].row.width_s};
      last = first + 1;
      if (facts.rows > rows_max) {
        while (last < refs.size() && refs[last].same(refs[first])) ++last;
        too_many(group, row);
        continue;
      }
      CHECK(sum->decode(refs[first].row.summary));
      for (; last < refs.size() && refs[last].same(refs[first]); ++last) {
        CHECK(sum->merge_encoded(refs[last].row.summary));
      }
      sink(group, row, *sum);
    }
  }
  return facts;
}

namespace {

// Summaries in memory at once, of 8 KiB each.
constexpr size_t kKeysAtOnce = 128;

// A row of the numbers (ascending, unique), each into its own sum.
void merge_rows(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, const Row& row,
                const std::vector<stats::Summary*>& sums) {
  const int level = state::level_of(row.width_s);
  const state::Tables& tables = snapshot.tables();
  const bool all_time = row.width_s == kAllTime;
  if (!all_time && (row.start_s < -kStartMax || row.start_s > kStartMax)) return;
  for (size_t i = 0; i < numbers.size(); ++i) {
    snapshot.rows(tables.rows, level, numbers[i], row.start_s, row.start_s + 1, [&](const state::StoredRow& stored) {
      if (stored.width_s == row.width_s) CHECK(sums[i]->merge_encoded(stored.summary));
    });
  }
  const Span span = all_time ? Span{} : Span{row.start_s, row.start_s + static_cast<int64_t>(row.width_s)};
  snapshot.fresh(numbers, span.from_s, span.to_s, [&](size_t i, const state::StoredRow& stored) {
    // A base row is its own window; a coarser one holds every finer partial.
    const bool inside = level == state::kBaseLevel
                            ? stored.start_s == row.start_s && stored.width_s == row.width_s
                            : all_time || (stored.width_s != kAllTime && stored.width_s <= row.width_s);
    if (inside) CHECK(sums[i]->merge_encoded(stored.summary));
  });
}

}  // namespace

void merge_row(const state::Snapshot& snapshot, uint32_t no, const Row& row, stats::Summary& out) {
  merge_rows(snapshot, {no}, row, {&out});
}

void answer_rows(const Snapshots& snapshots, const std::string& tenant, const std::vector<RowKey>& keys,
                 const Query::KeySink& sink) {
  const size_t at_once = std::min(kKeysAtOnce, keys.size());
  std::vector<std::unique_ptr<stats::Summary>> sums;
  for (size_t i = 0; i < at_once; ++i) sums.push_back(std::make_unique<stats::Summary>());
  for (size_t first = 0; first < keys.size(); first += at_once) {
    const size_t count = std::min(at_once, keys.size() - first);
    for (size_t i = 0; i < count; ++i) sums[i]->clear();
    for (const state::Snapshot& snapshot : snapshots) {
      const std::optional<uint32_t> tenant_no = snapshot.tenant(tenant);
      if (!tenant_no) continue;
      // By window and number. A key that stands twice has a sum of its own each time, so each in a round of its own.
      std::map<std::pair<int64_t, WidthS>, std::multimap<uint32_t, stats::Summary*>> windows;
      for (size_t i = 0; i < count; ++i) {
        const RowKey& key = keys[first + i];
        const bool fleet = key.series.device.empty() && !key.series.overflow;
        const std::string id = key.series.id();
        if (id.size() > kSeriesIdBytesMax) continue;
        const auto no = snapshot.txn().get(snapshot.tables().series, state::series_key(*tenant_no, fleet, id));
        if (!no) continue;
        windows[{key.row.start_s, key.row.width_s}].emplace(state::KeyReader(*no).u32(), sums[i].get());
      }
      for (auto& [window, members] : windows) {
        while (!members.empty()) {
          std::vector<uint32_t> numbers;
          std::vector<stats::Summary*> targets;
          for (auto member = members.begin(); member != members.end();) {
            const bool again = !numbers.empty() && numbers.back() == member->first;
            if (!again) {
              numbers.push_back(member->first);
              targets.push_back(member->second);
            }
            member = again ? std::next(member) : members.erase(member);
          }
          merge_rows(snapshot, numbers, {window.first, window.second}, targets);
        }
      }
    }
    for (size_t i = 0; i < count; ++i) {
      if (!sums[i]->empty()) sink(first + i, *sums[i]);
    }
  }
}

}  // namespace tributary::query
