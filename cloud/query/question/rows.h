// SPDX-License-Identifier: Apache-2.0
// Rows and summaries of ranges, and single rows as they are now.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cloud/query/question.h"
#include "common/stats/summary.h"

namespace tributary::query {

class Query;

// One summary of the range; without bounds the all-time one.
struct AskSummary {
  static constexpr uint8_t kOp = 6;
  Selection selection;
  Range range;

  void put(Out& out) const;
  bool get(In& in) { return query::get(in, selection) && query::get(in, range); }
  using Part = stats::Summary;
  Result<Part> answer(const Snapshots& snapshots) const;
  static void add(Part& all, Part&& more);
  using Answer = stats::Summary;
  Result<Answer> conclude(Part&& part, const Coverage&) const { return std::move(part); }
};
void put(Out& out, const stats::Summary& summary);
bool get(In& in, stats::Summary& summary);

// Rows at step (0: base), grouped by by ("" one group, "device", or a label's key), ascending by group and start,
// disjoint in readings. Each has its own start and width: a coarser partial stays a row of its own. kInvalid with the
// count if more than rows_max, or if stored rows do not divide the step.
struct AskSeries {
  static constexpr uint8_t kOp = 7;
  Selection selection;
  Range range;
  WidthS step_s = 0;
  std::string by;
  uint64_t rows_max = 0;

  void put(Out& out) const;
  bool get(In& in);
  struct PartRow {
    std::string group;
    Row row;
    std::string summary;  // empty: a key only
  };
  struct Part {
    WidthS unfit_s = 0;  // > 0: the least width that does not divide the step; nothing was given
    uint64_t rows = 0;   // > rows_max: nothing was given but the keys
    std::vector<PartRow> list;
  };
  Result<Part> answer(const Snapshots& snapshots) const;
  static void add(Part& all, Part&& more);
  using Sink = std::function<void(const std::string& group, const Row& row, const stats::Summary& summary)>;
  Status stream(const Snapshots& snapshots, const Sink& sink) const;
  Status conclude(Part&& part, const Coverage&, const Sink& sink) const;
};
void put(Out& out, const AskSeries::Part& part);
bool get(In& in, AskSeries::Part& part);

// The rows of keys as they are now, in the order of the keys; a key without readings is left out.
struct AskRows {
  static constexpr uint8_t kOp = 12;
  std::string tenant;
  std::vector<RowKey> keys;

  void put(Out& out) const;
  bool get(In& in) { return query::get(in, tenant) && query::get(in, keys, kRowsMax); }
  using PartRow = std::pair<uint64_t, std::string>;  // number of the key, and encoded summary
  using Part = std::vector<PartRow>;                 // ascending
  Result<Part> answer(const Snapshots& snapshots) const;
  static bool sound(const Part& part, const Share&);
  static void add(Part& all, Part&& more);
  using Sink = std::function<void(size_t index, const stats::Summary& summary)>;
  Status stream(const Snapshots& snapshots, const Sink& sink) const;
  Status conclude(Part&& part, const Coverage&, const Sink& sink) const;
};

void put(Out& out, const AskRows::PartRow& row);
bool get(In& in, AskRows::PartRow& row);
// The same of any number of keys: between aggregators a question has room for some thousands.
Status rows(const Query& query, const std::string& tenant, const std::vector<RowKey>& keys, const AskRows::Sink& sink);

// All of one row of one series: everything of width up to its own that starts in it.
void merge_row(const state::Snapshot& snapshot, uint32_t no, const Row& row, stats::Summary& out);

}  // namespace tributary::query
