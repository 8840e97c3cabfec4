// SPDX-License-Identifier: Apache-2.0
// The gateway while its machine has no clock: readings are kept as they came, by boot and monotonic time; when the
// clock is set they are dated and the new epoch begins.
#include <algorithm>

#include "edge/gateway/gateway_core.h"

namespace tributary::edge {

using reading::Reject;

namespace {

// A clock that was saved before a power cut is behind the last durable time by its interval of saving, an hour as a
// rule. One that is further behind was not saved: then the last durable time is what was wrong.
constexpr int64_t kSavedClockNs = 7200 * kNanosPerSecond;
constexpr size_t kPendingMax = 1 << 18;
constexpr size_t kPendingUrgent = 1 << 14;
constexpr size_t kEntryReadings = 2048;
constexpr size_t kEntryReadingsMin = 32;
constexpr int kUndatedRoomAttemptsMax = 64;

}  // namespace

bool GatewayCore::is_clock_set(Instant now) const {
  if (config_.clock_trust == ClockTrust::kAlways || synchronised_) return true;
  if (config_.clock_trust == ClockTrust::kSynchronised || now.wall_ns < config_.clock_earliest_ns) return false;
  const int64_t last_durable_ns = outbox_->meta().last_durable_ns;
  return now.wall_ns >= last_durable_ns || last_durable_ns - now.wall_ns > kSavedClockNs;
}

SeriesShape GatewayCore::series_shape(uint32_t series) const {
  if (series >= series_.size() || series_[series].id.empty()) return {config_.base_width_s, false, 0};
  const SeriesState& state = series_[series];
  return {state.width_s == kAllTime ? config_.base_width_s : state.width_s, state.kind == MetricKind::kCounter,
          state.reset_below};
}

// The clock is set: everything kept is dated, the epoch begins, and the gateway is as if it had been opened now.
Status GatewayCore::begin(Instant now) {
  Beginning beginning;
  beginning.now = now;
  beginning.opened_mono_ns = opened_mono_ns_;
  beginning.max_future_ns = config_.max_future_ms * 1'000'000;
  beginning.past_max_ns = config_.min_time_s * kNanosPerSecond;
  beginning.shape = [this](uint32_t series) { return series_shape(series); };
  if (Status status = outbox_->begin(random_, beginning); !status) return status;
  const Meta& meta = outbox_->meta();
  rejected_total_ = {meta.rejected_total.begin(), meta.rejected_total.end()};
  for (uint32_t index = 0; index < series_.size(); ++index) {
    SeriesState& series = series_[index];
    if (series.kind != MetricKind::kCounter || series.id.empty()) continue;
    if (const auto previous = outbox_->read_previous(index)) series.previous = previous;
  }
  if (now.mono_ns > opened_mono_ns_) {
    set_mono_ns_ = now.mono_ns;
    wall_at_boot_ns_ = now.wall_ns - now.mono_ns;
  }
  report_recovery();
  sender_ = std::make_unique<Sender>(
      SenderConfig{config_.idle_message_interval_ms * 1'000'000, config_.resend_min_ms * 1'000'000,
                   config_.resend_max_ms * 1'000'000},
      *outbox_,
      [table = &series_](uint32_t index) {
        if (index >= table->size()) return SeriesName{};
        const SeriesState& series = (*table)[index];
        return SeriesName{series.id, series.kind};
      },
      random_, now);
  last_scan_mono_ns_ = last_checkpoint_mono_ns_ = last_commit_mono_ns_ = durable_mono_ns_ = now.mono_ns;
  return {};
}

// A time of its own can only be judged roughly now: finely when the clock is set (Outbox::begin).
bool GatewayCore::accept_undated(const reading::Reading& reading, Instant now) {
  const std::optional<int64_t> time_ns = reading.time_ns;
  if (time_ns && (*time_ns < kTimeMinNs || *time_ns >= kTimeMaxNs)) {
    return refuse(*time_ns >= kTimeMaxNs ? Reject::kFuture : Reject::kBadTimestamp);
  }
  const uint32_t index = series_of(reading);
  if (index == SeriesTable::kNone) return false;
  const SeriesState& series = series_[index];
  if (series.overflow && series.kind == MetricKind::kCounter) return refuse(Reject::kTooMany);
  // Only while the disk is full.
  if (undated_.size() >= kPendingMax) return refuse(Reject::kOverload);
  undated_.push_back({index, time_ns.has_value(), now.mono_ns, time_ns.value_or(0), reading.value.number});
  ++pending_accepted_;
  if (series.overflow) ++pending_overflow_;
  return true;
}

Status GatewayCore::tick_undated(Instant now) {
  if (now.mono_ns < retry_mono_ns_) return {};
  const bool set = is_clock_set(now);
  const bool due = now.mono_ns - last_checkpoint_mono_ns_ >= config_.checkpoint_interval_ms * 1'000'000 ||
                   undated_.size() >= kPendingUrgent;
  Status status;
  if ((!undated_.empty() || counters_dirty_) && (due || set)) status = commit_undated(now, false);
  if (status && set) status = begin(now);
  retry_mono_ns_ = status ? std::numeric_limits<int64_t>::min() : now.mono_ns + kRetryIntervalNs;
  disk_full_ = !status && status.error().code == ErrorCode::kFull;
  return status;
}

Status GatewayCore::commit_undated(Instant now, bool clean_stop) {
  const auto shape = [this](uint32_t series) { return series_shape(series); };
  size_t entry_readings = kEntryReadings;
  Status status;
  int attempts = 0;
  for (bool complete = false; !complete;) {
    const size_t count = std::min(undated_.size(), entry_readings);
    const std::span<const UndatedReading> some(undated_.data(), count);
    complete = count == undated_.size();
    status = outbox_->write([&](Outbox::Batch& batch) {
      for (const UndatedReading& reading : some) {
        const SeriesState& series = series_[reading.series];
        // Written more than once within a batch at the worst.
        if (!series.stored) batch.put_series(reading.series, series.kind, series.id);
        if (series.overflow) ++batch.meta().overflow_total;
      }
      batch.keep_undated(some);
      batch.meta().accepted_total += some.size();
      batch.meta().clean_stop = clean_stop && complete;
      batch.meta().rejected_total = {rejected_total_.begin(), rejected_total_.end()};
    });
    if (!status) {
      if (status.error().code != ErrorCode::kFull || ++attempts > kUndatedRoomAttemptsMax) break;
      complete = false;
      entry_readings = std::max(entry_readings / 2, kEntryReadingsMin);
      auto shrunk = outbox_->shrink(batch_bytes_, shape);
      batch_bytes_ = std::max<size_t>(batch_bytes_ / 2, 1 << 10);
      if (!shrunk && shrunk.error().code != ErrorCode::kFull) return shrunk.error();
      if (shrunk && *shrunk) continue;
      break;
    }
    batch_bytes_ = std::min(batch_bytes_ * 2, batch_bytes_max_);
    for (const UndatedReading& reading : some) {
      SeriesState& series = series_[reading.series];
      series.stored = true;
      --pending_accepted_;
      if (series.overflow) --pending_overflow_;
    }
    undated_.erase(undated_.begin(), undated_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  // Above three quarters of the budget what is kept becomes coarser, as in make_room.
  for (int step = 0; status && step < 256 && outbox_->used_bytes() > config_.budget_bytes / 4 * 3; ++step) {
    auto shrunk = outbox_->shrink(batch_bytes_, shape);
    if (!shrunk) {
      if (shrunk.error().code != ErrorCode::kFull) status = shrunk.error();
      break;
    }
    if (!*shrunk) break;
  }
  if (status) {
    counters_dirty_ = false;
    last_checkpoint_mono_ns_ = last_commit_mono_ns_ = now.mono_ns;
    ++checkpoints_total_;
    // What leaves the readings as they came may refuse some.
    const auto& rejected = outbox_->meta().rejected_total;
    rejected_total_ = {rejected.begin(), rejected.end()};
  }
  return status;
}

}  // namespace tributary::edge
