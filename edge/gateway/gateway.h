// SPDX-License-Identifier: Apache-2.0
// Gateway: the pure core of the edge program, a state machine (event, now) → effects over one LMDB environment. It owns
// open windows, checkpoint, outbox (waiting and flight), epochs and what is said to the cloud. No sockets, no clock, no
// randomness of its own: time and random bits are passed in. Not thread-safe: one thread calls it.
//
//   accept → window → (checkpoint) → close → waiting → freeze → flight → next_message → … → on_ack → gone
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/reading/reading.h"
#include "common/runtime/result.h"
#include "common/series/series.h"
#include "common/wire/message.h"

namespace tributary::edge {

// When the machine's clock counts as set. Once it did, it does so until the next boot.
enum class ClockTrust {
  kPlausible,     // as soon as it is synchronised, or not earlier than can be: not before earliest_ns, and not shortly
                  // before the last durable time (a clock that was saved before a power cut)
  kSynchronised,  // only when it is synchronised
  kAlways
};

struct GatewayConfig {
  std::string tenant;
  std::string gateway;
  std::string state_dir;  // the outbox belongs to one (tenant, gateway); another one is refused (kMismatch)
  uint64_t budget_bytes =
      64ULL << 20;  // the whole LMDB file, allocated when made; above 75 % waiting windows are merged
  WidthS base_width_s = 10;
  std::map<std::string, WidthS, std::less<>> base_width_by_metric;
  std::map<std::string, std::string, std::less<>> unit_by_metric;  // becomes the label unit
  std::map<std::string, MetricKind, std::less<>> kind_by_metric;
  std::map<std::string, double, std::less<>> reset_below_by_metric;  // counters: edge/window/counter.h
  std::vector<Label> labels;                                         // added to every series (site, …)
  std::vector<std::string> serves;  // told in the status: "DEVICE" or "DEVICE/METRIC", "*" at the end; empty: anything
  int64_t grace_ms = 5000;
  int64_t checkpoint_interval_ms = 1000;
  int64_t max_future_ms = 300'000;
  int64_t min_time_s = 0;  // readings dated further before their arrival are refused (too_old); 0: none is. The
                           // program's configuration says a year
  uint32_t series_max = 10'000;
  uint32_t windows_per_series_max = 8;
  int64_t idle_message_interval_ms = 60'000;
  int64_t resend_min_ms = 2000, resend_max_ms = 60'000;
  bool sync = true;  // false only in tests
  std::array<uint8_t, 16> machine_id{};
  ClockTrust clock_trust = ClockTrust::kPlausible;
  int64_t clock_earliest_ns = 0;
  bool clock_synchronised = true;     // as the operating system says at the start
  std::array<uint8_t, 16> boot_id{};  // of the machine; now.mono_ns counts from its boot. All zero: unknown
};

// What became of readings that came while a boot's clock was not set.
struct UndatedBoot {
  std::array<uint8_t, 16> boot_id{};
  bool placed = false;     // wall clock = base_ns + monotonic clock
  bool estimated = false;  // its clock never was set: placed after the last durable time
  int64_t base_ns = 0;
  int64_t last_mono_ns = 0;  // of its newest reading
  uint64_t readings = 0;
};

// What came back from opening the outbox; one line for the log and /metrics.
struct RecoveryReport {
  bool fresh = false;        // no outbox was there
  bool moved_aside = false;  // one was, and did not open; moved_to says where it went, moved_why what was wrong (empty:
                             // an earlier start moved it)
  std::string moved_to, moved_why;
  bool clean_stop = false;
  uint64_t epoch = 0, predecessor = 0;
  uint64_t inherited_partials = 0;  // waiting, from checkpoint and outbox
  uint64_t checkpoint_windows = 0;  // of them: open when the run before ended
  uint64_t flight_items = 0;
  std::optional<wire::Gap> gap;
  std::vector<UndatedBoot> boots;  // with readings without a date: as found, and then as dated
};

// A counter that began again.
struct CounterReset {
  std::string device, metric;
  int64_t time_ns = 0;
  double from = 0, to = 0;
};

// What may be asked for at every turn.
struct GatewayProgress {
  uint64_t waiting_partials = 0, flight_items = 0;
  uint64_t acked_total = 0, resent_total = 0, coarsened_total = 0;  // as in GatewayStats
  uint64_t uncommitted_readings = 0;                                // in memory only
  bool write_failing = false;                                       // the last write failed and is tried again
};

struct GatewayStats {
  uint64_t accepted_total = 0;                     // since the outbox was made, durable with the checkpoint
  std::map<std::string, uint64_t> rejected_total;  // reason → count, the same
  std::map<std::string, uint64_t> left_out_total;  // reason → fields that are no readings, since the start
  uint64_t counter_resets_total = 0;               // since the start
  std::vector<CounterReset> counter_resets;        // the newest of them
  uint64_t open_windows = 0, series = 0, overflow_series_readings_total = 0;
  uint64_t waiting_partials = 0, flight_items = 0, flight_bytes = 0;
  std::map<WidthS, uint64_t> waiting_by_width;
  uint64_t used_bytes = 0, budget_bytes = 0;
  uint64_t coarsened_total = 0, acked_total = 0, resent_total = 0, checkpoints_total = 0;
  int64_t frontier_ns = 0, oldest_waiting_ns = 0, last_durable_ns = 0;
  bool clock_set = true;
  uint64_t undated_readings = 0;  // kept, without a date yet
  bool disk_full = false;         // the last write failed for want of space; it is tried again
};

// While the clock is not set (ClockTrust) the gateway keeps readings with the boot's id and monotonic time, in the
// checkpoint's rhythm, and sends nothing. When it is set, what was kept in this boot is dated by the difference of the
// two clocks; boots before it whose clock never was set are placed one after another behind the last durable time and
// flagged "time estimated"; then the new epoch begins. Readings that carry their own time are kept like the others, and
// judged (max_future) when the clock is known.
class Gateway : public reading::ReadingSink {
 public:
  // Opens or makes the outbox and begins a new epoch (random: 64 random bits a call), or waits for the clock with it.
  // Errors: kMismatch (another tenant's or gateway's), kBusy, kIo, kFull (budget cannot be allocated). A corrupt outbox
  // is moved aside, never deleted, and a new one begins with a gap.
  static Result<std::unique_ptr<Gateway>> open(const GatewayConfig& config, std::function<uint64_t()> random,
                                               Instant now);

