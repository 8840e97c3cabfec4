// SPDX-License-Identifier: Apache-2.0
// The last reading of each series.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cloud/query/question.h"

namespace tributary::query {

// The last reading of a series, or the last one known up to an instant: the greatest (time, value).
struct LastReading {
  Series series;
  int64_t time_ns = 0;
  double value = 0;
  // Rows that go on beyond the instant and may hold a later reading up to it: a row tells its first and its last
  // reading only. Empty: the reading is exactly the last. Ascending.
  std::vector<Row> open_rows;
};
void put(Out& out, const LastReading& reading);
bool get(In& in, LastReading& reading);

// The last reading of each device's series of the selection (an empty metric: of all metrics), up to at_ns included if
// it is given; ascending by the series' id, from the first id after `after` on; at most max. A series without a reading
// known that early is left out.
struct AskLast {
  static constexpr uint8_t kOp = 13;
  Selection selection;
  std::optional<int64_t> at_ns;
  std::string after;
  uint64_t max = 0;

  void put(Out& out) const;
  bool get(In& in);
  // By id; of a series in several partitions the greatest, with the open rows of all.
  using Part = std::map<std::string, LastReading>;
  Result<Part> answer(const Snapshots& snapshots) const;
  static void add(Part& all, Part&& more);
  using Answer = std::vector<LastReading>;
  Result<Answer> conclude(Part&& part, const Coverage&) const;
};
void put(Out& out, const AskLast::Part& part);
bool get(In& in, AskLast::Part& part);

}  // namespace tributary::query
