// SPDX-License-Identifier: Apache-2.0
// What changed since a place, for streams.
#pragma once

#include <string>
#include <vector>

#include "cloud/query/question.h"

namespace tributary::query {

// A changed row, told after its commit.
struct Change {
  uint64_t revision = 0;  // of its partition
  Series series;
  Row row;
};
void put(Out& out, const Change& change);
bool get(In& in, Change& change);

struct Changes {
  std::vector<Change> changes;
  Place upto;  // the place they reach; a partition that did not answer stays where it was
};

// About max changes, whole revisions. kNotFound: after is too old, ahead, or of other states: the reader must start
// anew.
struct AskChanges {
  static constexpr uint8_t kOp = 11;
  static constexpr ErrorCode kFinal = ErrorCode::kNotFound;
  std::string tenant;
  Place after;
  uint64_t max = 0;
  std::vector<uint32_t> partitions = {};  // of a share: which of the whole Place `after` holds

  void put(Out& out) const;
  bool get(In& in);
  struct Part {
    std::vector<uint32_t> partitions;
    Place upto;  // of these
    std::vector<Change> changes;
  };
  std::optional<AskChanges> for_share(const Share& share) const;
  Result<Part> answer(const Snapshots& snapshots) const;
  static bool sound(const Part& part, const Share& share) { return part.partitions == share.partitions; }
  static void add(Part& all, Part&& more);
  using Answer = Changes;
  Result<Answer> conclude(Part&& part, const Coverage& coverage) const;
};
void put(Out& out, const AskChanges::Part& part);
bool get(In& in, AskChanges::Part& part);

}  // namespace tributary::query
