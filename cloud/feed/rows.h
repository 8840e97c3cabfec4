// SPDX-License-Identifier: Apache-2.0
// Rows as the feed tells them: by the width they arrived at, disjoint in readings, as the API's series rows are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cloud/feed/sink.h"
#include "cloud/state/snapshot.h"
#include "common/series/series.h"
#include "common/stats/summary.h"

namespace tributary::feed {

// The name of one row, the same in every state.
struct RowName {
  std::string tenant;
  Series series;  // a fleet row: without device, not overflow
  bool fleet = false;
  int64_t start_s = 0;
  WidthS width_s = 0;
};

// Who tells it: with several aggregators a row's readings are spread, and each tells its share.
struct Teller {
  uint64_t state_id = 0;
  uint64_t revision = 0;
  uint32_t ordinal = 0, replicas = 1;
};

// The names of the series numbers of one snapshot, looked up once.
class NameBook {
 public:
  explicit NameBook(const state::Snapshot& snapshot) : snapshot_(snapshot) {}
  RowName name(uint32_t series_no, int64_t start_s, WidthS width_s);

 private:
  struct Entry {
    std::string tenant;
    Series series;
    bool fleet = false;
  };
  const state::Snapshot& snapshot_;
  std::vector<std::optional<Entry>> entries_;
};

// Adds what a state holds of the row: everything that arrived with exactly this start and width and is still kept.
void add_row(const state::Snapshot& snapshot, const RowName& name, stats::Summary& out);

// Key (a JSON array: tenant, device or null, metric, labels, start, width [, share]) and value as in FORMAT.md.
std::string row_key(const RowName& name, const Teller& teller);
FeedRecord row_message(const RowName& name, const stats::Summary& summary, const Teller& teller);

// Where a walk over all rows of a state stands.
struct RowWalk {
  int table = 0;    // 0 fresh, 1 base rows, 2 … 6 direct rows of levels 1 to 5; 7: done
  std::string key;  // the last one visited in it
  bool done() const { return table > 6; }
};
// Visits about rows_max rows more. The fresh rows come first: what moves from there to the others in between is met at
// least once.
void walk_rows(const state::Snapshot& snapshot, RowWalk& walk, size_t rows_max,
               const std::function<void(uint32_t series_no, int64_t start_s, WidthS width_s)>& visit);

}  // namespace tributary::feed
