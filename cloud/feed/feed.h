// SPDX-License-Identifier: Apache-2.0
// Feed: tells others what the aggregator commits: each changed row as JSON, and each dead letter, at least once, in the
// order of revisions. It works from what the states keep (change records, rows, dead letters), on a thread of its own,
// from a place of its own: a slow or dead sink holds up nothing but the feed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cloud/feed/dead_letters.h"
#include "cloud/feed/places.h"
#include "cloud/feed/rows.h"
#include "cloud/feed/sink.h"
#include "cloud/log/log.h"
#include "cloud/state/state.h"

namespace tributary::feed {

struct FeedConfig {
  bool windows = false;       // changed rows
  bool dead_letters = false;  // what could not be merged
  std::string places_file;    // FORMAT.md
  uint32_t ordinal = 0, replicas = 1;
  int64_t max_future_s = 600;     // the states'
  size_t rows_max = 2'000;        // of a round
  size_t records_max = 500;       // of the log, looked through in a round for dead letters
  int wait_ms = 500;              // for news, when nobody wakes it
  int retry_ms = 1'000;           // after trouble
  int delivery_ms_max = 120'000;  // a sink that says nothing for so long has failed
  int64_t places_every_ms = 500;  // how often the places are written at most
};

struct FeedDependencies {
  std::vector<const state::State*> states;  // all that this aggregator owns; they outlive the feed
  Sink* sink = nullptr;
  // A reader of the log for the feed alone, opened when there is something rejected to be read.
  std::function<Result<std::unique_ptr<log::Reader>>()> open_log;
  std::function<void(const std::string&)> say;  // one line for the program's log, when something changes
};

struct FeedCounters {
  std::atomic<uint64_t> rows_total{0}, dead_letters_total{0}, failures_total{0}, full_passes_total{0};
};

class Feed {
 public:
  // kCorrupt, kIo: the places file.
  static Result<std::unique_ptr<Feed>> open(const FeedConfig& config, FeedDependencies parts);
  ~Feed() { stop(); }

  void start();
  // Finishes the round, as far as the sink allows within a second, writes the places and joins.
  void stop();
  // Something was committed. Cheap; from any thread.
  void wake();

  // One round: what the thread repeats.
  enum class Round { kPublished, kIdle, kTrouble };
  Round round();

  // Thread-safe.
  std::string trouble() const;  // why nothing is published; empty when all is well
  const FeedCounters& counters() const { return counters_; }
  // Records that were merged and whose rows (dead letters) are not published yet, by partition.
  std::map<uint32_t, uint64_t> lag() const;

 private:
  struct Partition {
    const state::State* state = nullptr;
    uint32_t number = 0;
    FeedPosition place;
    std::optional<RowWalk> pass;  // a full pass under way
    uint64_t pass_revision = 0;   // what it began at
    uint64_t refused_seen = 0;    // State::dead_letters_total when the log was last looked through
    bool refused_known = false;   // false: the log must be looked through
  };
  struct Delivery;

  explicit Feed(const FeedConfig& config, FeedDependencies parts) : config_(config), parts_(std::move(parts)) {}
  void run();
  Round fail(const std::string& text);
  // Each: gathers messages, and what the places will be once all are delivered.
  Status gather_rows(std::vector<FeedRecord>& out);
  Status gather_dead_letters(Partition& partition, std::vector<FeedRecord>& out, uint64_t& upto);
  void begin_pass(Partition& partition, uint64_t revision, const std::string& why);
  bool deliver(const std::vector<FeedRecord>& messages, std::string& trouble);
  void keep_places(bool now);

  const FeedConfig config_;
  const FeedDependencies parts_;
  std::vector<Partition> partitions_;
  std::unique_ptr<log::Reader> log_;
  FeedCounters counters_;
  bool prepared_ = false;
  bool more_ = false;  // the round did not reach the states' positions
  std::vector<std::function<void()>> on_delivered_;
  std::map<uint32_t, FeedPosition> kept_;
  int64_t kept_at_ms_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  bool awake_ = false, stopping_ = false;
  std::string trouble_;
  std::map<uint32_t, FeedPosition> shown_;  // for lag()
  std::thread thread_;
};

}  // namespace tributary::feed
