// SPDX-License-Identifier: Apache-2.0
// How complete an answer is: who owes readings, what is named as missing.
#pragma once

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cloud/query/question.h"

namespace tributary::query {

struct Behind {
  std::string gateway;
  int64_t frontier_ns = 0, mark_ns = 0, last_seen_ns = 0;
  std::string state;  // "late", "silent", "offline"
};
struct LogGapNote {
  uint32_t partition = 0;
  uint64_t from_offset = 0, to_offset = 0;
  std::string cause;
  int64_t noticed_ns = 0;
};
// Gateways that never contributed to the selection, are behind, and declare nothing that excludes it.
struct Possible {
  uint64_t count = 0;
  std::vector<std::string> gateways;  // the first few, by name
};
// A stored row with readings on both sides of what was answered: some of the range may be left out, or of another
// time be in.
struct Straddling {
  Row row;
  uint64_t count = 0;  // readings of it
};

// What each part is made from: ARCHITECTURE.md, "What an answer knows".
struct Completeness {
  bool complete = false;  // nothing that was accepted for the range by as_of can be missing
  int64_t as_of_ns = 0;   // 0: the log was not seen yet
  // Of the gateways known to contribute, those whose frontier has passed the end; nothing: there are none. Without an
  // end, those whose frontier is not older than as_of less what a gateway in good health needs.
  std::optional<double> share;
  int64_t to_ns = 0;  // up to here a range would be complete as far as gateways and the log go
  uint64_t expected = 0;
  Possible possible;
  std::vector<Straddling> straddling;  // ascending
  std::optional<Range> answered;       // where it is not what was asked
  std::vector<Behind> behind;
  std::vector<GapNote> gaps;
  std::vector<EstimatedNote> estimated;
  std::vector<LostNote> lost;
  std::map<std::string, uint64_t> rejected;  // reason → count (edge and bridge together)
  uint64_t parked = 0;
  std::vector<std::string> overflow;  // gateways whose series limit is reached
  std::vector<LogGapNote> log_gaps;
  uint32_t partitions_expected = 1, partitions_answered = 1;
  std::vector<uint32_t> partitions_missing;  // did not answer one of the questions of this answer; ascending
};

// A gateway that contributes to a selection; or may have contributed, if it is behind or something of it is missing.
struct GatewayNote {
  std::string gateway;
  int64_t frontier_ns = 0, mark_ns = 0, last_seen_ns = 0, first_seen_ns = 0;
  int64_t allowance_ns = 0;  // GatewayView::allowance_ns
  bool contributes = true;
  bool retired = false;
  bool overflow = false;  // its series limit is reached
  std::string absence;    // "offline", "silent", or nothing: alive
  uint64_t parked = 0;
  std::vector<GapNote> gaps;             // those that touch the range
  std::vector<EstimatedNote> estimated;  // the same
  std::vector<LostNote> lost;
  std::map<std::string, uint64_t> rejected;
};
void put(Out& out, const GatewayNote& note);
bool get(In& in, GatewayNote& note);
void put(Out& out, const LogGapNote& gap);
bool get(In& in, LogGapNote& gap);
// A stored row at a bound of the range.
struct BoundRow {
  Row row;
  int64_t first_ns = 0, last_ns = 0;
  uint64_t count = 0;
};
void put(Out& out, const BoundRow& row);
bool get(In& in, BoundRow& row);

// range: a row belongs to it if its start does. It is judged with its bounds rounded up to the base width, so that this
// is the range of the answer.
struct AskCompleteness {
  static constexpr uint8_t kOp = 10;
  Selection selection;  // without a metric: everything of the tenant
  Range range;
  int64_t now_ns = 0;

  void put(Out& out) const;
  bool get(In& in);
  struct Part {
    std::vector<GatewayNote> gateways;
    std::vector<LogGapNote> log_gaps;
    std::vector<BoundRow> bound_rows;
    int64_t as_of_ns = std::numeric_limits<int64_t>::max();        // the least
    int64_t tenant_seen_ns = std::numeric_limits<int64_t>::max();  // first heard of; the least
    int64_t least_other_ns =
        std::numeric_limits<int64_t>::max();  // frontier of those that may contribute and never did
    WidthS base_width_s = 0;                  // 0: not known here
  };
  Result<Part> answer(const Snapshots& snapshots) const;
  static void add(Part& all, Part&& more);
  using Answer = Completeness;
  Result<Answer> conclude(Part&& part, const Coverage& coverage) const;

 private:
  bool conclude_gateways(Part& part, const Range& judged, Completeness& out) const;
};
void put(Out& out, const AskCompleteness::Part& part);
bool get(In& in, AskCompleteness::Part& part);

}  // namespace tributary::query
