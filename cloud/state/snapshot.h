// SPDX-License-Identifier: Apache-2.0
// One instant of one partition: a read transaction with the state's head, and the walks over its rows.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/state/levels.h"
#include "cloud/state/records.h"
#include "cloud/state/state.h"
#include "cloud/state/tables.h"
#include "common/runtime/result.h"
#include "common/series/series.h"

namespace tributary::state {

// A row as stored; the summary's bytes live as long as the snapshot.
struct StoredRow {
  int64_t start_s = 0;
  WidthS width_s = 0;
  Bytes summary;
};

class Snapshot {
 public:
  static Result<Snapshot> take(const State& state);

  const store::Txn& txn() const { return txn_; }
  const Tables& tables() const { return *tables_; }
  const Head& head() const { return head_; }
  uint32_t partition() const { return partition_; }

  std::optional<uint32_t> tenant(std::string_view name) const;
  std::optional<SeriesInfo> series_info(uint32_t no) const;
  // INT64_MIN if nothing was seen.
  int64_t last_seen_ns(uint32_t no) const;

  // Calls visit for every key of table that begins with prefix: (rest of the key, value). Visit returns false to stop.
  void each(store::Table table, std::string_view prefix,
            const std::function<bool(std::string_view rest, std::string_view value)>& visit) const;
  // The same from the first key on whose rest is not less than from, of which the first 200 bytes count.
  void each_from(store::Table table, std::string_view prefix, std::string_view from,
                 const std::function<bool(std::string_view rest, std::string_view value)>& visit) const;

  // Rows of a materialised table with from_s <= start < to_s, ascending. Corrupt chunks stop the program: they are
  // damage.
  void rows(store::Table table, int level, uint32_t no, int64_t from_s, int64_t to_s,
            const std::function<void(const StoredRow&)>& visit) const;
  // The same rows chunk by chunk, the newest chunk first: its start and its rows in the range, ascending. Visit returns
  // false to stop.
  void rows_back(store::Table table, int level, uint32_t no, int64_t from_s, int64_t to_s,
                 const std::function<bool(int64_t chunk_s, const std::vector<StoredRow>& rows)>& visit) const;
  // The start of the newest row of the level.
  std::optional<int64_t> newest_start(store::Table table, int level, uint32_t no) const;

  // Fresh rows of the series numbers (ascending, unique) with from_s <= start < to_s: (index into numbers, row), by
  // time.
  void fresh(const std::vector<uint32_t>& numbers, int64_t from_s, int64_t to_s,
             const std::function<void(size_t index, const StoredRow&)>& visit) const;
  // Start and width of the newest fresh row of any of the numbers with start >= from_s whose width is accepted.
  std::optional<std::pair<int64_t, WidthS>> newest_fresh(const std::vector<uint32_t>& numbers, int64_t from_s,
                                                         const std::function<bool(WidthS)>& accepts) const;

 private:
  Snapshot(store::Txn txn, const Tables& tables, const Head& head, uint32_t partition)
      : txn_(std::move(txn)), tables_(&tables), head_(head), partition_(partition) {}
  store::Txn txn_;
  const Tables* tables_;
  Head head_;
  uint32_t partition_;
};

}  // namespace tributary::state
