// SPDX-License-Identifier: Apache-2.0
// The answers of Query over snapshots already taken, one file each: rows, newest window, completeness, catalogue,
// changes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cloud/query/local.h"
#include "cloud/query/plan.h"
#include "cloud/query/query.h"
#include "cloud/query/select.h"
#include "cloud/state/snapshot.h"

namespace tributary::query {

using Snapshots = std::vector<state::Snapshot>;

// Seconds such that a row's start lies in the range exactly if it lies in the span.
Span to_span(const Range& range);
// The numbers of the members. Ascending.
std::vector<uint32_t> numbers_of(const std::vector<Member>& members);

stats::Summary answer_summary(const Snapshots& snapshots, const Selection& selection, const Range& range);
SeriesFacts answer_series(const Snapshots& snapshots, const Selection& selection, const Range& range, WidthS step_s,
                          const std::string& by, uint64_t rows_max, const Query::RowSink& sink,
                          const LocalQuery::RowKeySink& too_many);
NewestPart find_newest(const Snapshots& snapshots, const Selection& selection, WidthS window_s);
stats::Summary sum_newest(const Snapshots& snapshots, const Selection& selection, WidthS window_s,
                          const NewestChoice& choice, WidthS* unfit_s);
std::vector<LastReading> answer_last(const Snapshots& snapshots, const Selection& selection,
                                     std::optional<int64_t> at_ns, const std::string& after, size_t max);
// All of one row: everything of width up to its own that starts in it.
void merge_row(const state::Snapshot& snapshot, uint32_t no, const Row& row, stats::Summary& out);
// The same for many rows, each key that has readings in order; the fresh rows of keys with equal windows are read once.
void answer_rows(const Snapshots& snapshots, const std::string& tenant, const std::vector<RowKey>& keys,
                 const Query::KeySink& sink);

CompletenessPart read_completeness(const Snapshots& snapshots, const Selection& selection, const Range& range,
                                   int64_t now_ns);
std::vector<GatewayInfo> answer_gateways(const Snapshots& snapshots, const std::string& tenant, int64_t now_ns,
                                         const NamePage& page);
std::vector<MetricInfo> answer_metrics(const Snapshots& snapshots, const std::string& tenant);
std::vector<DeviceInfo> answer_devices(const Snapshots& snapshots, const std::string& tenant, const NamePage& page);

// Changes of one partition after the revision; upto is the revision they reach.
Result<std::vector<Change>> answer_changes(const state::Snapshot& snapshot, const std::string& tenant, uint64_t after,
                                           size_t max, uint64_t* upto);

}  // namespace tributary::query
