// SPDX-License-Identifier: Apache-2.0
// The newest window that has readings: where it is, then its sum.
#pragma once

#include <optional>

#include "cloud/query/question.h"
#include "common/stats/summary.h"

namespace tributary::query {

class Query;

struct Newest {
  Row row;
  stats::Summary summary;
};
// The newest window of width window_s that has readings, merged. kNotFound if there is none. Of several aggregators,
// what is committed between the two questions belongs to the window if it lies in it.
Result<Newest> newest(const Query& query, const Selection& selection, WidthS window_s);

// Where the newest window may be. kNotFound: nothing fits the selection.
struct AskNewest {
  static constexpr uint8_t kOp = 8;
  Selection selection;
  WidthS window_s = 0;

  void put(Out& out) const;
  bool get(In& in);
  struct Part {
    bool any = false;               // a series fits the selection
    std::optional<int64_t> narrow;  // start of something not wider than the window
    std::optional<Row> wide;        // a partial wider than that
    std::optional<Row> coarse;      // a coarser row, where retention has dropped the finer ones
  };
  Result<Part> answer(const Snapshots& snapshots) const;
  static void add(Part& all, Part&& more);
  struct Choice {
    Row row;
    bool narrow = false;
  };
  using Answer = Choice;
  Result<Answer> conclude(Part&& part, const Coverage&) const;
};
void put(Out& out, const AskNewest::Part& part);
bool get(In& in, AskNewest::Part& part);

// The chosen window, merged. kInvalid: a stored width does not divide it.
struct AskNewestSum {
  static constexpr uint8_t kOp = 9;
  Selection selection;
  WidthS window_s = 0;
  AskNewest::Choice choice;

  void put(Out& out) const;
  bool get(In& in);
  struct Part {
    WidthS unfit_s = 0;  // > 0: the least stored width that does not divide the window
    stats::Summary summary;
  };
  Result<Part> answer(const Snapshots& snapshots) const;
  static void add(Part& all, Part&& more);
  using Answer = stats::Summary;
  Result<Answer> conclude(Part&& part, const Coverage&) const;
};
void put(Out& out, const AskNewestSum::Part& part);
bool get(In& in, AskNewestSum::Part& part);

}  // namespace tributary::query
