// SPDX-License-Identifier: Apache-2.0
// The edge's way of a reading from acceptance to a closed window, and when something is to be committed. How it is
// committed is in commit.cpp, what is told about it in status.cpp.
#include "edge/gateway/gateway.h"

#include <algorithm>
#include <cmath>

#include "edge/gateway/gateway_core.h"

namespace tributary::edge {

using reading::Reject;

namespace {

constexpr int64_t kNanosPerMilli = 1'000'000;
// Windows are looked through, and commits made for closed windows and acknowledgements, at most this often.
constexpr int64_t kScanIntervalNs = 50 * kNanosPerMilli;
constexpr WidthS kBaseWidthMaxS = 3600;
constexpr int64_t kGraceMsMax = 3'600'000;
constexpr size_t kClosedUrgent = 2048;
constexpr size_t kFreezeUrgent = 256;
constexpr size_t kResetsKept = 8;

bool is_base_width(WidthS width_s) { return width_s != kAllTime && width_s <= kBaseWidthMaxS && is_width(width_s); }

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::open(const GatewayConfig& config, std::function<uint64_t()> random,
                                               Instant now) {
  auto core = GatewayCore::open(config, std::move(random), now);
  if (!core) return core.error();
  return std::unique_ptr<Gateway>(std::move(*core));
}

GatewayCore::GatewayCore(const GatewayConfig& config)
    : config_(config),
      series_({config.base_width_s, config.base_width_by_metric, config.unit_by_metric, config.kind_by_metric,
               config.labels, config.series_max, config.reset_below_by_metric}) {}

Result<std::unique_ptr<GatewayCore>> GatewayCore::open(const GatewayConfig& config, std::function<uint64_t()> random,
                                                       Instant now, CommitHook commit_hook) {
  if (!is_base_width(config.base_width_s)) {
    return Error{ErrorCode::kInvalid, "a base width of " + std::to_string(config.base_width_s) +
                                          " s is none: a divisor of 60, 900 or 3600 is expected"};
  }
  for (const auto& [metric, width_s] : config.base_width_by_metric) {
    if (!is_base_width(width_s)) {
      return Error{ErrorCode::kInvalid, "a base width of " + std::to_string(width_s) + " s for " + metric +
                                            " is none: a divisor of 60, 900 or 3600 is expected"};
    }
  }
  // A day's margin lies between the last window and the end of int64, so that sums of times cannot overflow.
  if (config.grace_ms < 0 || config.grace_ms > kGraceMsMax || config.max_future_ms < 0 ||
      config.checkpoint_interval_ms < 0 || config.resend_min_ms <= 0 || config.resend_max_ms < config.resend_min_ms) {
    return Error{ErrorCode::kInvalid, "grace, max_future, checkpoint_interval or the resend times are out of range"};
  }
  auto core = std::unique_ptr<GatewayCore>(new GatewayCore(config));
  core->random_ = std::move(random);
  OutboxConfig outbox;
  outbox.tenant = config.tenant;
  outbox.gateway = config.gateway;
  outbox.folder = config.state_dir + "/outbox";
  outbox.budget_bytes = config.budget_bytes;
  outbox.sync = config.sync;
  outbox.machine_id = config.machine_id;
  outbox.boot_id = config.boot_id;
  outbox.commit_hook = std::move(commit_hook);
  auto opened = Outbox::open(outbox);
  if (!opened) return opened.error();
  core->outbox_ = std::move(*opened);
  // The map's free quarter must hold what two transactions touch, with room for pages that are half full.
  core->batch_bytes_max_ = std::clamp<uint64_t>(config.budget_bytes / 64, 128 << 10, 1 << 20);
  core->batch_bytes_ = core->batch_bytes_max_;

  for (const StoredSeries& stored : core->outbox_->take_series()) {
    core->series_.restore(stored.id, stored.identity, stored.kind);
    core->series_[stored.id].previous = stored.previous;
  }
  const Meta& meta = core->outbox_->meta();
  core->rejected_total_.insert(meta.rejected_total.begin(), meta.rejected_total.end());
  core->last_scan_mono_ns_ = core->last_checkpoint_mono_ns_ = core->last_commit_mono_ns_ = core->durable_mono_ns_ =
      core->opened_mono_ns_ = now.mono_ns;
  core->synchronised_ = config.clock_synchronised || core->outbox_->undated().clock_was_set();
  if (core->is_clock_set(now)) {
    if (Status begun = core->begin(now); !begun) return begun.error();
  } else {
    if (Status begun = core->outbox_->begin_undated(core->random_); !begun) return begun.error();
    core->report_recovery();
  }
  return core;
}

void GatewayCore::report_recovery() {
  const Meta& meta = outbox_->meta();
  const OutboxRecovery& recovery = outbox_->recovery();
  recovery_ = {};
  recovery_.fresh = recovery.fresh;
  recovery_.moved_aside = recovery.moved_aside;
  recovery_.moved_to = recovery.moved_to;
  recovery_.moved_why = recovery.moved_why;
  recovery_.clean_stop = recovery.clean_stop;
  recovery_.epoch = meta.epoch;
  recovery_.predecessor = meta.predecessor;
  recovery_.inherited_partials = recovery.inherited_partials;
  recovery_.checkpoint_windows = recovery.checkpoint_windows;
  recovery_.flight_items = recovery.flight_items;
  recovery_.gap = recovery.gap;
  for (const BootRecord& boot : recovery.boots) {
    recovery_.boots.push_back({boot.id, boot.state != BootState::kUndated, boot.state == BootState::kEstimated,
                               boot.base_ns, boot.last_mono_ns, boot.readings});
  }
}

void GatewayCore::reject(reading::Reject reason, std::string_view, std::string_view, uint64_t count) {
  if (count == 0) return;
  rejected_total_[reading::to_string(reason)] += count;
  counters_dirty_ = true;
}

void GatewayCore::leave_out(reading::Reject reason, std::string_view) { ++left_out_total_[reading::to_string(reason)]; }

bool GatewayCore::refuse(reading::Reject reason) {
  reject(reason, {}, {}, 1);
  return false;
}

uint32_t GatewayCore::series_of(const reading::Reading& reading) {
  if (const uint32_t known = series_.find(reading); known != SeriesTable::kNone) [[likely]]
    return known;
  const auto added = series_.add(reading);
  if (added) return *added;
  refuse(added.error().code == ErrorCode::kFull ? Reject::kTooMany : Reject::kBadName);
  return SeriesTable::kNone;
}

bool GatewayCore::accept(const reading::Reading& reading, Instant now) {
  double value = reading.value.number;
  if (!std::isfinite(value)) [[unlikely]]
    return refuse(std::isnan(value) ? Reject::kNotANumber : Reject::kOutOfRange);
  // Every kind of metric that there is so far has nothing but a number.
  if (!reading.value.key.empty() || !reading.value.who.empty()) [[unlikely]]
    return refuse(Reject::kUnexpectedKey);
  if (now.mono_ns < set_mono_ns_) [[unlikely]]
    now.wall_ns = wall_at_boot_ns_ + now.mono_ns;
  if (sender_ == nullptr) [[unlikely]]
    return accept_undated(reading, now);
  const int64_t limit_ns = latest_time_ns(now.wall_ns, config_.max_future_ms * kNanosPerMilli);
  const int64_t at_ns = reading.time_ns.value_or(now.wall_ns);
  if (at_ns > limit_ns) [[unlikely]]
    return refuse(reading.time_ns ? Reject::kFuture : Reject::kBadTimestamp);
  if (at_ns < kTimeMinNs) [[unlikely]]
    return refuse(Reject::kBadTimestamp);
  if (config_.min_time_s > 0 && at_ns < earliest_time_ns(now.wall_ns, config_.min_time_s * kNanosPerSecond))
      [[unlikely]]
    return refuse(Reject::kTooOld);

  const uint32_t index = series_of(reading);
  if (index == SeriesTable::kNone) [[unlikely]]
    return false;
  SeriesState& series = series_[index];
  if (series.kind == MetricKind::kCounter) [[unlikely]] {
    // Increases of several devices under one name cannot be told apart.
    if (series.overflow) return refuse(Reject::kTooMany);
    const std::optional<PreviousValue> before = series.previous;
    const CounterStep step = step_counter(series.previous, at_ns, CounterTime::kOrders, value, series.reset_below);
    if (step == CounterStep::kOutOfOrder || step == CounterStep::kOutOfRange) return refuse(reject_of(step));
    if (before && judge_counter(*before, reading.value.number, series.reset_below) == CounterMove::kReset)
      note_reset(series, at_ns, highest_of(*before), reading.value.number);
    mark_dirty(index, series);
    if (step == CounterStep::kFirst) return true;
  }
  // A newest time beyond all that is possible now was seen before the clock was set back.
  if (series.newest_ns > limit_ns) [[unlikely]]
    series.newest_ns = at_ns;
  OpenWindow& window = find_window(index, series, at_ns, now);
  window.readings.add(at_ns, value);
  ++window.uncommitted;
  ++pending_accepted_;
  if (series.overflow) [[unlikely]]
    ++pending_overflow_;
  mark_dirty(index, series);
  if (at_ns > series.newest_ns) {
    series.newest_ns = at_ns;
    if (at_ns >= series.next_due_ns) close_by_event_time(index, series);
  }
  return true;
}

void GatewayCore::note_reset(const SeriesState& series, int64_t time_ns, double from, double to) {
  ++counter_resets_total_;
  const std::string_view id = series.id;
  counter_resets_.push_back({std::string(id.substr(0, series.device_bytes)),
                             std::string(id.substr(series.device_bytes + 1, series.metric_bytes)), time_ns, from, to});
  if (counter_resets_.size() > kResetsKept) counter_resets_.pop_front();
}

void GatewayCore::mark_dirty(uint32_t index, SeriesState& series) {
  if (series.dirty) return;
  series.dirty = true;
  dirty_.push_back(index);
}

OpenWindow& GatewayCore::find_window(uint32_t index, SeriesState& series, int64_t time_ns, Instant now) {
  for (size_t i = series.windows.size(); i-- > 0;) {
    OpenWindow& window = series.windows[i];
    if (time_ns >= window.start_ns && time_ns < window.end_ns) return window;
  }
  if (series.windows.size() >= std::max(config_.windows_per_series_max, 1U)) {
    const auto oldest = std::min_element(series.windows.begin(), series.windows.end(),
                                         [](const auto& a, const auto& b) { return a.start_ns < b.start_ns; });
    close_window(index, series, static_cast<size_t>(oldest - series.windows.begin()));
  }
  const int64_t grace_ns = config_.grace_ms * kNanosPerMilli;
  if (series.windows.empty()) series.windows.reserve(1);
  OpenWindow& window = series.windows.emplace_back();
  window.width_s = series.width_s;
  window.start_ns = window_start_s(to_seconds_floor(time_ns), series.width_s) * kNanosPerSecond;
  window.end_ns = window.start_ns + static_cast<int64_t>(series.width_s) * kNanosPerSecond;
  window.opened_mono_ns = now.mono_ns;
  window.straggler = series.newest_ns >= window.end_ns + grace_ns;
  window.live = !window.straggler && now.wall_ns < window.end_ns + grace_ns;
  if (!window.straggler) series.next_due_ns = std::min(series.next_due_ns, window.end_ns + grace_ns);
  open_min_ns_ = std::min(open_min_ns_, window.start_ns);
  return window;
}

void GatewayCore::close_window(uint32_t index, SeriesState& series, size_t position) {
  OpenWindow& window = series.windows[position];
  ClosedWindow closed;
  closed.series = index;
  closed.width_s = closed.checkpoint_width_s = window.width_s;
  closed.start_s = closed.checkpoint_start_s = window.start_ns / kNanosPerSecond;
  closed.uncommitted = window.uncommitted;
  closed.checkpointed = window.checkpointed;
  closed.summary = as_text(window.readings.encode(*scratch_, encoded_));
  closed_.push_back(std::move(closed));
  series.windows.erase(series.windows.begin() + static_cast<std::ptrdiff_t>(position));
  find_next_due(series);
}

void GatewayCore::find_next_due(SeriesState& series) const {
  series.next_due_ns = std::numeric_limits<int64_t>::max();
  for (const OpenWindow& window : series.windows) {
    if (window.straggler) continue;
    series.next_due_ns = std::min(series.next_due_ns, window.end_ns + config_.grace_ms * kNanosPerMilli);
  }
}

void GatewayCore::close_by_event_time(uint32_t index, SeriesState& series) {
  const int64_t grace_ns = config_.grace_ms * kNanosPerMilli;
  for (size_t i = series.windows.size(); i-- > 0;) {
    const OpenWindow& window = series.windows[i];
    if (!window.straggler && series.newest_ns >= window.end_ns + grace_ns) close_window(index, series, i);
  }
}

// By the wall clock for windows of the present, and by the monotonic clock for all, so that none stays open for ever.
void GatewayCore::close_all_due(Instant now) {
  const int64_t grace_ns = config_.grace_ms * kNanosPerMilli;
  for (uint32_t index = 0; index < series_.size(); ++index) {
    SeriesState& series = series_[index];
    for (size_t i = series.windows.size(); i-- > 0;) {
      const OpenWindow& window = series.windows[i];
      const int64_t age_ns = now.mono_ns - window.opened_mono_ns;
      const int64_t age_max_ns = window.straggler ? grace_ns : window.end_ns - window.start_ns + grace_ns;
      if ((window.live && now.wall_ns >= window.end_ns + grace_ns) || age_ns >= age_max_ns) {
        close_window(index, series, i);
      }
    }
  }
}

Status GatewayCore::tick(Instant now) {
  if (sender_ == nullptr) [[unlikely]]
    return tick_undated(now);
  if (now.mono_ns - last_scan_mono_ns_ >= kScanIntervalNs) {
    last_scan_mono_ns_ = now.mono_ns;
    close_all_due(now);
  }
  if (now.mono_ns < retry_mono_ns_) return {};
  const bool checkpoint_due =
      now.mono_ns - last_checkpoint_mono_ns_ >= config_.checkpoint_interval_ms * kNanosPerMilli &&
      (!dirty_.empty() || counters_dirty_ ||
       now.mono_ns - durable_mono_ns_ >= config_.idle_message_interval_ms * kNanosPerMilli);
  const bool can_freeze = outbox_->can_freeze();
  const bool work = !closed_.empty() || outbox_->erase_pending() || can_freeze || coarsening_;
  // Enough to be worth a transaction, and its wait for the disk, of its own: many windows have closed, or half the span
  // is free again and there is something to fill it.
  const bool urgent = closed_.size() >= kClosedUrgent ||
                      (outbox_->erase_pending() && outbox_->current().window.size() <= ledger::kSpanMax / 2 &&
                       closed_.size() + outbox_->waiting_partials() >= kFreezeUrgent);
  if (!checkpoint_due && !(work && (urgent || now.mono_ns - last_commit_mono_ns_ >= kScanIntervalNs))) return {};
  Status status = commit(now, checkpoint_due);
  if (status) status = make_room();
  retry_mono_ns_ = status ? std::numeric_limits<int64_t>::min() : now.mono_ns + kRetryIntervalNs;
  disk_full_ = !status && status.error().code == ErrorCode::kFull;
  if (!status) merge_closed();
  return status;
}

int64_t GatewayCore::mark_ns(Instant now) const {
  return dirty_.empty() && closed_.empty() ? now.wall_ns : outbox_->meta().last_durable_ns;
}

std::optional<Bytes> GatewayCore::next_message(Instant now) {
  if (sender_ == nullptr) return std::nullopt;
  return sender_->next({open_min_ns_, mark_ns(now)}, now);
}

void GatewayCore::on_ack(Bytes payload, Instant now) {
  wire::Ack ack;
  if (sender_ == nullptr || !wire::decode_ack(payload, ack)) {
    ++acks_ignored_total_;
    return;
  }
  const uint64_t settled = outbox_->acknowledge(ack);
  if (settled == 0) ++acks_ignored_total_;
  acked_total_ += settled;
  sender_->on_settled(now);
}

Status GatewayCore::close(Instant now) {
  if (sender_ == nullptr) return commit_undated(now, true);
  for (uint32_t index = 0; index < series_.size(); ++index) {
    while (!series_[index].windows.empty()) close_window(index, series_[index], 0);
  }
  return commit(now, true, true);
}

}  // namespace tributary::edge
