// SPDX-License-Identifier: Apache-2.0
// One instant of one partition: a read transaction with the state's head, and the walks over its rows.
#pragma once

#include <chrono>
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

// What was read through a snapshot, for whoever asks to know.
struct ReadTrace {
  uint64_t rows = 0, bytes = 0;         // stored rows, and their summaries' bytes
  int64_t select_ns = 0, merge_ns = 0;  // in finding series, in merging what was read
};
// Adds the time of its life to a stage; costs nothing without a trace.
class StageTimer {
 public:
  StageTimer(ReadTrace* trace, int64_t ReadTrace::*stage) : trace_(trace), stage_(stage) {
    if (trace_ != nullptr) begun_ = std::chrono::steady_clock::now();
  }
  ~StageTimer() {
    if (trace_ != nullptr) trace_->*stage_ += (std::chrono::steady_clock::now() - begun_).count();
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  ReadTrace* trace_;
  int64_t ReadTrace::*stage_;
  std::chrono::steady_clock::time_point begun_;
};

class Snapshot {
 public:
  // trace, if it is not null, counts what is read, and must outlive the snapshot; then one thread uses it.
  // as_of_ns: what was durable in the log by then is merged, as the caller was told before; absent: the state's clock.
  static Result<Snapshot> take(const State& state, ReadTrace* trace = nullptr,
                               std::optional<int64_t> as_of_ns = std::nullopt);

  const store::Txn& txn() const { return txn_; }
  const Tables& tables() const { return *tables_; }
  const Head& head() const { return head_; }
  uint32_t partition() const { return partition_; }
  uint64_t state_id() const { return state_id_; }
  ReadTrace* trace() const { return trace_; }
  int64_t as_of_ns() const { return as_of_ns_; }

  std::optional<uint32_t> tenant(std::string_view name) const;
  // The append time of the first record that named the tenant, as far as this state noted it; kAfterAll: it did not.
  int64_t tenant_seen_ns(uint32_t tenant_no) const;
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
  Snapshot(store::Txn txn, const State& state, const Head& head, ReadTrace* trace, int64_t as_of_ns)
      : txn_(std::move(txn)),
        tables_(&state.tables()),
        head_(head),
        partition_(state.partition()),
        state_id_(state.state_id()),
        trace_(trace),
        as_of_ns_(as_of_ns) {}
  void count(Bytes summary) const {
    if (trace_ == nullptr) return;
    ++trace_->rows;
    trace_->bytes += summary.size();
  }
  store::Txn txn_;
  const Tables* tables_;
  Head head_;
  uint32_t partition_;
  uint64_t state_id_;
  ReadTrace* trace_;
  int64_t as_of_ns_;
};

}  // namespace tributary::state
