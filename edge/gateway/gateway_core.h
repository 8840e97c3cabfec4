// SPDX-License-Identifier: Apache-2.0
// GatewayCore: the Gateway of edge/gateway.h. In a header of its own so that tests can kill it at a commit.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "edge/gateway/gateway.h"
#include "edge/outbox/outbox.h"
#include "edge/outbox/sender.h"
#include "edge/window/series_table.h"

namespace tributary::edge {

inline constexpr int64_t kRetryIntervalNs = kNanosPerSecond;  // after a write that failed

class GatewayCore final : public Gateway {
 public:
  // commit_hook: called around every commit; a test that throws from it simulates a kill and must then drop the object.
  static Result<std::unique_ptr<GatewayCore>> open(const GatewayConfig& config, std::function<uint64_t()> random,
                                                   Instant now, CommitHook commit_hook = nullptr);

  const RecoveryReport& recovery() const override { return recovery_; }
  bool accept(const reading::Reading& reading, Instant now) override;
  void reject(reading::Reject reason, std::string_view found, std::string_view expected, uint64_t count) override;
  void leave_out(reading::Reject reason, std::string_view field) override;
  Status tick(Instant now) override;
  std::optional<Bytes> next_message(Instant now) override;
  void on_clock_synchronised() override { synchronised_ = true; }
  bool clock_set() const override { return sender_ != nullptr; }
  void message_not_sent() override {
    if (sender_) sender_->not_sent();
  }
  void on_connected(Instant now) override {
    if (sender_) sender_->on_connected(now);
  }
  void on_ack(Bytes payload, Instant now) override;
  GatewayStats stats() const override;
  GatewayProgress progress() const override;
  std::string status_json(bool online, Instant now) const override;
  Status close(Instant now) override;

 private:
  // A window that takes no more readings and is not committed yet.
  struct ClosedWindow {
    uint32_t series = 0;
    WidthS width_s = 0;
    int64_t start_s = 0;
    uint64_t uncommitted = 0;
    bool checkpointed = false;
    WidthS checkpoint_width_s = 0;
    int64_t checkpoint_start_s = 0;
    std::string summary;
  };
  // What one transaction must do as a whole: some closed windows, and the open ones of a series.
  struct Unit {
    size_t closed_begin = 0, closed_end = 0;
    uint32_t series = SeriesTable::kNone;
  };

  explicit GatewayCore(const GatewayConfig& config);
  bool refuse(reading::Reject reason);
  // The series of a reading; made where it is new. kNone: refused, and counted.
  uint32_t series_of(const reading::Reading& reading);
  OpenWindow& find_window(uint32_t index, SeriesState& series, int64_t time_ns, Instant now);
  void mark_dirty(uint32_t index, SeriesState& series);
  void close_window(uint32_t index, SeriesState& series, size_t position);
  void close_by_event_time(uint32_t index, SeriesState& series);
  void close_all_due(Instant now);
  void find_next_due(SeriesState& series) const;
  void note_reset(const SeriesState& series, int64_t time_ns, double from, double to);
  int64_t mark_ns(Instant now) const;
  void report_recovery();

  // While the clock is not set (undated.cpp).
  bool is_clock_set(Instant now) const;
  Status begin(Instant now);
  bool accept_undated(const reading::Reading& reading, Instant now);
  Status tick_undated(Instant now);
  Status commit_undated(Instant now, bool clean_stop);
  SeriesShape series_shape(uint32_t series) const;

  // Committing (commit.cpp).
  Status commit(Instant now, bool checkpoint, bool clean_stop = false);
  std::vector<Unit> plan_units(bool checkpoint);
  void apply(const Unit& unit, Outbox::Batch& batch);
  void applied(const Unit& unit);
  Status make_room();
  void merge_closed();
  void find_open_min();

  GatewayConfig config_;
  std::function<uint64_t()> random_;
  RecoveryReport recovery_;
  std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<Sender> sender_;
  SeriesTable series_;
  std::vector<uint32_t> dirty_;
  std::vector<ClosedWindow> closed_;
  int64_t open_min_ns_ = std::numeric_limits<int64_t>::max();  // least start in open windows and closed_
  uint64_t pending_accepted_ = 0;                              // readings in memory only
  uint64_t pending_overflow_ = 0;
  std::map<std::string, uint64_t, std::less<>> rejected_total_;
  bool counters_dirty_ = false;
  std::map<std::string, uint64_t, std::less<>> left_out_total_;  // in memory only, as are the resets
  uint64_t counter_resets_total_ = 0;
  std::deque<CounterReset> counter_resets_;
  int64_t last_scan_mono_ns_ = 0, last_checkpoint_mono_ns_ = 0, last_commit_mono_ns_ = 0, durable_mono_ns_ = 0;
  int64_t retry_mono_ns_ = std::numeric_limits<int64_t>::min();
  bool disk_full_ = false, coarsening_ = false;
  bool synchronised_ = false;
  std::vector<UndatedReading> undated_;  // in memory only
  int64_t opened_mono_ns_ = 0;
  // What arrived before the clock was set is dated by the difference of the clocks, whatever the wall clock said.
  int64_t set_mono_ns_ = std::numeric_limits<int64_t>::min(), wall_at_boot_ns_ = 0;
  size_t batch_bytes_ = 0, batch_bytes_max_ = 0;
  uint64_t coarsened_total_ = 0;  // in memory; the outbox counts its own
  uint64_t acked_total_ = 0, acks_ignored_total_ = 0, checkpoints_total_ = 0;
  std::unique_ptr<stats::Summary> scratch_ = std::make_unique<stats::Summary>();
  std::vector<uint8_t> encoded_ = std::vector<uint8_t>(stats::kSummaryBytesMax);
  std::vector<uint8_t> raw_;
};

}  // namespace tributary::edge
