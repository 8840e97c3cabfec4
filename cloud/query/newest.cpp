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
  if (!newest || *start_s > newest->start_s || (*start_s == newest->start_s && width_s < newest->width_s)) {
    newest = Row{*start_s, width_s};
  }
}

void look(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, WidthS window_s, NewestPart& found) {
  const state::Tables& tables = snapshot.tables();
  const int level = source_level(window_s);
  for (int wider = 1; wider < state::kAllTimeLevel; ++wider) {
    const WidthS width_s = state::kLevelWidth[static_cast<size_t>(wider)];
    if (width_s <= window_s) continue;
    for (uint32_t no : numbers) raise(found.wide, snapshot.newest_start(tables.direct, wider, no), width_s);
  }
  for (uint32_t no : numbers) {
    raise(found.narrow, snapshot.newest_start(tables.rows, level, no));
    for (int coarser = level + 1; coarser < state::kAllTimeLevel; ++coarser) {
      raise(found.coarse, snapshot.newest_start(tables.rows, coarser, no),
            state::kLevelWidth[static_cast<size_t>(coarser)]);
    }
  }
  // Fresh rows last, and only those that would change the choice: the walk over an hour of windows is what costs. All
  // time (width 0) is no bound here: its rows start at 0.
  auto is_narrow = [&](WidthS width_s) { return width_s != kAllTime && width_s <= window_s; };
  if (auto fresh = snapshot.newest_fresh(numbers, found.narrow.value_or(state::kBeforeAll), is_narrow)) {
    raise(found.narrow, fresh->first);
  }
  // A wide row counts if it starts at the end of the narrow window or after it, see choose().
  const int64_t from_s =
      found.narrow ? window_start_s(*found.narrow, window_s) + static_cast<int64_t>(window_s) : state::kBeforeAll;
  if (auto fresh = snapshot.newest_fresh(numbers, from_s, [&](WidthS width_s) { return width_s > window_s; })) {
    raise(found.wide, fresh->first, fresh->second);
  }
}

}  // namespace

NewestPart find_newest(const Snapshots& snapshots, const Selection& selection, WidthS window_s) {
  NewestPart found;
  for (const state::Snapshot& snapshot : snapshots) {
    const std::vector<uint32_t> numbers = numbers_of(select(snapshot, selection, ""));
    found.any = found.any || !numbers.empty();
    if (window_s != kAllTime) look(snapshot, numbers, window_s, found);
  }
  return found;
}

stats::Summary sum_newest(const Snapshots& snapshots, const Selection& selection, WidthS window_s,
                          const NewestChoice& choice, WidthS* unfit_s) {
  stats::Summary sum;
  *unfit_s = 0;
  for (const state::Snapshot& snapshot : snapshots) {
    const std::vector<uint32_t> numbers = numbers_of(select(snapshot, selection, ""));
    if (!choice.narrow) {
      for (uint32_t no : numbers) merge_row(snapshot, no, choice.row, sum);
      continue;
    }
    const Span span{choice.row.start_s, choice.row.start_s + static_cast<int64_t>(window_s)};
    WidthS unfit = 0;
    auto add = [&](size_t, const StepRow& row) {
      if (row.width_s <= window_s && row.width_s != kAllTime) CHECK(sum.merge_encoded(row.summary));
    };
    if (!collect_steps(snapshot, numbers, span, window_s, add, &unfit) && (*unfit_s == 0 || unfit < *unfit_s)) {
      *unfit_s = unfit;
    }
  }
  return sum;
}

}  // namespace tributary::query
