// SPDX-License-Identifier: Apache-2.0
// How complete an answer is: who owes readings, what is named as missing.
#pragma once

#include <map>
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
};

// share = gateways whose frontier has passed the range's end / gateways expected: known before its end, not retired,
// contributing to the selection (1 if none is expected). Without an end (or with one beyond every frontier and no
// explicit to), the end is the greatest frontier of the gateways expected; to_ns is the least frontier, and never says
// more than is true.
struct Completeness {
  double share = 1;
  int64_t to_ns = 0;
  uint64_t expected = 0;
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

// A gateway that contributes to a selection.
struct GatewayNote {
  std::string gateway;
  int64_t frontier_ns = 0, mark_ns = 0, last_seen_ns = 0, first_seen_ns = 0;
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

// Without an end the range ends at the greatest frontier of all.
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
  };
  Result<Part> answer(const Snapshots& snapshots) const;
  static void add(Part& all, Part&& more);
  using Answer = Completeness;
  Result<Answer> conclude(Part&& part, const Coverage& coverage) const;
};
void put(Out& out, const AskCompleteness::Part& part);
bool get(In& in, AskCompleteness::Part& part);

}  // namespace tributary::query
