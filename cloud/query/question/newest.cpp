// SPDX-License-Identifier: Apache-2.0
// The newest window that has readings: see newest.h.
#include "cloud/query/question/newest.h"

#include <algorithm>

#include "cloud/query/plan.h"
#include "cloud/query/query.h"
#include "cloud/query/question/rows.h"
#include "cloud/query/select.h"

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

void look(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, WidthS window_s,
          AskNewest::Part& found) {
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
  // A wide row counts if it starts at the end of the narrow window or after it, see conclude().
  const int64_t from_s =
      found.narrow ? window_start_s(*found.narrow, window_s) + static_cast<int64_t>(window_s) : state::kBeforeAll;
  if (auto fresh = snapshot.newest_fresh(numbers, from_s, [&](WidthS width_s) { return width_s > window_s; })) {
    raise(found.wide, fresh->first, fresh->second);
  }
}

// The later one; the narrower one of two.
void raise(std::optional<Row>& newest, const std::optional<Row>& found) {
  if (!found) return;
  if (!newest || found->start_s > newest->start_s ||
      (found->start_s == newest->start_s && found->width_s < newest->width_s)) {
    newest = found;
  }
}

Error no_readings(const std::string& metric) { return {ErrorCode::kNotFound, "no readings of metric " + metric}; }

}  // namespace

Result<Newest> newest(const Query& query, const Selection& selection, WidthS window_s) {
  const auto one = query.one_answer();
  const auto choice = one->ask(AskNewest{selection, window_s});
  if (!choice) return choice.error();
  auto sum = one->ask(AskNewestSum{selection, window_s, *choice});
  if (!sum) return sum.error();
  return Newest{choice->row, std::move(sum).value()};
}

void AskNewest::put(Out& out) const {
  query::put(out, selection);
  out.varint(window_s);
}
bool AskNewest::get(In& in) {
  if (!query::get(in, selection)) return false;
  window_s = in.u32();
  return in.ok();
}

Result<AskNewest::Part> AskNewest::answer(const Snapshots& snapshots) const {
  Part found;
  for (const state::Snapshot& snapshot : snapshots) {
    const std::vector<uint32_t> numbers = numbers_of(select(snapshot, selection, ""));
    found.any = found.any || !numbers.empty();
    if (window_s != kAllTime) look(snapshot, numbers, window_s, found);
  }
  return found;
}

void AskNewest::add(Part& all, Part&& more) {
  all.any = all.any || more.any;
  raise(all.narrow, more.narrow);
  raise(all.wide, more.wide);
  raise(all.coarse, more.coarse);
}

Result<AskNewest::Choice> AskNewest::conclude(Part&& part, const Coverage&) const {
  if (!part.any) return no_readings(selection.metric);
  if (part.narrow && window_s != kAllTime) {
    const int64_t start_s = window_start_s(*part.narrow, window_s);
    if (!part.wide || start_s + static_cast<int64_t>(window_s) > part.wide->start_s) {
      return Choice{{start_s, window_s}, true};
    }
  }
  // All time (0, 0) if nothing narrower is left.
  return Choice{part.wide ? *part.wide : part.coarse.value_or(Row{}), false};
}

void put(Out& out, const AskNewest::Part& part) {
  out.u8(part.any);
  put(out, part.narrow);
  put(out, part.wide);
  put(out, part.coarse);
}
bool get(In& in, AskNewest::Part& part) {
  if (!in.flag(part.any) || !get(in, part.narrow) || !get(in, part.wide) || !get(in, part.coarse)) return false;
  return !part.narrow || (*part.narrow >= -kStartMax && *part.narrow <= kStartMax);
}

void AskNewestSum::put(Out& out) const {
  query::put(out, selection);
  out.varint(window_s);
  query::put(out, choice.row);
  out.u8(choice.narrow);
}
bool AskNewestSum::get(In& in) {
  if (!query::get(in, selection)) return false;
  window_s = in.u32();
  return query::get(in, choice.row) && in.flag(choice.narrow);
}

Result<AskNewestSum::Part> AskNewestSum::answer(const Snapshots& snapshots) const {
  Part part;
  stats::Summary& sum = part.summary;
  for (const state::Snapshot& snapshot : snapshots) {
    const std::vector<uint32_t> numbers = numbers_of(select(snapshot, selection, ""));
    if (!choice.narrow) {
      for (uint32_t no : numbers) merge_row(snapshot, no, choice.row, sum);
      continue;
    }
    const Span span{choice.row.start_s, choice.row.start_s + static_cast<int64_t>(window_s)};
    WidthS unfit = 0;
    auto add = [&](size_t, const StepRow& row) {
      if (row.width_s <= window_s && row.width_s != kAllTime) merge_stored(snapshot, row.summary, sum);
    };
    if (!collect_steps(snapshot, numbers, span, window_s, add, &unfit)) {
      part.unfit_s = least_unfit(part.unfit_s, unfit);
    }
  }
  return part;
}

void AskNewestSum::add(Part& all, Part&& more) {
  all.unfit_s = least_unfit(all.unfit_s, more.unfit_s);
  all.summary.merge(more.summary);
}

Result<stats::Summary> AskNewestSum::conclude(Part&& part, const Coverage&) const {
  if (part.unfit_s != 0) {
    return Error{ErrorCode::kInvalid, "found window " + std::to_string(window_s) + " s, expected a multiple of " +
                                          std::to_string(part.unfit_s) + " s, the width of the stored rows"};
  }
  if (part.summary.empty()) return no_readings(selection.metric);
  return std::move(part.summary);
}

void put(Out& out, const AskNewestSum::Part& part) {
  out.varint(part.unfit_s);
  put(out, part.summary);
}
bool get(In& in, AskNewestSum::Part& part) {
  part.unfit_s = in.u32();
  return get(in, part.summary);
}

}  // namespace tributary::query
