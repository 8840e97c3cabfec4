// SPDX-License-Identifier: Apache-2.0
// Outbox: everything the edge keeps on disk, in one LMDB environment of a fixed size: checkpointed windows, waiting
// partials (closed, without a number, may be merged) and flight (numbered, immutable until acknowledged).
//
// What holds after every commit, hence after every kill:
//   - a window is in the checkpoint, in waiting or in flight, never in two of them;
//   - the bytes of one (epoch, seq) never change, and go away only by an acknowledgement;
//   - next seq − oldest unacknowledged seq stays within kSpanMax, flight below kFlightBytesMax; seqs beyond kSpanMax
//   are
//     given only when the flight of all older epochs is acknowledged;
//   - partials born in this epoch never merge with inherited ones;
//   - a reading without a date is among the undated or, dated, in waiting, never in both.
// The format is edge/outbox/FORMAT.md. Not thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/ledger/sender.h"
#include "common/runtime/result.h"
#include "common/series/series.h"
#include "common/stats/summary.h"
#include "common/store/env.h"
#include "edge/outbox/records.h"
#include "edge/outbox/tables.h"
#include "edge/outbox/undated/undated.h"

namespace tributary::edge {

// Where a test may kill the process: just before a commit, and just after it.
enum class CommitPoint { kBefore, kAfter };
using CommitHook = std::function<void(CommitPoint)>;

struct OutboxConfig {
  std::string tenant, gateway;
  std::string folder;
  uint64_t budget_bytes = 64ULL << 20;
  bool sync = true;
  std::array<uint8_t, 16> machine_id{};
  BootId boot_id{};
  CommitHook commit_hook;  // tests only
};

inline constexpr uint64_t kBudgetBytesMin = 4ULL << 20;

// What an earlier run knew of a series. identity is empty where it could not be read back.
struct StoredSeries {
  uint32_t id = 0;
  MetricKind kind = MetricKind::kGauge;
  std::string identity;
  std::optional<PreviousValue> previous;
};

// The flight of one epoch.
struct FlightEpoch {
  uint32_t index = 0;
  uint64_t epoch = 0;
  ledger::SendWindow window{1};
  std::map<uint64_t, int64_t> start_ns;  // seq → item_start_ns, of all that is not acknowledged
};

struct OutboxRecovery {
  bool fresh = false, moved_aside = false, clean_stop = false;
  std::string moved_to, moved_why;
  uint64_t inherited_partials = 0, checkpoint_windows = 0, flight_items = 0;
  std::optional<wire::Gap> gap;
  std::vector<BootRecord> boots;  // with undated readings: what open found, then where begin has put them
};

// What Outbox::begin must know beside the outbox.
struct Beginning {
  Instant now;
  int64_t opened_mono_ns = 0;  // when this run opened the outbox, on the clock of now.mono_ns
  int64_t max_future_ns = 0;   // readings with a time of their own are refused beyond it
  int64_t past_max_ns = 0;     // and further than this before their arrival; 0: never
  ShapeOf shape;
};

struct Plan;
struct WriteBuffers;

class Outbox {
 public:
  // One write transaction being filled. Lives during the call of fill only.
  class Batch {
   public:
    // Cumulative counters and times; epoch and seqs are the outbox's own affair.
    Meta& meta();
    void put_series(uint32_t id, MetricKind kind, std::string_view identity);
    void put_previous(uint32_t series, const PreviousValue& previous);
    void put_checkpoint(const CheckpointKey& key, CheckpointForm form, Bytes content);
    void erase_checkpoint(const CheckpointKey& key);
    // Readings of this boot, while it has no clock. REQUIRES: !begun().
    void keep_undated(std::span<const UndatedReading> readings);
    // A closed window of this epoch: merges into its waiting partial, is frozen at once where there is room, or waits.
    void add_closed(uint32_t series, WidthS width_s, int64_t start_s, Bytes summary);
    size_t bytes() const;  // about what this transaction has written

   private:
    friend class Outbox;
    Batch(Outbox& outbox, Write& write) : outbox_(outbox), write_(write) {}
    Outbox& outbox_;
    Write& write_;
  };

  ~Outbox();

  // Opens or makes the outbox and recovers what a predecessor left. Errors: kMismatch, kBusy, kIo, kFull, kUnsupported
  // (written by a newer version). A corrupt one is moved aside. Then comes begin, or begin_undated and later begin.
  static Result<std::unique_ptr<Outbox>> open(const OutboxConfig& config);
  // The clock is set: what was kept without a date gets one and goes to waiting, as inherited, and a new epoch begins.
  // Where it fails (kFull, kIo) nothing is lost, and it can be called again.
  Status begin(const std::function<uint64_t()>& random, const Beginning& beginning);
  // There is no clock yet: readings are kept undated, nothing is frozen, until begin.
  Status begin_undated(const std::function<uint64_t()>& random);
  bool begun() const { return begun_; }
  const Undated& undated() const { return undated_; }
  std::optional<PreviousValue> read_previous(uint32_t series) const;

