// SPDX-License-Identifier: Apache-2.0
// How the gateway commits: closed windows leave the checkpoint and enter the outbox, changed open ones are
// checkpointed, and the counters say how many readings that makes, all in the same transactions. Many small
// transactions are one bounded batch after the other, so that the map's free reserve always holds them.
#include <algorithm>
#include <iterator>
#include <map>

#include "common/base/bugs.h"
#include "edge/gateway/gateway_core.h"

namespace tributary::edge {
namespace {

constexpr int kCommitRoomAttemptsMax = 16;
constexpr int kCoarsenStepsMax = 256;
constexpr size_t kBatchBytesMin = 1 << 10;
constexpr size_t kClosedMax = 8192;
constexpr size_t kClosedKept = kClosedMax / 8 * 7;

}  // namespace

// The increases of a counter and the value they lead to must become durable together: else a reading after a crash
// would be added twice or not at all. So a counter's windows are one unit; a gauge's are as many as there are.
std::vector<GatewayCore::Unit> GatewayCore::plan_units(bool checkpoint) {
  const auto counter = [&](const ClosedWindow& closed) { return series_[closed.series].kind == MetricKind::kCounter; };
  std::stable_sort(closed_.begin(), closed_.end(), [&](const ClosedWindow& a, const ClosedWindow& b) {
    const bool a_counter = counter(a), b_counter = counter(b);
    if (a_counter != b_counter) return a_counter;
    // Live windows first; among a counter's own the order does not matter.
    return a_counter ? a.series < b.series : a.start_s > b.start_s;
  });
  std::vector<Unit> units;
  units.reserve(closed_.size() + (checkpoint ? dirty_.size() : 0));
  for (size_t begin = 0, end = 0; begin < closed_.size(); begin = end) {
    end = begin + 1;
    uint32_t series = SeriesTable::kNone;
    if (counter(closed_[begin])) {
      series = closed_[begin].series;
      while (end < closed_.size() && closed_[end].series == series) ++end;
    }
    units.push_back({begin, end, series});
  }
  if (checkpoint) {
    // Counters with closed windows are units already.
    std::vector<uint32_t> taken;
    for (const Unit& unit : units) {
      if (unit.series != SeriesTable::kNone) taken.push_back(unit.series);
    }
    for (uint32_t index : dirty_) {
      if (!std::binary_search(taken.begin(), taken.end(), index)) units.push_back({0, 0, index});
    }
  }
  return units;
}

void GatewayCore::apply(const Unit& unit, Outbox::Batch& batch) {
  const auto count = [&](const SeriesState& series, uint64_t readings) {
    batch.meta().accepted_total += readings;
    if (series.overflow) batch.meta().overflow_total += readings;
  };
  for (size_t i = unit.closed_begin; i < unit.closed_end; ++i) {
    const ClosedWindow& closed = closed_[i];
    const SeriesState& series = series_[closed.series];
    if (!series.stored) batch.put_series(closed.series, series.kind, series.id);
    if (closed.checkpointed && !bug("checkpoint_kept")) {
      batch.erase_checkpoint({closed.series, closed.checkpoint_width_s, closed.checkpoint_start_s});
    }
    batch.add_closed(closed.series, closed.width_s, closed.start_s, as_bytes(closed.summary));
    count(series, closed.uncommitted);
  }
  if (unit.series == SeriesTable::kNone) return;
  const SeriesState& series = series_[unit.series];
  if (!series.stored) batch.put_series(unit.series, series.kind, series.id);
  for (const OpenWindow& window : series.windows) {
    if (window.uncommitted == 0) continue;
    const CheckpointKey key{unit.series, window.width_s, window.start_ns / kNanosPerSecond};
    if (window.readings.is_raw()) {
      window.readings.encode_raw(raw_);
      batch.put_checkpoint(key, CheckpointForm::kReadings, raw_);
    } else {
      batch.put_checkpoint(key, CheckpointForm::kSummary, window.readings.encode(*scratch_, encoded_));
    }
    count(series, window.uncommitted);
  }
  if (series.previous) batch.put_previous(unit.series, *series.previous);
}

void GatewayCore::applied(const Unit& unit) {
  for (size_t i = unit.closed_begin; i < unit.closed_end; ++i) {
    ClosedWindow& closed = closed_[i];
    SeriesState& series = series_[closed.series];
    series.stored = true;
    pending_accepted_ -= closed.uncommitted;
    if (series.overflow) pending_overflow_ -= closed.uncommitted;
    closed.series = SeriesTable::kNone;
  }
  if (unit.series == SeriesTable::kNone) return;
  SeriesState& series = series_[unit.series];
  series.stored = true;
  series.dirty = false;
  for (OpenWindow& window : series.windows) {
    if (window.uncommitted == 0) continue;
    pending_accepted_ -= window.uncommitted;
    if (series.overflow) pending_overflow_ -= window.uncommitted;
    window.uncommitted = 0;
    window.checkpointed = true;
  }
}

Status GatewayCore::commit(Instant now, bool checkpoint, bool clean_stop) {
  // Dirty series whose windows have all closed since have nothing for the checkpoint; a counter has its last value.
  std::erase_if(dirty_, [&](uint32_t index) {
    SeriesState& series = series_[index];
    if (series.kind == MetricKind::kCounter) return false;
    const bool changed = std::any_of(series.windows.begin(), series.windows.end(),
                                     [](const OpenWindow& window) { return window.uncommitted > 0; });
    if (!changed) series.dirty = false;
    return !changed;
  });
  const std::vector<Unit> units = plan_units(checkpoint);
  Status status;
  size_t done = 0;
  int attempts = 0;
  do {
    size_t end = done;
    bool complete = false;
    status = outbox_->write([&](Outbox::Batch& batch) {
      for (end = done; end < units.size() && (end == done || batch.bytes() < batch_bytes_); ++end) {
        apply(units[end], batch);
      }
      complete = end == units.size();
      if (!complete) return;
      // Everything accepted so far is in this or an earlier transaction.
      if (checkpoint || dirty_.empty()) batch.meta().last_durable_ns = now.wall_ns;
      batch.meta().clean_stop = clean_stop;
      batch.meta().rejected_total.clear();
      batch.meta().rejected_total.insert(rejected_total_.begin(), rejected_total_.end());
    });
    if (!status) {
      if (status.error().code != ErrorCode::kFull || ++attempts > kCommitRoomAttemptsMax) break;
      // Smaller steps, and room made by merging what waits.
      batch_bytes_ = std::max(batch_bytes_ / 2, kBatchBytesMin);
      auto coarsened = outbox_->coarsen(batch_bytes_);
      if (!coarsened && coarsened.error().code != ErrorCode::kFull) status = coarsened.error();
      if (coarsened) continue;
      break;
    }
    attempts = 0;
    for (; done < end; ++done) applied(units[done]);
    if (complete) {
      batch_bytes_ = std::min(batch_bytes_ * 2, batch_bytes_max_);
      counters_dirty_ = false;
      break;
    }
    status = make_room();
  } while (status || status.error().code == ErrorCode::kFull);

  std::erase_if(closed_, [](const ClosedWindow& closed) {
    return closed.series == SeriesTable::kNone || bug("dropped_when_full");
  });
  std::erase_if(dirty_, [&](uint32_t index) { return !series_[index].dirty; });
  find_open_min();
  sender_->on_settled(now);
  last_commit_mono_ns_ = now.mono_ns;
  if (status && checkpoint) {
    last_checkpoint_mono_ns_ = now.mono_ns;
    ++checkpoints_total_;
  }
  if (status && (checkpoint || dirty_.empty())) durable_mono_ns_ = now.mono_ns;
  return status;
}

// Above three quarters of the budget the oldest waiting partials are merged, until seven tenths are in use.
Status GatewayCore::make_room() {
  const uint64_t tenth = config_.budget_bytes / 10;
  for (int step = 0; step < kCoarsenStepsMax; ++step) {
    const uint64_t used = outbox_->used_bytes();
    if (used > config_.budget_bytes / 4 * 3) coarsening_ = true;
    if (used < 7 * tenth) coarsening_ = false;
    if (!coarsening_) return {};
    auto coarsened = outbox_->coarsen(batch_bytes_);
    if (!coarsened) {
      if (coarsened.error().code != ErrorCode::kFull || batch_bytes_ == kBatchBytesMin) return coarsened.error();
      batch_bytes_ = std::max(batch_bytes_ / 2, kBatchBytesMin);
      continue;
    }
    if (!*coarsened) {
      coarsening_ = false;
      return {};
    }
  }
  return {};
}

// While nothing can be written, closed windows must not fill the memory: beyond kClosedMax they are merged as waiting
// ones are (outbox/coarsen.cpp), the oldest of the width with the most of them first, until kClosedKept are left.
void GatewayCore::merge_closed() {
  if (closed_.size() <= kClosedMax) return;
  while (closed_.size() > kClosedKept) {
    std::map<WidthS, size_t> counts;
    for (const ClosedWindow& closed : closed_) counts[closed.width_s] += 2;
    WidthS width_s = kAllTime;
    size_t most = 0;
    for (const auto& [width, count] : counts) {
      const size_t weight = width == 86400 ? count / 2 : count;
      if (width == kAllTime || weight < most) continue;
      width_s = width;
      most = weight;
    }
    if (width_s == kAllTime) break;
    const WidthS wider_s = next_width(width_s);
    // Those of the wider width take part, so that there is one window for one time.
    const auto in_target = [&](const ClosedWindow& closed) {
      return closed.width_s == width_s || closed.width_s == wider_s;
    };
    const auto sources_end = std::partition(closed_.begin(), closed_.end(), in_target);
    const auto target = [&](const ClosedWindow& closed) {
      return std::pair(window_start_s(closed.start_s, wider_s), closed.series);
    };
    std::stable_sort(closed_.begin(), sources_end,
                     [&](const ClosedWindow& a, const ClosedWindow& b) { return target(a) < target(b); });
    std::vector<ClosedWindow> merged;
    size_t left = closed_.size();
    auto next = closed_.begin();
    for (; next != sources_end; ++next) {
      ClosedWindow& closed = *next;
      const auto [start_s, series] = target(closed);
      const bool begins = merged.empty() || merged.back().start_s != start_s || merged.back().series != series;
      if (begins && left <= kClosedKept) break;
      if (closed.width_s == width_s) ++coarsened_total_;
      closed.width_s = wider_s;
      closed.start_s = start_s;
      // Checkpointed ones keep their own entry to erase; one entry can stand for one window only.
      if (begins || (merged.back().checkpointed && closed.checkpointed) ||
          !scratch_->decode(as_bytes(merged.back().summary)) || !scratch_->merge_encoded(as_bytes(closed.summary))) {
        merged.push_back(std::move(closed));
        continue;
      }
      ClosedWindow& into = merged.back();
      into.summary = as_text(Bytes(encoded_).first(scratch_->encode(encoded_)));
      into.uncommitted += closed.uncommitted;
      if (closed.checkpointed) {
        into.checkpointed = true;
        into.checkpoint_width_s = closed.checkpoint_width_s;
        into.checkpoint_start_s = closed.checkpoint_start_s;
      }
      --left;
    }
    merged.insert(merged.end(), std::make_move_iterator(next), std::make_move_iterator(closed_.end()));
    closed_ = std::move(merged);
  }
  find_open_min();
}

void GatewayCore::find_open_min() {
  open_min_ns_ = std::numeric_limits<int64_t>::max();
  for (uint32_t index = 0; index < series_.size(); ++index) {
    for (const OpenWindow& window : series_[index].windows) open_min_ns_ = std::min(open_min_ns_, window.start_ns);
  }
  for (const ClosedWindow& closed : closed_) {
    open_min_ns_ = std::min(open_min_ns_, window_start_ns(closed.start_s, closed.width_s));
  }
}

}  // namespace tributary::edge
