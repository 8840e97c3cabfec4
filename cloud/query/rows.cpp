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
  for (const Snapshot& snapshot : snapshots) {
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
  for (const Snapshot& snapshot : snapshots) {
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

void merge_row(const Snapshot& snapshot, uint32_t no, const Row& row, stats::Summary& out) {
  const int level = merge::level_of(row.width_s);
  const merge::Tables& tables = snapshot.tables();
  const bool all_time = row.width_s == kAllTime;
  if (!all_time && (row.start_s < -merge::kStartMax || row.start_s > merge::kStartMax)) return;
  snapshot.rows(tables.rows, level, no, row.start_s, row.start_s + 1, [&](const StoredRow& stored) {
    if (stored.width_s == row.width_s) CHECK(out.merge_encoded(stored.summary));
  });
  const Span span = all_time ? Span{} : Span{row.start_s, row.start_s + static_cast<int64_t>(row.width_s)};
  snapshot.fresh({no}, span.from_s, span.to_s, [&](size_t, const StoredRow& stored) {
    // A base row is its own window; a coarser one holds every finer partial.
    const bool inside = level == merge::kBaseLevel
                            ? stored.start_s == row.start_s && stored.width_s == row.width_s
                            : all_time || (stored.width_s != kAllTime && stored.width_s <= row.width_s);
    if (inside) CHECK(out.merge_encoded(stored.summary));
  });
}

}  // namespace tributary::query
