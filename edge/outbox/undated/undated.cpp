// SPDX-License-Identifier: Apache-2.0
// Readings without a date: how they are kept, made coarser, and handed to dating. See undated.h.
#include "edge/outbox/undated/undated.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "common/base/bugs.h"
#include "edge/outbox/undated/dating.h"
#include "edge/outbox/write.h"

namespace tributary::edge {
namespace {

constexpr size_t kBatchEntriesMax = 1024;
constexpr size_t kBatchReadingsMax = 8192;
// A summary of few readings takes more room than they do.
constexpr uint64_t kReadingsPerSummary = 16;

struct Entry {
  UndatedKey key;
  std::string key_bytes, value;
};

// The oldest entries of a level.
std::vector<Entry> read_oldest(const Write& write, uint8_t level, size_t bytes_max, size_t entries_max) {
  std::vector<Entry> entries;
  size_t bytes = 0;
  store::Cursor cursor(write.txn, write.tables.undated);
  cursor.seek(UndatedKey{level, 0, std::numeric_limits<int64_t>::min(), 0}.encode());
  for (; cursor.valid() && bytes <= bytes_max && entries.size() < entries_max; cursor.next()) {
    const auto key = UndatedKey::decode(cursor.key());
    if (!key || key->level != level) break;
    // A level's entries hold some thirty readings a kilobyte, at the least.
    if (level == 0 && !entries.empty() && (bytes + cursor.value().size()) / 20 > kBatchReadingsMax) break;
    bytes += cursor.value().size();
    entries.push_back({*key, std::string(cursor.key()), std::string(cursor.value())});
  }
  return entries;
}

// The narrowest window, from width_s on, that holds both times.
WaitingKey narrowest_window(int64_t first_ns, int64_t last_ns, WidthS width_s) {
  for (; width_s != kAllTime; width_s = next_width(width_s)) {
    const int64_t start_s = window_start_s(to_seconds_floor(first_ns), width_s);
    if (start_s == window_start_s(to_seconds_floor(last_ns), width_s) && is_window(start_s, width_s)) {
      return {width_s, start_s, 0, 0};
    }
  }
  return {kAllTime, 0, 0, 0};
}

// The first level whose windows hold enough readings, by the boot's mean rate, shared by the series in entries.
uint8_t level_for(const BootRecord& boot, const std::vector<Entry>& entries) {
  std::set<uint32_t> series;
  std::vector<UndatedReading> readings;
  for (const Entry& entry : entries) {
    const auto content = unseal(entry.key_bytes, entry.value);
    if (!content || !decode_undated(*content, readings)) continue;
    for (const UndatedReading& reading : readings) series.insert(reading.series);
  }
  const auto length_s = static_cast<uint64_t>(std::max<int64_t>(boot.last_mono_ns / kNanosPerSecond, 1));
  for (uint8_t level = 1; level + 1 < kUndatedLevels; ++level) {
    if (boot.readings * kUndatedWidths[level] >= kReadingsPerSummary * series.size() * length_s) return level;
  }
  return kUndatedLevels - 1;
}

void put_boot(Write& write, uint32_t number) {
  encode_boot(write.plan.undated.boots[number], write.buffers.content);
  write.put_sealed(write.tables.undated, UndatedKey{kBootLevel, number, 0, 0}.encode(), write.buffers.content);
}

// Summaries of monotonic time get the time of their boot.
void date_summaries(Write& write, const std::vector<Entry>& entries, const DatingRules& rules) {
  std::vector<uint8_t> encoded(stats::kSummaryBytesMax);
  auto summary = std::make_unique<stats::Summary>();
  for (const Entry& entry : entries) {
    write.txn.erase(write.tables.undated, entry.key_bytes);
    write.plan.undated.bytes[entry.key.level] -= entry.value.size();
    const auto content = unseal(entry.key_bytes, entry.value);
    summary->clear();
    const WidthS base_s = rules.shape(entry.key.series).width_s;
    if (!content || !summary->decode(as_bytes(*content)) || summary->numeric().count() == 0) {
      write.put_lost(entry.key.series);
      continue;
    }
    const BootRecord& boot = write.plan.undated.boots[entry.key.boot];
    summary->shift_time(boot.base_ns);
    WaitingKey key = narrowest_window(summary->numeric().first().time_ns, summary->numeric().last().time_ns, base_s);
    key.birth = write.plan.meta.epoch_index;
    key.series = entry.key.series;
    const bool flagged = boot.state == BootState::kEstimated && !bug("estimate_unflagged");
    write.put_waiting(key, flagged ? WaitingValue::kTimeEstimated : uint8_t{0},
                      Bytes(encoded).first(summary->encode(encoded)));
  }
}

void widen_summaries(Write& write, const std::vector<Entry>& entries, uint8_t level) {
  const WidthS width_s = kUndatedWidths[level + 1];
  for (const Entry& entry : entries) {
    write.txn.erase(write.tables.undated, entry.key_bytes);
    write.plan.undated.bytes[level] -= entry.value.size();
    const auto content = unseal(entry.key_bytes, entry.value);
    stats::Summary::Facts inside;
    if (!content || !stats::Summary::inspect(as_bytes(*content), inside)) {
      write.put_lost(entry.key.series);
      continue;
    }
    const UndatedKey wider{static_cast<uint8_t>(level + 1), entry.key.boot, window_start_s(entry.key.start_s, width_s),
                           entry.key.series};
    put_undated(write, wider, as_bytes(*content));
  }
}

}  // namespace

uint64_t Undated::readings() const {
  uint64_t readings = 0;
  for (const auto& [number, boot] : state_.boots) readings += boot.readings;
  return readings;
}

bool Undated::clock_was_set() const { return boot_id_ != BootId{} && state_.clock.set_boot == boot_id_; }

bool Undated::has_unplaced() const {
  return std::any_of(state_.boots.begin(), state_.boots.end(),
                     [](const auto& boot) { return boot.second.state == BootState::kUndated; });
}

uint64_t Undated::bytes_to_merge() const {
  uint64_t bytes = 0;
  for (uint8_t i = 0; i + 1 < kUndatedLevels; ++i) bytes += state_.bytes[i];
  return bytes;
}

Status Undated::load(const store::Txn& txn, const OutboxTables& tables, const std::string& folder,
                     std::set<uint32_t>& used) {
  if (const auto value = txn.get(tables.meta, kClockKey)) {
    const auto content = unseal(kClockKey, *value);
    const auto clock = content ? decode_clock(*content) : std::nullopt;
    // Without it the boot counts as one whose clock is not known, and a gap says that something may be missing.
    state_.clock = clock ? *clock : ClockRecord{{}, true, false};
  }
  uint32_t newest = 0;
  store::Cursor cursor(txn, tables.undated);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    const auto key = UndatedKey::decode(cursor.key());
    if (!key) return Error{ErrorCode::kCorrupt, folder + ": a key among the undated is not one"};
    newest = std::max(newest, key->boot);
    if (Status status = load_entry(*key, cursor, folder, used); !status) return status;
  }
  if (newest > 0 && !state_.boots.contains(newest) && !state_.empty()) {
    return Error{ErrorCode::kCorrupt, folder + ": undated readings of an unknown boot"};
  }
  // The same boot goes on, if it is one that can be told from others. It need not be the newest: the outbox may have
  // been on another machine meanwhile.
  for (const auto& [number, boot] : state_.boots) {
    if (boot_id_ != BootId{} && boot.id == boot_id_) state_.boot = number;
  }
  return {};
}

