// SPDX-License-Identifier: Apache-2.0
// Which stored rows answer a range exactly: the few coarse rows inside it, finer ones at its edges, and the direct rows
// of coarser partials; every partial once. Where retention has dropped the finer rows, the finest that is kept.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "cloud/query/types.h"
#include "cloud/state/snapshot.h"
#include "common/stats/summary.h"

namespace tributary::query {

// Half-open, in seconds of event time; kBeforeAll and kAfterAll: no bound.
struct Span {
  int64_t from_s = state::kBeforeAll;
  int64_t to_s = state::kAfterAll;
};
// Seconds such that a row's start lies in the range exactly if it lies in the span.
Span to_span(const Range& range);

// Merges a stored summary; one that does not decode is damage, and stops the program.
void merge_stored(const state::Snapshot& snapshot, Bytes summary, stats::Summary& out);

// Merges everything of one series that is materialised and starts in the span into out.
void merge_materialised(const state::Snapshot& snapshot, uint32_t no, const Span& span, stats::Summary& out);

// Merges everything of the series that starts in the span into out, fresh rows included. Numbers ascending.
void merge_span(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, const Span& span,
                stats::Summary& out);

// The coarsest level whose rows add up to rows of step_s; 0 if only base rows do.
int source_level(WidthS step_s);

// The rows that make up steps of step_s: those that fit into a step if the step's start lies in span and their own
// start does, wider ones if their own start does. So the last step holds what starts before the span's end, and no
// more. (index into numbers, the step's or the row's own start, step or own width, row.)
struct StepRow {
  int64_t start_s = 0;
  WidthS width_s = 0;
  Bytes summary;
};
// False, with the width that does not divide step_s, if base rows do not fit the step.
bool collect_steps(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, const Span& span,
                   WidthS step_s, const std::function<void(size_t index, const StepRow&)>& visit, WidthS* unfit);

// The width of base windows, as the newest base rows of the numbers have it: their greatest common divisor; 0: none is
// there to tell.
WidthS base_width(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers);

// Rows that an answer is made of, with start < bound_s < their end, or start between bound_s and rounded_s; and those
// of all time. A row may be visited twice.
void each_at_bound(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, int64_t bound_s,
                   int64_t rounded_s, const std::function<void(const state::StoredRow&)>& visit);
void each_of_all_time(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers,
                      const std::function<void(const state::StoredRow&)>& visit);

// The least multiple of width_s at or after time_s; a time beyond all windows is itself.
int64_t round_up_s(int64_t time_s, int64_t width_s);

// The lesser of two widths that do not fit; 0 is none.
inline WidthS least_unfit(WidthS a, WidthS b) { return a == 0 ? b : b == 0 ? a : std::min(a, b); }

}  // namespace tributary::query
