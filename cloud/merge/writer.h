// SPDX-License-Identifier: Apache-2.0
// StateWriter: the one writer of a state: merges the log's records into it, batch by batch, each one transaction.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/log/log.h"
#include "cloud/state/state.h"
#include "common/runtime/result.h"

namespace tributary::merge {

// Where the state is, and what merging it depends on besides the log.
struct WriterConfig : state::StateConfig {
  // Retention by level, seconds: base, 1 min, 15 min, 1 h. A day and all time are for ever.
  int64_t retention_s[4] = {24 * 3600, 7 * 86400, 90 * 86400, 2 * 365 * 86400LL};
  int64_t max_future_s = 600;  // windows starting further ahead of the record's append time are rejected, replayable
};

struct MergeCounters {
  std::atomic<uint64_t> records_total{0}, partials_merged_total{0}, duplicates_total{0}, parked_total{0},
      batches_total{0};
  std::atomic<uint64_t> rejected_total{0}, late_partials_total{0}, lost_total{0};
};

struct BatchCounts;
struct BatchMemory;

class StateWriter {
 public:
  // Opens the state, too: errors as State::open.
  static Result<std::unique_ptr<StateWriter>> open(const WriterConfig& config);
  ~StateWriter();
  StateWriter(const StateWriter&) = delete;
  StateWriter& operator=(const StateWriter&) = delete;

  // For readers, in any thread; lives as long as the writer.
  const state::State& state() const { return *state_; }
  log::Offset position() const { return state_->position(); }

  // Ties an empty state to a log. kMismatch if it already belongs to another one.
  Status adopt_log(uint64_t log_id);
  // Merges a batch of consecutive records, the first at position(): one transaction, all or nothing. kFull: disk; try
  // again later.
  Status merge(const std::vector<log::StoredRecord>& batch);
  // Names the hole [position(), offset) that the log no longer has, and goes on from offset.
  Status skip_to(log::Offset offset, const std::string& cause, int64_t now_ns);
  // Retires a gateway (no longer expected) or takes it back.
  Status set_retired(const std::string& tenant, const std::string& gateway, bool retired);

  const MergeCounters& counters() const { return counters_; }

 private:
  StateWriter(const WriterConfig& config, std::unique_ptr<state::State> state);
  Status check_batch(const std::vector<log::StoredRecord>& batch) const;
  void add(const BatchCounts& counts);

  const WriterConfig config_;
  const std::unique_ptr<state::State> state_;
  std::mutex mutex_;  // one call at a time
  const std::unique_ptr<BatchMemory> memory_;
  MergeCounters counters_;
};

}  // namespace tributary::merge