Status Undated::load_entry(const UndatedKey& key, const store::Cursor& at, const std::string& folder,
                           std::set<uint32_t>& used) {
  const auto content = unseal(at.key(), at.value());
  if (key.level == kBootLevel) {
    const auto boot = content ? decode_boot(*content) : std::nullopt;
    if (!boot) return Error{ErrorCode::kCorrupt, folder + ": a boot without a clock cannot be read"};
    state_.boots[key.boot] = *boot;
    return {};
  }
  state_.bytes[key.level] += at.value().size();
  if (key.level > 0) {
    used.insert(key.series);
    return {};
  }
  state_.next_entry = std::max(state_.next_entry, static_cast<uint64_t>(key.start_s) + 1);
  std::vector<UndatedReading> readings;
  if (content && decode_undated(*content, readings)) {
    for (const UndatedReading& reading : readings) used.insert(reading.series);
  }
  return {};
}

void Undated::put_clock(Write& write) {
  encode_clock(write.plan.undated.clock, write.buffers.content);
  write.put_sealed(write.tables.meta, std::string(kClockKey), write.buffers.content);
}

void Undated::keep(Write& write, std::span<const UndatedReading> readings) const {
  if (readings.empty()) return;
  UndatedState& state = write.plan.undated;
  if (state.boot == 0) {
    state.boot = state.boots.empty() ? 1 : state.boots.rbegin()->first + 1;
    state.boots[state.boot].id = boot_id_;
  }
  BootRecord& boot = state.boots[state.boot];
  for (const UndatedReading& reading : readings) boot.last_mono_ns = std::max(boot.last_mono_ns, reading.mono_ns);
  boot.readings += readings.size();
  put_boot(write, state.boot);
  const std::string key = UndatedKey{0, state.boot, static_cast<int64_t>(state.next_entry++), 0}.encode();
  encode_undated(readings, write.buffers.content);
  write.put_sealed(write.tables.undated, key, write.buffers.content);
  state.bytes[0] += write.buffers.sealed.size();
}

