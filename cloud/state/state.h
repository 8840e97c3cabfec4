// SPDX-License-Identifier: Apache-2.0
// State: one partition of the aggregator, one LMDB environment: ledgers, rows, gateways, changes, log position. It
// opens and checks the file, hands read transactions to whoever asks (Snapshot), and write transactions to the one
// writer (cloud/merge). Its content is a function of the log's prefix and the configuration alone. Formats: FORMAT.md.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "cloud/log/log.h"
#include "cloud/state/tables.h"
#include "common/runtime/result.h"
#include "common/store/env.h"

namespace tributary::state {

struct StateConfig {
  std::string path;
  uint32_t partition = 0;
  uint64_t map_bytes = 1ULL << 40;  // the file grows as it is used, up to here
  bool sync = true;                 // false only in tests
  int64_t check_ms_max = 60'000;    // the file is walked when it is opened, for so long at most
};

// A write transaction under way: its head is stored with it when it ends.
struct WriteTxn {
  store::Txn& txn;
  const Tables& tables;
  Head& head;
};

class State {
 public:
  // Errors: kBusy (another aggregator owns it), kMismatch (another partition), kCorrupt (damaged: the file is named and
  // left as it is), kIo.
  static Result<std::unique_ptr<State>> open(const StateConfig& config);
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  // The log that the state in a folder was merged from, as noted beside its file; 0: none is noted. For a state that
  // does not open.
  static uint64_t noted_log_id(const std::string& path);

  const std::string& path() const { return config_.path; }
  uint32_t partition() const { return config_.partition; }
  // Random, made with the state: tells it from any other one.
  uint64_t state_id() const { return state_id_; }
  // The next log offset to merge, and the log it belongs to (0: none yet). The revision is the position.
  log::Offset position() const { return position_.load(std::memory_order_acquire); }
  uint64_t log_id() const { return log_id_.load(std::memory_order_acquire); }
  // The greatest append time merged so far; kBeforeAll: none.
  int64_t clock_ns() const { return clock_ns_.load(std::memory_order_acquire); }
  // Since the opening: grows with every record that is rejected, or of which something is rejected or parked, before
  // the position shows that record.
  uint64_t dead_letters_total() const { return dead_letters_total_.load(std::memory_order_acquire); }
  // Waits up to timeout_ms for a revision beyond after; returns the newest.
  uint64_t wait_revision(uint64_t after, int timeout_ms) const;

  // All keys and values that are a function of the log's prefix, hashed: equal for replicas. For tests and
  // tributaryctl.
  std::string digest() const;

  // Short: pages freed after it began are not used again. Snapshot::take is what queries use.
  Result<store::Txn> read() const { return env_->read(); }
  const Tables& tables() const { return tables_; }

  // For the one writer. One transaction, all or nothing: work writes and moves the head on (false: nothing is kept),
  // and runs again where the map has to grow. committed runs before readers see the new position; it returns how many
  // dead letters the transaction made. kFull: disk; try again later.
  Status write(const std::function<bool(WriteTxn&)>& work, const std::function<uint64_t()>& committed = nullptr);
  // Stores the log that the state belongs to from now on, and notes it beside the file.
  Status set_log_id(uint64_t log_id);

 private:
  explicit State(const StateConfig& config) : config_(config) {}
  Status open_file();
  Status make_if_new();
  Status load();
  void note_log_id() const;
  Status store_head(const Head& head);

  const StateConfig config_;
  std::unique_ptr<store::Env> env_;
  Tables tables_;
  uint64_t state_id_ = 0;
  std::atomic<uint64_t> log_id_{0}, position_{0}, dead_letters_total_{0};
  std::atomic<int64_t> clock_ns_{0};
  mutable std::mutex wait_;
  mutable std::condition_variable changed_;
};

}  // namespace tributary::state
