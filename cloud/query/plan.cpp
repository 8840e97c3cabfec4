// SPDX-License-Identifier: Apache-2.0
// The exact decomposition of ranges: see plan.h.
#include "cloud/query/plan.h"

#include <algorithm>
#include <numeric>

namespace tributary::query {
namespace {

using state::kAfterAll;
using state::kBeforeAll;
using state::kLevelWidth;

int64_t round_down(int64_t time_s, int64_t width_s) {
  if (time_s <= -kStartMax || time_s >= kStartMax) return time_s <= 0 ? kBeforeAll : kAfterAll;
  return floor_div(time_s, width_s) * width_s;
}

int64_t round_up(int64_t time_s, int64_t width_s) {
  const int64_t down = round_down(time_s, width_s);
  return down == time_s || down == kBeforeAll || down == kAfterAll ? down : down + width_s;
}

using VisitRow = std::function<void(const state::StoredRow&)>;

// Walks down the levels for one series.
class Descent {
 public:
  Descent(const state::Snapshot& snapshot, uint32_t no, const VisitRow& visit)
      : snapshot_(snapshot), no_(no), visit_(visit) {}

  // REQUIRES: rows of the level are kept throughout the span; wider partials are the caller's.
  void merge(int level, const Span& span) {
    if (span.from_s >= span.to_s) return;
    if (level == state::kBaseLevel) {
      read(snapshot_.tables().rows, level, span);
      return;
    }
    const int64_t width = kLevelWidth[static_cast<size_t>(level)];
    const Span inner{round_up(span.from_s, width), round_down(span.to_s, width)};
    if (inner.from_s < inner.to_s) {
      read(snapshot_.tables().rows, level, inner);
      edge(level, {span.from_s, inner.from_s});
      edge(level, {inner.to_s, span.to_s});
    } else {
      edge(level, span);
    }
  }

 private:
  // A part in which the level's rows may reach past the span: finer rows and this level's direct ones, where kept.
  void edge(int level, const Span& span) {
    if (span.from_s >= span.to_s) return;
    const int64_t cutoff = snapshot_.head().cutoff(level - 1);
    read(snapshot_.tables().rows, level, {span.from_s, std::min(span.to_s, cutoff)});
    const Span fine{std::max(span.from_s, cutoff), span.to_s};
    read(snapshot_.tables().direct, level, fine);
    merge(level - 1, fine);
  }

  void read(store::Table table, int level, const Span& span) {
    snapshot_.rows(table, level, no_, span.from_s, span.to_s, visit_);
  }

