// SPDX-License-Identifier: Apache-2.0
// Merger: the one writer of one partition's state: reads the log from the state's position on, merges batch by batch,
// and never guesses: what the log no longer has becomes a named log_gap; a log that is shorter than it was, or another
// one, is refused.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cloud/aggregator/merge_watch.h"
#include "cloud/log/log.h"
#include "cloud/merge/writer.h"
#include "cloud/query/log_end.h"

namespace tributary::api {

struct MergerConfig {
  uint32_t partition = 0;
  uint32_t partitions = 0;     // the count that the aggregator was opened for; 0: whatever the log has
  size_t records_max = 1'000;  // of a batch
  size_t bytes_max = 4 << 20;
  int wait_ms = 250;           // for new records; also how long stop() may take
  int retry_ms = 500;          // after trouble
  int64_t stands_ms = 30'000;  // a batch that takes longer is trouble: merging stands
};

struct MergerDependencies {
  merge::StateWriter* writer = nullptr;
  // The log, once it is there; kNotFound until then.
  std::function<Result<log::Reader*>()> log;
  std::function<int64_t()> now_ns;
  std::function<void()> committed;  // after every commit
  // After a batch was merged, before committed; may be null.
  std::function<void(const std::vector<log::StoredRecord>&)> merged;
  std::function<void(const std::string&)> say;  // one line for the log, when something changes
  std::function<void(MergeLook)> looked;        // after every round; without the index; may be null
  query::LogEndNote* end = nullptr;             // told up to when the log is merged; may be null
};

class Merger {
 public:
  Merger(const MergerConfig& config, MergerDependencies parts);
  ~Merger() { stop(); }

  void start();
  // Finishes the batch being merged and joins.
  void stop();

  // One round: what the thread repeats.
  enum class Round {
    kMerged,
    kIdle,     // nothing new
    kTrouble,  // try again later
    kRefused,  // a person must look; tried again all the same, the configuration may be mended outside
  };
  Round round();

  // One past the newest record of the log, as known since the last round; 0: not known yet. Thread-safe.
  log::Offset log_end() const { return log_end_.load(); }

  // Why nothing is merged, and at which record; empty when all is well. Thread-safe.
  std::string trouble() const;
  // Offsets that held no record of this log, and were named and passed over since the start. Thread-safe.
  uint64_t holes_total() const { return holes_total_; }

 private:
  Round work();
  Round tie();                          // the state to the log, at first and after trouble
  Round place();                        // the state's position to the log's bounds
  Round check_past(log::Offset begin);  // that the log before the position is the one that was merged
  Status merge(const std::vector<log::StoredRecord>& batch);
  void ask_log_end();
  void tell_log_end(const std::vector<log::StoredRecord>& merged);
  Round fail(Round round, const std::string& text, bool full = false);
  Round fail_to_write(const Error& error);
  void run();

  const MergerConfig config_;
  const MergerDependencies parts_;
  log::Reader* reader_ = nullptr;
  bool tied_ = false;
  std::atomic<log::Offset> log_end_{0};
  std::chrono::steady_clock::time_point ask_end_at_{};
  int64_t asked_ns_ = 0;       // when the log was last asked for its end
  log::Offset asked_end_ = 0;  // and what it said
  std::atomic<uint64_t> holes_total_{0};
  uint64_t gap_offsets_ = 0;                  // passed over since the start, for whatever reason
  std::atomic<int64_t> merging_since_ms_{0};  // monotonic; 0: no batch is being merged
  std::atomic<log::Offset> merging_first_{0}, merging_last_{0};

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  std::string trouble_;
  bool full_ = false;  // trouble_ is a full disk
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace tributary::api