void Undated::place(Write& write, int64_t wall_at_boot_ns) {
  UndatedState& state = write.plan.undated;
  place_boots(state, write.plan.meta.last_durable_ns, state.boot, wall_at_boot_ns);
  for (const auto& [number, boot] : state.boots) put_boot(write, number);
}

bool Undated::date_some(Write& write, size_t bytes_max, const DatingRules& rules) {
  std::vector<Entry> entries;
  for (uint8_t level = 0; level < kUndatedLevels && entries.empty(); ++level) {
    entries = read_oldest(write, level, bytes_max, std::max<size_t>(bytes_max / 128, 1));
  }
  if (entries.empty()) return false;
  if (entries.front().key.level > 0) {
    date_summaries(write, entries, rules);
    return true;
  }
  Dating dating(write, rules);
  for (const Entry& entry : entries) dating.take(entry.key_bytes, entry.value);
  dating.put();
  return true;
}

bool Undated::condense(Write& write, size_t bytes_max, const ShapeOf& shape) {
  uint8_t level = kUndatedLevels - 1;
  uint64_t most = 0;
  for (uint8_t i = 0; i + 1 < kUndatedLevels; ++i) {
    if (write.plan.undated.bytes[i] <= most) continue;
    level = i;
    most = write.plan.undated.bytes[i];
  }
  if (most == 0) return false;
  const std::vector<Entry> entries = read_oldest(write, level, bytes_max, kBatchEntriesMax);
  write.plan.coarsened += entries.size();
  if (level > 0) {
    widen_summaries(write, entries, level);
    return !entries.empty();
  }
  std::map<uint32_t, uint8_t> levels;
  for (const Entry& entry : entries) levels[entry.key.boot] = 0;
  for (auto& [number, at] : levels) at = level_for(write.plan.undated.boots[number], entries);
  Dating dating(write, shape, std::move(levels));
  for (const Entry& entry : entries) dating.take(entry.key_bytes, entry.value);
  dating.put();
  return !entries.empty();
}

void Undated::end(Write& write) const {
  UndatedState& state = write.plan.undated;
  for (const auto& [number, boot] : state.boots) {
    write.txn.erase(write.tables.undated, UndatedKey{kBootLevel, number, 0, 0}.encode());
  }
  state.boots.clear();
  state.boot = 0;
  state.clock = {boot_id_, false, false};
  put_clock(write);
}

}  // namespace tributary::edge