  // Before the clock is set: of what is known then.
  virtual const RecoveryReport& recovery() const = 0;

  // The operating system says that its clock is synchronised. Takes effect with the next tick.
  virtual void on_clock_synchronised() = 0;
  virtual bool clock_set() const = 0;

  // As a sink: one reading is checked (name, labels, value, time) and added; whatever is refused is counted by reason.
  // A metric of kind counter gives cumulative values: the increase since the last one is what is added. What a source
  // refused before it became a reading is counted, too.
  using reading::ReadingSink::accept;
  using reading::ReadingSink::leave_out;
  using reading::ReadingSink::reject;

  // Closes what is due, checkpoints what changed, coarsens above the budget, freezes while the span and the flight
  // allow. Call at least every 100 ms, and after a batch of readings. Errors are kept in stats().disk_full and tried
  // again.
  virtual Status tick(Instant now) = 0;

  // The next message to publish on …/partials, or nothing: new flight, resends that are due, the idle message. The
  // bytes live until the next call. Nothing but older epochs' flight goes before the opening is acknowledged. Live
  // windows first.
  virtual std::optional<Bytes> next_message(Instant now) = 0;
  // Publishing failed before it left (not connected, window full): the message given last is due again at once.
  virtual void message_not_sent() = 0;
  // The connection is new: everything unacknowledged is due again.
  virtual void on_connected(Instant now) = 0;
  // Bytes from …/ack. Unknown epochs and broken acks are ignored, counted.
  virtual void on_ack(Bytes payload, Instant now) = 0;

  virtual GatewayStats stats() const = 0;
  virtual GatewayProgress progress() const = 0;
  // For the status topic: {"state","version","epoch","outbox":{…},"counters":{…},…}; documented in edge/STATUS.md.
  virtual std::string status_json(bool online, Instant now) const = 0;

  // Last checkpoint and the mark of a clean stop. now.wall_ns: when the sources were stopped, where the next run's gap
  // begins. Nothing may be called after.
  virtual Status close(Instant now) = 0;
};

}  // namespace tributary::edge
