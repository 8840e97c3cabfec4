// SPDX-License-Identifier: Apache-2.0
// The newest window that has readings.
#include <algorithm>

#include "cloud/query/answers.h"

namespace tributary::query {
namespace {

void raise(std::optional<int64_t>& newest, std::optional<int64_t> found) {
  if (found && (!newest || *found > *newest)) newest = found;
}

// The newest row wider than window_s by its start; the narrower one of two.
void raise(std::optional<Row>& newest, std::optional<int64_t> start_s, WidthS width_s) {
  if (!start_s) return;
  if (!newest || *start_s > newest->start_s) newest = Row{*start_s, width_s};
}

struct Candidates {
  std::optional<int64_t> narrow;  // start of a window of window_s that holds something
  std::optional<Row> wide;        // a partial wider than that
  std::optional<Row> coarse;      // a coarser row, where retention has dropped the finer ones
};

void look(const Snapshot& snapshot, const std::vector<uint32_t>& numbers, WidthS window_s, Candidates& found) {
  const merge::Tables& tables = snapshot.tables();
  const int level = source_level(window_s);
  auto is_narrow = [&](WidthS width_s) { return width_s != kAllTime && width_s <= window_s; };
  if (auto fresh = snapshot.newest_fresh(numbers, is_narrow)) raise(found.narrow, fresh->first);
  if (auto fresh = snapshot.newest_fresh(numbers, [&](WidthS width_s) { return width_s > window_s; })) {
    raise(found.wide, fresh->first, fresh->second);
  }
  for (int wider = 1; wider < merge::kAllTimeLevel; ++wider) {
    const WidthS width_s = merge::kLevelWidth[static_cast<size_t>(wider)];
    if (width_s <= window_s) continue;
    for (uint32_t no : numbers) raise(found.wide, snapshot.newest_start(tables.direct, wider, no), width_s);
  }
  for (uint32_t no : numbers) {
    raise(found.narrow, snapshot.newest_start(tables.rows, level, no));
    for (int coarser = level + 1; coarser < merge::kAllTimeLevel; ++coarser) {
      raise(found.coarse, snapshot.newest_start(tables.rows, coarser, no),
            merge::kLevelWidth[static_cast<size_t>(coarser)]);
    }
  }
}

}  // namespace

Result<Query::Newest> answer_newest(const Snapshots& snapshots, const Selection& selection, WidthS window_s) {
  const Error none{ErrorCode::kNotFound, "no readings of metric " + selection.metric};
  std::vector<std::vector<uint32_t>> numbers;
  Candidates found;
  bool any = false;
  for (const Snapshot& snapshot : snapshots) {
    numbers.push_back(numbers_of(select(snapshot, selection, "")));
    any = any || !numbers.back().empty();
    if (window_s != kAllTime) look(snapshot, numbers.back(), window_s, found);
  }
  if (!any) return none;
  if (found.narrow) found.narrow = window_start_s(*found.narrow, window_s);
  Query::Newest newest;
  const bool use_narrow =
      found.narrow && (!found.wide || *found.narrow + static_cast<int64_t>(window_s) > found.wide->start_s);
  if (use_narrow) {
    newest.row = {*found.narrow, window_s};
    const Span span{*found.narrow, *found.narrow + static_cast<int64_t>(window_s)};
    for (size_t i = 0; i < snapshots.size(); ++i) {
      WidthS unfit = 0;
      auto add = [&](size_t, const StepRow& row) {
        if (row.width_s <= window_s && row.width_s != kAllTime) CHECK(newest.summary.merge_encoded(row.summary));
      };
      if (!collect_steps(snapshots[i], numbers[i], span, window_s, add, &unfit)) {
        return Error{ErrorCode::kInvalid, "found window " + std::to_string(window_s) + " s, expected a multiple of " +
                                              std::to_string(unfit) + " s, the width of the stored rows"};
      }
    }
  } else {
    // All time (0, 0) if nothing narrower is left.
    newest.row = found.wide ? *found.wide : found.coarse.value_or(Row{});
    for (size_t i = 0; i < snapshots.size(); ++i) {
      for (uint32_t no : numbers[i]) merge_row(snapshots[i], no, newest.row, newest.summary);
    }
  }
  if (newest.summary.empty()) return none;
  return newest;
}

}  // namespace tributary::query