  const state::Snapshot& snapshot_;
  uint32_t no_;
  const VisitRow& visit_;
};

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

void merge_stored(const state::Snapshot& snapshot, Bytes summary, stats::Summary& out) {
  const state::StageTimer timer(snapshot.trace(), &state::ReadTrace::merge_ns);
  CHECK(out.merge_encoded(summary));
}

void merge_materialised(const state::Snapshot& snapshot, uint32_t no, const Span& span, stats::Summary& out) {
  if (span.from_s >= span.to_s) return;
  const VisitRow add = [&](const state::StoredRow& row) { merge_stored(snapshot, row.summary, out); };
  // Materialised rows hold nothing that starts at or after R, so a range that reaches there has no right edge.
  const int64_t to_s = span.to_s >= snapshot.head().rolled_s ? kAfterAll : span.to_s;
  const state::Tables& tables = snapshot.tables();
  if (span.from_s == kBeforeAll && to_s == kAfterAll) {
    snapshot.rows(tables.rows, state::kAllTimeLevel, no, kBeforeAll, kAfterAll, add);
    return;
  }
  if (span.from_s <= 0 && 0 < to_s) snapshot.rows(tables.direct, state::kAllTimeLevel, no, 0, 1, add);
  Descent(snapshot, no, add).merge(state::kAllTimeLevel - 1, {span.from_s, to_s});
}

void merge_span(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, const Span& span,
                stats::Summary& out) {
  for (uint32_t no : numbers) merge_materialised(snapshot, no, span, out);
  snapshot.fresh(numbers, span.from_s, span.to_s,
                 [&](size_t, const state::StoredRow& row) { merge_stored(snapshot, row.summary, out); });
}

int source_level(WidthS step_s) {
  for (int level = state::kAllTimeLevel - 1; level > 0; --level) {
    if (step_s >= kLevelWidth[static_cast<size_t>(level)] && step_s % kLevelWidth[static_cast<size_t>(level)] == 0) {
      return level;
    }
  }
  return state::kBaseLevel;
}

bool collect_steps(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, const Span& span,
                   WidthS step_s, const std::function<void(size_t index, const StepRow&)>& visit, WidthS* unfit) {
  const int level = source_level(step_s);
  const int64_t step = std::max<int64_t>(step_s, 1);
  // The steps that lie in the span whole; of the last one only what starts in it, from finer rows.
  const int64_t whole_s = level == state::kBaseLevel ? span.to_s : std::max(span.from_s, round_down(span.to_s, step));
  bool fits = true;
  auto take = [&](size_t index, const state::StoredRow& row) {
    const bool narrow = step_s != 0 && row.width_s != kAllTime && row.width_s <= step_s;
    const bool divides = narrow && step_s % row.width_s == 0;
    if (divides) {
      const int64_t start = floor_div(row.start_s, step) * step;
      if (start >= span.from_s) visit(index, {start, step_s, row.summary});
      return;
    }
    if (narrow && level == state::kBaseLevel && fits) {
      fits = false;
      *unfit = row.width_s;
    }
    visit(index, {row.start_s, row.width_s, row.summary});
  };
  const state::Tables& tables = snapshot.tables();
  const state::Head& head = snapshot.head();
  for (size_t index = 0; index < numbers.size() && fits; ++index) {
    const VisitRow add = [&](const state::StoredRow& row) { take(index, row); };
    // Where the level's rows are gone, the finest that are kept, each in its own stretch of time.
    int64_t to_s = span.to_s;
    for (int at = level; at < state::kAllTimeLevel && to_s > span.from_s; ++at) {
      const int64_t from_s = std::max(span.from_s, head.cutoff(at));
      const int64_t last_s = at == level ? std::clamp(whole_s, from_s, std::max(from_s, to_s)) : to_s;
      snapshot.rows(tables.rows, at, numbers[index], from_s, last_s, add);
      Descent(snapshot, numbers[index], add).merge(at, {last_s, to_s});
      for (int wider = at + 1; wider < state::kAllTimeLevel; ++wider) {
        snapshot.rows(tables.direct, wider, numbers[index], from_s, to_s, add);
      }
      to_s = std::min(to_s, head.cutoff(at));
    }
    if (span.from_s <= 0 && 0 < span.to_s) {
      snapshot.rows(tables.direct, state::kAllTimeLevel, numbers[index], 0, 1, add);
    }
  }
  if (fits) snapshot.fresh(numbers, span.from_s, span.to_s, take);
  return fits;
}

WidthS base_width(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers) {
  WidthS width_s = 0;
  const auto learn = [&](WidthS found) { width_s = std::gcd(width_s, found); };
  // What is wider may as well have been made coarse on its way.
  const auto is_base = [](WidthS found) { return found != kAllTime && found <= kLevelWidth[1]; };
  const auto fresh = snapshot.newest_fresh(numbers, kBeforeAll, is_base);
  if (fresh) learn(fresh->second);
  const state::Tables& tables = snapshot.tables();
  for (uint32_t no : numbers) {
    snapshot.rows_back(tables.rows, state::kBaseLevel, no, kBeforeAll, kAfterAll,
                       [&](int64_t, const std::vector<state::StoredRow>& rows) {
                         for (const state::StoredRow& row : rows) learn(row.width_s);
                         return false;
                       });
  }
  return width_s;
}

void each_at_bound(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, int64_t bound_s,
                   int64_t rounded_s, const VisitRow& visit) {
  if (bound_s <= -kStartMax || bound_s >= kStartMax) return;
  constexpr int64_t kDayS = 86400;
  const VisitRow look = [&](const state::StoredRow& row) {
    if (row.width_s == kAllTime) return;
    const bool holds = row.start_s < bound_s && row.start_s + static_cast<int64_t>(row.width_s) > bound_s;
    if (holds || (row.start_s >= bound_s && row.start_s < rounded_s)) visit(row);
  };
  const state::Tables& tables = snapshot.tables();
  const state::Head& head = snapshot.head();
  for (uint32_t no : numbers) {
    snapshot.rows(tables.rows, state::kBaseLevel, no, std::max<int64_t>(bound_s - kLevelWidth[1], head.cutoff(0)),
                  rounded_s, look);
    for (int level = 1; level < state::kAllTimeLevel; ++level) {
      // Rows hold what is finer only where that is gone.
      const int64_t start_s = round_down(bound_s, kLevelWidth[static_cast<size_t>(level)]);
      if (start_s < head.cutoff(level)) continue;
      const store::Table table = start_s < head.cutoff(level - 1) ? tables.rows : tables.direct;
      snapshot.rows(table, level, no, start_s, start_s + 1, look);
    }
  }
  snapshot.fresh(numbers, bound_s - kDayS, rounded_s, [&](size_t, const state::StoredRow& row) { look(row); });
}

void each_of_all_time(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, const VisitRow& visit) {
  for (uint32_t no : numbers) snapshot.rows(snapshot.tables().direct, state::kAllTimeLevel, no, 0, 1, visit);
  snapshot.fresh(numbers, 0, 1, [&](size_t, const state::StoredRow& row) {
    if (row.width_s == kAllTime) visit(row);
  });
}

int64_t round_up_s(int64_t time_s, int64_t width_s) {
  const int64_t rounded = round_up(time_s, width_s);
  return rounded == kBeforeAll || rounded == kAfterAll ? time_s : rounded;
}

}  // namespace tributary::query
