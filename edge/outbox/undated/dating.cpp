// SPDX-License-Identifier: Apache-2.0
// Each reading's way from its entry to its window: see dating.h.
#include "edge/outbox/undated/dating.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "common/base/bugs.h"
#include "common/base/check.h"

namespace tributary::edge {

void put_undated(Write& write, const UndatedKey& key, Bytes summary) {
  const std::string encoded_key = key.encode();
  uint64_t& bytes = write.plan.undated.bytes[key.level];
  bool lost = false;
  if (const auto stored = write.txn.get(write.tables.undated, encoded_key)) {
    bytes -= stored->size();
    const auto content = unseal(encoded_key, *stored);
    stats::Summary& merged = *write.buffers.summary;
    merged.clear();
    lost = !content || !merged.decode(as_bytes(*content));
    CHECK(merged.merge_encoded(summary));
    summary = Bytes(write.buffers.encoded).first(merged.encode(write.buffers.encoded));
  }
  write.put_sealed(write.tables.undated, encoded_key, as_text(summary));
  bytes += write.buffers.sealed.size();
  if (lost) write.put_lost(0);
}

void Dating::take(const std::string& key, std::string_view value) {
  std::vector<UndatedReading> readings;
  const auto content = unseal(key, value);
  const uint32_t number = UndatedKey::decode(key)->boot;
  if (!content || !decode_undated(*content, readings)) {
    ++lost_;
    readings.clear();
  }
  const BootRecord& boot = write_.plan.undated.boots[number];
  for (const UndatedReading& reading : readings) take_one(number, boot, reading);
  write_.txn.erase(write_.tables.undated, key);
  write_.plan.undated.bytes[0] -= value.size();
}

void Dating::take_one(uint32_t number, const BootRecord& boot, const UndatedReading& reading) {
  const SeriesShape shape = shape_(reading.series);
  const bool dated = rules_ != nullptr;
  const int64_t arrival_ns = dated ? boot.base_ns + reading.mono_ns : reading.mono_ns;
  if (dated && reading.own_time && is_future(boot, reading, arrival_ns)) return drop(reading::Reject::kFuture);
  if (dated && reading.own_time && rules_->past_max_ns > 0 &&
      reading.time_ns < earliest_time_ns(arrival_ns, rules_->past_max_ns))
    return drop(reading::Reject::kTooOld);
  const int64_t time_ns = reading.own_time ? reading.time_ns : arrival_ns;
  const bool timed = reading.own_time || dated;
  double value = reading.value;
  if (shape.counter && !take_increase(reading, timed ? std::optional(time_ns) : std::nullopt, shape.reset_below, value))
    return;
  Placed placed;
  placed.series = reading.series;
  placed.dated = timed;
  placed.boot = timed ? 0 : number;
  const bool estimated = !reading.own_time && dated && boot.state == BootState::kEstimated;
  placed.flags = estimated && !bug("estimate_unflagged") ? WaitingValue::kTimeEstimated : uint8_t{0};
  placed.level = timed ? uint8_t{0} : levels_.at(number);
  placed.width_s = timed ? shape.width_s : kUndatedWidths[placed.level];
  placed.start_s = window_start_s(to_seconds_floor(time_ns), placed.width_s);
  placed.time_ns = time_ns;
  placed.value = value;
  placed_.push_back(placed);
}

bool Dating::is_future(const BootRecord& boot, const UndatedReading& reading, int64_t arrival_ns) const {
  // Where the boot is placed by estimate, only the present bounds what can have been true.
  const int64_t present_ns = boot.state == BootState::kDated ? arrival_ns : rules_->now_wall_ns;
  return reading.time_ns > latest_time_ns(present_ns, rules_->max_future_ns);
}

bool Dating::take_increase(const UndatedReading& reading, std::optional<int64_t> time_ns, double reset_below,
                           double& value) {
  auto known = previous_.find(reading.series);
  if (known == previous_.end()) {
    known = previous_.emplace(reading.series, read_previous(write_.txn, write_.tables, reading.series)).first;
  }
  const CounterStep step =
      step_counter(known->second, time_ns.value_or(std::numeric_limits<int64_t>::min()),
                   reading.own_time ? CounterTime::kOrders : CounterTime::kDoesNotOrder, value, reset_below);
  if (step == CounterStep::kIncrease) return true;
  drop(step == CounterStep::kFirst ? std::nullopt : std::optional(reject_of(step)));
  return false;
}

void Dating::drop(std::optional<reading::Reject> reason) {
  --write_.plan.meta.accepted_total;
  if (reason) ++write_.plan.meta.rejected_total[reading::to_string(*reason)];
}

void Dating::put() {
  std::stable_sort(placed_.begin(), placed_.end(),
                   [](const Placed& a, const Placed& b) { return a.target() < b.target(); });
  std::vector<uint8_t> encoded(stats::kSummaryBytesMax);
  auto summary = std::make_unique<stats::Summary>();
  for (size_t begin = 0, end = 0; begin < placed_.size(); begin = end) {
    const Placed& first = placed_[begin];
    summary->clear();
    for (end = begin; end < placed_.size() && placed_[end].target() == first.target(); ++end) {
      summary->add(placed_[end].time_ns, placed_[end].value);
    }
    const Bytes bytes = Bytes(encoded).first(summary->encode(encoded));
    if (first.dated) {
      const uint32_t birth = write_.plan.meta.epoch_index + (bug("undated_as_born") ? 1 : 0);
      write_.put_waiting({first.width_s, first.start_s, birth, first.series}, first.flags, bytes);
    } else {
      put_undated(write_, {first.level, first.boot, first.start_s, first.series}, bytes);
    }
  }
  for (const auto& [series, previous] : previous_) {
    if (previous) write_.put_previous(series, *previous);
  }
  if (lost_ > 0) write_.put_lost(0);
}

}  // namespace tributary::edge
