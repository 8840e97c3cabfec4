// SPDX-License-Identifier: Apache-2.0
// State: one partition of the aggregator, one LMDB environment: ledgers, rows, gateways, changes, log position. The
// merger is its only writer; queries read it. Its content is a function of the log's prefix and the configuration
// alone. Formats: cloud/merge/FORMAT.md.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cloud/log/log.h"
#include "common/base/time.h"
#include "common/runtime/result.h"

namespace tributary::merge {

struct StateConfig {
  std::string path;
  uint32_t partition = 0;
  // Retention by level, seconds: base, 1 min, 15 min, 1 h. A day and all time are for ever.
  int64_t retention_s[4] = {24 * 3600, 7 * 86400, 90 * 86400, 2 * 365 * 86400LL};
  int64_t max_future_s = 600;  // windows starting further ahead of the record's append time are rejected, replayable
  uint64_t map_bytes = 1ULL << 40;  // the file grows as it is used, up to here
  bool sync = true;                 // false only in tests
  int64_t check_ms_max = 60'000;    // the file is walked when it is opened, for so long at most
};

struct MergeCounters {
  std::atomic<uint64_t> records_total{0}, partials_merged_total{0}, duplicates_total{0}, parked_total{0},
      batches_total{0};
  std::atomic<uint64_t> rejected_total{0}, late_partials_total{0}, lost_total{0};
  // Grows with every record that is rejected, or of which something is rejected or parked.
  std::atomic<uint64_t> dead_letters_total{0};
};

class State {
 public:
  // Errors: kBusy (another aggregator owns it), kMismatch (another partition), kCorrupt (damaged: the file is named and
  // left as it is), kIo.
  static Result<std::unique_ptr<State>> open(const StateConfig& config);
  virtual ~State() = default;
  // The log that the state in a folder was merged from, as noted beside its file; 0: none is noted. For a state that
  // does not open.
  static uint64_t noted_log_id(const std::string& path);

  // The next log offset to merge, and the log it belongs to (0: none yet).
  virtual log::Offset position() const = 0;
  virtual uint64_t log_id() const = 0;
  // The greatest append time merged so far; 0: none.
  virtual int64_t clock_ns() const = 0;
  // Ties an empty state to a log. kMismatch if it already belongs to another one.
  virtual Status adopt_log(uint64_t log_id) = 0;

  // Merges a batch of consecutive records, the first at position(): one transaction, all or nothing. kFull: disk; try
  // again later.
  virtual Status merge(const std::vector<log::StoredRecord>& batch) = 0;
  // Names the hole [position(), offset) that the log no longer has, and goes on from offset.
  virtual Status skip_to(log::Offset offset, const std::string& cause, int64_t now_ns) = 0;

  // Retires a gateway (no longer expected) or takes it back.
  virtual Status set_retired(const std::string& tenant, const std::string& gateway, bool retired) = 0;

  virtual uint64_t state_id() const = 0;
  // The last committed revision (= position). Waits up to timeout_ms for one beyond after; returns the newest.
  virtual uint64_t wait_revision(uint64_t after, int timeout_ms) const = 0;
  virtual const MergeCounters& counters() const = 0;

  // All keys and values that are a function of the log's prefix, hashed: equal for replicas. For tests and
  // tributaryctl.
  virtual std::string digest() const = 0;

  struct Impl;
  virtual const Impl& impl() const = 0;  // for cloud/query only
};

}  // namespace tributary::merge