  const OutboxRecovery& recovery() const { return recovery_; }
  std::vector<StoredSeries> take_series() { return std::move(series_); }
  const Meta& meta() const { return meta_; }

  // One transaction: erases what was acknowledged, does what fill says, freezes the oldest waiting partials while there
  // is room, writes the counters. Nothing has happened if it fails, but acknowledgements stay remembered. fill must not
  // change anything but the batch (it may run again).
  Status write(const std::function<void(Batch&)>& fill);

  // coarsen, or the same among what is undated, whichever takes more room.
  Result<bool> shrink(size_t bytes_max, const ShapeOf& shape);
  // Merges some of the oldest partials of the width that takes most room into the next width; reads at most about
  // bytes_max. False: there is nothing left to merge.
  Result<bool> coarsen(size_t bytes_max);

  // Remembers an acknowledgement; the next write erases. How many items it settled.
  uint64_t acknowledge(const wire::Ack& ack);
  bool erase_pending() const { return !acknowledged_.empty(); }

  // True if the next write could freeze something that waits.
  bool can_freeze() const;
  const std::vector<std::unique_ptr<FlightEpoch>>& flight() const { return flight_; }  // ascending; the last is current
  FlightEpoch& current() { return *flight_.back(); }
  const FlightEpoch& current() const { return *flight_.back(); }
  uint64_t flight_items() const;
  uint64_t flight_bytes() const;
  uint64_t waiting_partials() const;
  const std::map<WidthS, WaitingCount>& waiting() const { return waiting_; }
  int64_t waiting_min_ns() const { return waiting_min_ns_; }  // INT64_MAX if nothing waits
  uint64_t coarsened_total() const { return coarsened_total_; }

  // Gives the unacknowledged items of an epoch with consecutive seqs from first on, until visit says false, the seqs
  // have a hole, or last. nullptr: the item cannot be read back.
  void read_items(const FlightEpoch& epoch, uint64_t first, uint64_t last,
                  const std::function<bool(uint64_t seq, const FlightItem* item)>& visit) const;

  uint64_t used_bytes() const { return env_->used_bytes(); }
  uint64_t budget_bytes() const { return config_.budget_bytes; }

 private:
  explicit Outbox(OutboxConfig config);

  // Recovery (recovery.cpp).
  Status open_tables();
  // empty: nothing was ever committed to it; fresh: that, or it begins anew under another name.
  Status check_identity(bool& fresh, bool& empty);
  Status begin_anew();
  Status mend_flight_keys();
  Status load();
  Status load_epochs(const store::Txn& txn);
  Status load_flight(const store::Txn& txn, std::set<uint32_t>& used);
  Status load_windows(const store::Txn& txn, std::set<uint32_t>& used);
  Status load_series(const store::Txn& txn, const std::set<uint32_t>& used);
  Status adopt_checkpoint();
  bool adopt_some(Write& write, size_t entries_max) const;
  Status forget_unused_series();

  // The beginning of an epoch (begin.cpp).
  Status date_all(const Beginning& beginning);
  Status begin_epoch(const std::function<uint64_t()>& random, Instant now, int64_t start_ns);
  void put_beginning(Write& write, uint64_t epoch, int64_t now_ns);
  Result<bool> condense(size_t bytes_max, const ShapeOf& shape);

  // Freezing (freeze.cpp).
  bool older_flight() const;
  bool has_room(const Plan& plan, size_t bytes) const;
  bool freeze(Write& write, const FlightItem& item);
  void freeze_backlog(Write& write);
  void freeze_waiting(Write& write, std::string_view key, std::string_view value);

  int64_t find_waiting_min(const store::Txn& txn, const Plan& plan) const;
  Status run(const std::function<void(Write&)>& body);
  void committed(Plan&& plan);

  OutboxConfig config_;
  std::unique_ptr<store::Env> env_;
  OutboxTables tables_;
  bool begun_ = false;
  bool fresh_undated_ = false;  // begin_undated made this outbox: nothing of it can be missing
  Undated undated_;
  Meta meta_;
  std::vector<std::unique_ptr<FlightEpoch>> flight_;
  std::vector<FlightKey> acknowledged_;
  std::map<WidthS, WaitingCount> waiting_;
  int64_t waiting_min_ns_ = std::numeric_limits<int64_t>::max();
  uint64_t coarsened_total_ = 0;
  size_t freeze_bytes_ = 64 << 10;  // what a write freezes at most; halved when the map was full
  OutboxRecovery recovery_;
  std::vector<StoredSeries> series_;
  std::unique_ptr<WriteBuffers> buffers_;
};

}  // namespace tributary::edge
