// SPDX-License-Identifier: Apache-2.0
// Readings without a date: kept while there is no clock, merged into wider windows of monotonic time where the budget
// runs short, and dated when the clock is set. Every step moves its readings in one transaction.
#include "edge/outbox/undated.h"

#include <algorithm>
#include <cmath>

#include "common/base/bugs.h"
#include "common/base/check.h"
#include "edge/outbox/outbox.h"

namespace tributary::edge {
namespace {

constexpr std::string_view kClockKey = "clock";
constexpr std::string_view kIdentityKey = "identity";
constexpr size_t kBatchBytes = 128 << 10;
constexpr size_t kBatchEntriesMax = 1024;
constexpr size_t kBatchReadingsMax = 8192;
constexpr int kRoomAttemptsMax = 1000;

struct Entry {
  UndatedKey key;
  std::string key_bytes, value;
};

// The oldest entries of a level.
std::vector<Entry> read_oldest(const store::Txn& txn, store::Table table, uint8_t level, size_t bytes_max,
                               size_t entries_max) {
  std::vector<Entry> entries;
  size_t bytes = 0;
  store::Cursor cursor(txn, table);
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

// A summary of few readings takes more room than they do.
constexpr uint64_t kReadingsPerSummary = 16;

// The first level whose windows hold as many, by the boot's mean rate, shared by the series there are in entries.
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

}  // namespace

// What leaves level 0 in one transaction.
struct Outbox::Dating {
  // The boot's base; nothing: it goes into windows of monotonic time.
  const Beginning* beginning = nullptr;
  const std::function<SeriesFacts(uint32_t)>* facts = nullptr;
  struct Placed {
    uint32_t series = 0;
    bool dated = true;
    uint32_t boot = 0;  // of one that is not dated
    uint8_t level = 0;  // the same
    uint8_t flags = 0;
    WidthS width_s = 0;
    int64_t start_s = 0;
    int64_t time_ns = 0;
    double value = 0;
  };
  std::vector<Placed> placed;
  std::map<uint32_t, uint8_t> levels;  // of boots: where what is not dated goes
  std::map<uint32_t, std::optional<PreviousValue>> previous;
  uint64_t lost = 0;
};

uint64_t Outbox::undated_readings() const {
  uint64_t readings = 0;
  for (const auto& [number, boot] : undated_.boots) readings += boot.readings;
  return readings;
}

bool Outbox::clock_was_set() const { return config_.boot_id != BootId{} && undated_.clock.set_boot == config_.boot_id; }

Status Outbox::load_undated(const store::Txn& txn, std::set<uint32_t>& used) {
  if (const auto value = txn.get(meta_table_, kClockKey)) {
    const auto content = unseal(kClockKey, *value);
    const auto clock = content ? decode_clock(*content) : std::nullopt;
    // Without it the boot counts as one whose clock is not known, and a gap says that something may be missing.
    undated_.clock = clock ? *clock : ClockRecord{{}, true, false};
  }
  std::vector<UndatedReading> readings;
  uint32_t newest = 0;
  store::Cursor cursor(txn, undated_table_);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    const auto key = UndatedKey::decode(cursor.key());
    if (!key) return Error{ErrorCode::kCorrupt, config_.folder + ": a key among the undated is not one"};
    const auto content = unseal(cursor.key(), cursor.value());
    newest = std::max(newest, key->boot);
    if (key->level == kBootLevel) {
      const auto boot = content ? decode_boot(*content) : std::nullopt;
      if (!boot) return Error{ErrorCode::kCorrupt, config_.folder + ": a boot without a clock cannot be read"};
      undated_.boots[key->boot] = *boot;
      continue;
    }
    undated_.bytes[key->level] += cursor.value().size();
    if (key->level > 0) {
      used.insert(key->series);
      continue;
    }
    undated_.next_entry = std::max(undated_.next_entry, static_cast<uint64_t>(key->start_s) + 1);
    if (content && decode_undated(*content, readings)) {
      for (const UndatedReading& reading : readings) used.insert(reading.series);
    }
  }
  if (newest > 0 && !undated_.boots.contains(newest) && !undated_.empty()) {
    return Error{ErrorCode::kCorrupt, config_.folder + ": undated readings of an unknown boot"};
  }
  // The same boot goes on, if it is one that can be told from others. It need not be the newest: the outbox may have
  // been on another machine meanwhile.
  for (const auto& [number, boot] : undated_.boots) {
    if (config_.boot_id != BootId{} && boot.id == config_.boot_id) undated_.boot = number;
  }
  return {};
}

void Outbox::put_boot(store::Txn& txn, Batch::Plan& plan, uint32_t number) {
  std::string content;
  encode_boot(plan.undated.boots[number], content);
  put_sealed(txn, plan, undated_table_, UndatedKey{kBootLevel, number, 0, 0}.encode(), content);
}

void Outbox::put_clock(store::Txn& txn, Batch::Plan& plan) {
  std::string content;
  encode_clock(plan.undated.clock, content);
  put_sealed(txn, plan, meta_table_, std::string(kClockKey), content);
}

std::optional<PreviousValue> Outbox::read_previous(const store::Txn& txn, uint32_t series) const {
  const std::string key = index_key(series);
  const auto value = txn.get(previous_table_, key);
  const auto content = value ? unseal(key, *value) : std::nullopt;
  return content ? decode_previous(*content) : std::nullopt;
}

std::optional<PreviousValue> Outbox::read_previous(uint32_t series) const {
  auto txn = env_->read();
  return txn ? read_previous(*txn, series) : std::nullopt;
}

Status Outbox::begin_undated(const std::function<uint64_t()>& random) {
  fresh_undated_ = meta_.epoch == 0;
  Status status = run([&](store::Txn& txn, Batch::Plan& plan) {
    std::string content;
    encode_identity({config_.tenant, config_.gateway}, content);
    put_sealed(txn, plan, meta_table_, std::string(kIdentityKey), content);
    if (fresh_undated_) {
      // An epoch with nothing but its opening: what is kept now will be inherited from it, so that copies of this
      // outbox are told apart.
      plan.meta.epoch = std::max<uint64_t>(random(), 1);
      plan.meta.epoch_index = 1;
      encode_epoch(plan.meta.epoch, content);
      put_sealed(txn, plan, epochs_table_, index_key(1), content);
      FlightItem opening;
      opening.kind = ItemKind::kOpening;
      opening.opening.machine_id = config_.machine_id;
      freeze(txn, plan, opening);
    }
    plan.meta.clean_stop = false;
    plan.undated.clock.crashed = plan.undated.clock.crashed || (!fresh_undated_ && !recovery_.clean_stop);
    plan.undated.clock.replaced = plan.undated.clock.replaced || recovery_.moved_aside;
    put_clock(txn, plan);
  });
  if (!status) fresh_undated_ = false;
  return status;
}

void Outbox::Batch::keep_undated(std::span<const UndatedReading> readings) {
  if (readings.empty()) return;
  UndatedState& state = plan_.undated;
  if (state.boot == 0) {
    state.boot = state.boots.empty() ? 1 : state.boots.rbegin()->first + 1;
    state.boots[state.boot].id = outbox_.config_.boot_id;
  }
  BootRecord& boot = state.boots[state.boot];
  for (const UndatedReading& reading : readings) boot.last_mono_ns = std::max(boot.last_mono_ns, reading.mono_ns);
  boot.readings += readings.size();
  outbox_.put_boot(txn_, plan_, state.boot);
  const std::string key = UndatedKey{0, state.boot, static_cast<int64_t>(state.next_entry++), 0}.encode();
  encode_undated(readings, outbox_.content_);
  outbox_.put_sealed(txn_, plan_, outbox_.undated_table_, key, outbox_.content_);
  state.bytes[0] += outbox_.sealed_.size();
}

void Outbox::put_undated(store::Txn& txn, Batch::Plan& plan, const UndatedKey& key, Bytes summary) {
  const std::string encoded_key = key.encode();
  uint64_t& bytes = plan.undated.bytes[key.level];
  bool lost = false;
  if (const auto stored = txn.get(undated_table_, encoded_key)) {
    bytes -= stored->size();
    const auto content = unseal(encoded_key, *stored);
    scratch_->clear();
    lost = !content || !scratch_->decode(as_bytes(*content));
    CHECK(scratch_->merge_encoded(summary));
    summary = Bytes(summary_bytes_).first(scratch_->encode(summary_bytes_));
  }
  put_sealed(txn, plan, undated_table_, encoded_key, as_text(summary));
  bytes += sealed_.size();
  if (lost) put_waiting(txn, plan, {kAllTime, 0, plan.meta.epoch_index, 0}, WaitingValue::kLost, {});
}

// The readings of one entry of level 0: each gets its place, in time or in monotonic time.
void Outbox::leave_raw(store::Txn& txn, Batch::Plan& plan, Dating& dating, const std::string& key,
                       std::string_view value) {
  std::vector<UndatedReading> readings;
  const auto content = unseal(key, value);
  const uint32_t number = UndatedKey::decode(key)->boot;
  if (!content || !decode_undated(*content, readings)) {
    ++dating.lost;
    readings.clear();
  }
  const BootRecord& boot = plan.undated.boots[number];
  const auto refuse = [&](const char* reason) {
    --plan.meta.accepted_total;
    if (reason != nullptr) ++plan.meta.rejected_total[reason];
  };
  for (const UndatedReading& reading : readings) {
    const SeriesFacts facts = (*dating.facts)(reading.series);
    const bool dated = dating.beginning != nullptr;
    const int64_t arrival_ns = dated ? boot.base_ns + reading.mono_ns : reading.mono_ns;
    double value_added = reading.value;
    if (reading.own_time && dated) {
      // Where the boot is placed by estimate, only the present bounds what can have been true.
      const int64_t latest_ns = (boot.state == BootState::kDated ? arrival_ns : dating.beginning->now.wall_ns) +
                                dating.beginning->max_future_ns;
      if (reading.time_ns > latest_ns) {
        refuse("future");
        continue;
      }
    }
    const int64_t time_ns = reading.own_time ? reading.time_ns : arrival_ns;
    const bool timed = reading.own_time || dated;
    if (facts.counter) {
      auto known = dating.previous.find(reading.series);
      if (known == dating.previous.end()) {
        known = dating.previous.emplace(reading.series, read_previous(txn, reading.series)).first;
      }
      std::optional<PreviousValue>& previous = known->second;
      const CounterStep step =
          step_counter(previous, timed ? time_ns : std::numeric_limits<int64_t>::min(),
                       reading.own_time ? CounterTime::kOrders : CounterTime::kDoesNotOrder, value_added);
      if (step != CounterStep::kIncrease) {
        refuse(step == CounterStep::kFirst ? nullptr : reading::to_string(reject_of(step)));
        continue;
      }
    }
    Dating::Placed placed;
    placed.series = reading.series;
    placed.dated = timed;
    placed.boot = timed ? 0 : number;
    placed.flags = !reading.own_time && dated && boot.state == BootState::kEstimated && !bug("estimate_unflagged")
                       ? WaitingValue::kTimeEstimated
                       : uint8_t{0};
    placed.level = timed ? uint8_t{0} : dating.levels.at(number);
    placed.width_s = timed ? facts.width_s : kUndatedWidths[placed.level];
    placed.start_s = window_start_s(to_seconds_floor(time_ns), placed.width_s);
    placed.time_ns = time_ns;
    placed.value = value_added;
    dating.placed.push_back(placed);
  }
  txn.erase(undated_table_, key);
  plan.undated.bytes[0] -= value.size();
}

Result<bool> Outbox::date_some(size_t bytes_max, const Beginning& beginning) {
  bool found = false;
  std::vector<uint8_t> encoded(stats::kSummaryBytesMax);
  auto summary = std::make_unique<stats::Summary>();
  Status status = run([&](store::Txn& txn, Batch::Plan& plan) {
    found = false;
    uint8_t level = 0;
    std::vector<Entry> entries;
    for (; level < kUndatedLevels && entries.empty(); ++level) {
      entries = read_oldest(txn, undated_table_, level, bytes_max, std::max<size_t>(bytes_max / 128, 1));
    }
    if (entries.empty()) return;
    found = true;
    if (entries.front().key.level > 0) {
      for (const Entry& entry : entries) {
        txn.erase(undated_table_, entry.key_bytes);
        plan.undated.bytes[entry.key.level] -= entry.value.size();
        const auto content = unseal(entry.key_bytes, entry.value);
        summary->clear();
        const WidthS base_s = beginning.facts(entry.key.series).width_s;
        if (!content || !summary->decode(as_bytes(*content)) || summary->numeric().count() == 0) {
          put_waiting(txn, plan, {kAllTime, 0, plan.meta.epoch_index, entry.key.series}, WaitingValue::kLost, {});
          continue;
        }
        const BootRecord& boot = plan.undated.boots[entry.key.boot];
        summary->shift_time(boot.base_ns);
        WaitingKey key =
            narrowest_window(summary->numeric().first().time_ns, summary->numeric().last().time_ns, base_s);
        key.birth = plan.meta.epoch_index;
        key.series = entry.key.series;
        const bool flagged = boot.state == BootState::kEstimated && !bug("estimate_unflagged");
        put_waiting(txn, plan, key, flagged ? WaitingValue::kTimeEstimated : uint8_t{0},
                    Bytes(encoded).first(summary->encode(encoded)));
      }
      return;
    }
    Dating dating;
    dating.beginning = &beginning;
    dating.facts = &beginning.facts;
    for (const Entry& entry : entries) leave_raw(txn, plan, dating, entry.key_bytes, entry.value);
    put_placed(txn, plan, dating);
  });
  if (!status) return status.error();
  return found;
}

// Writes what left level 0: windows of time to waiting, of monotonic time to their level.
void Outbox::put_placed(store::Txn& txn, Batch::Plan& plan, Dating& dating) {
  using Placed = Dating::Placed;
  const auto target = [](const Placed& placed) {
    return std::tuple(placed.dated, placed.boot, placed.series, placed.flags, placed.width_s, placed.start_s);
  };
  std::stable_sort(dating.placed.begin(), dating.placed.end(),
                   [&](const Placed& a, const Placed& b) { return target(a) < target(b); });
  std::vector<uint8_t> encoded(stats::kSummaryBytesMax);
  auto summary = std::make_unique<stats::Summary>();
  for (size_t begin = 0, end = 0; begin < dating.placed.size(); begin = end) {
    const Placed& first = dating.placed[begin];
    summary->clear();
    for (end = begin; end < dating.placed.size() && target(dating.placed[end]) == target(first); ++end) {
      summary->add(dating.placed[end].time_ns, dating.placed[end].value);
    }
    const Bytes bytes = Bytes(encoded).first(summary->encode(encoded));
    if (first.dated) {
      const uint32_t birth = plan.meta.epoch_index + (bug("undated_as_born") ? 1 : 0);
      put_waiting(txn, plan, {first.width_s, first.start_s, birth, first.series}, first.flags, bytes);
    } else {
      put_undated(txn, plan, {first.level, first.boot, first.start_s, first.series}, bytes);
    }
  }
  for (const auto& [series, previous] : dating.previous) {
    if (!previous) continue;
    encode_previous(*previous, content_);
    put_sealed(txn, plan, previous_table_, index_key(series), content_);
  }
  if (dating.lost > 0) put_waiting(txn, plan, {kAllTime, 0, plan.meta.epoch_index, 0}, WaitingValue::kLost, {});
}

// The oldest of the level that takes most room go to a wider one: the next, but readings as they came to the first
// whose windows hold enough of them that a summary is smaller. Readings with a time of their own go to waiting: there
// is no clock to judge it by, so the bridge will.
Result<bool> Outbox::condense(size_t bytes_max, const std::function<SeriesFacts(uint32_t)>& facts) {
  uint8_t level = kUndatedLevels - 1;
  uint64_t most = 0;
  for (uint8_t i = 0; i + 1 < kUndatedLevels; ++i) {
    if (undated_.bytes[i] <= most) continue;
    level = i;
    most = undated_.bytes[i];
  }
  if (most == 0) return false;
  bool found = false;
  Status status = run([&](store::Txn& txn, Batch::Plan& plan) {
    const std::vector<Entry> entries = read_oldest(txn, undated_table_, level, bytes_max, kBatchEntriesMax);
    found = !entries.empty();
    plan.coarsened += entries.size();
    if (level == 0) {
      Dating dating;
      dating.facts = &facts;
      for (const Entry& entry : entries) dating.levels[entry.key.boot] = 0;
      for (auto& [number, at] : dating.levels) at = level_for(plan.undated.boots[number], entries);
      for (const Entry& entry : entries) leave_raw(txn, plan, dating, entry.key_bytes, entry.value);
      put_placed(txn, plan, dating);
      return;
    }
    const WidthS width_s = kUndatedWidths[level + 1];
    for (const Entry& entry : entries) {
      txn.erase(undated_table_, entry.key_bytes);
      plan.undated.bytes[level] -= entry.value.size();
      const auto content = unseal(entry.key_bytes, entry.value);
      stats::Summary::Facts inside;
      if (!content || !stats::Summary::inspect(as_bytes(*content), inside)) {
        put_waiting(txn, plan, {kAllTime, 0, plan.meta.epoch_index, entry.key.series}, WaitingValue::kLost, {});
        continue;
      }
      const UndatedKey wider{static_cast<uint8_t>(level + 1), entry.key.boot,
                             window_start_s(entry.key.start_s, width_s), entry.key.series};
      put_undated(txn, plan, wider, as_bytes(*content));
    }
  });
  if (!status) return status.error();
  return found;
}

Result<bool> Outbox::shrink(size_t bytes_max, const std::function<SeriesFacts(uint32_t)>& facts) {
  uint64_t undated = 0, waiting = 0;
  for (uint8_t i = 0; i + 1 < kUndatedLevels; ++i) undated += undated_.bytes[i];
  for (const auto& [width_s, count] : waiting_) waiting += width_s == kAllTime ? 0 : count.bytes;
  if (undated < waiting) return coarsen(bytes_max);
  auto condensed = condense(bytes_max, facts);
  if (!condensed || *condensed) return condensed;
  return coarsen(bytes_max);
}

Status Outbox::begin(const std::function<uint64_t()>& random, const Beginning& beginning) {
  const Instant now = beginning.now;
  const int64_t wall_at_boot_ns = now.wall_ns - now.mono_ns;
  const bool unplaced = std::any_of(undated_.boots.begin(), undated_.boots.end(),
                                    [](const auto& boot) { return boot.second.state == BootState::kUndated; });
  if (unplaced) {
    // Decided once: a run that dies on the way leaves the rest to the next, with the same dates.
    Status status = run([&](store::Txn& txn, Batch::Plan& plan) {
      place_boots(plan.undated, plan.meta.last_durable_ns, plan.undated.boot, wall_at_boot_ns);
      for (const auto& [number, boot] : plan.undated.boots) put_boot(txn, plan, number);
    });
    if (!status) return status;
  }
  recovery_.boots.clear();
  for (const auto& [number, boot] : undated_.boots) recovery_.boots.push_back(boot);

  size_t bytes_max = std::min<size_t>(kBatchBytes, config_.budget_bytes / 64);
  for (int attempts = 0; !undated_.empty() && !(bug("half_dated_dropped") && !unplaced);) {
    if (env_->used_bytes() > config_.budget_bytes / 4 * 3) {
      auto coarsened = coarsen(kBatchBytes);
      if (!coarsened && coarsened.error().code != ErrorCode::kFull) return coarsened.error();
      if (coarsened && *coarsened) continue;
    }
    auto dated = date_some(bytes_max, beginning);
    if (dated && !*dated) break;
    if (dated) continue;
    if (dated.error().code != ErrorCode::kFull || ++attempts > kRoomAttemptsMax) return dated.error();
    bytes_max = std::max<size_t>(bytes_max / 2, 1);
    auto coarsened = coarsen(kBatchBytes >> std::min(attempts, 6));
    if (!coarsened && coarsened.error().code != ErrorCode::kFull) return coarsened.error();
    if (coarsened && !*coarsened && bytes_max == 1) return dated.error();
  }
  return begin_epoch(random, now, now.wall_ns - (now.mono_ns - beginning.opened_mono_ns));
}

}  // namespace tributary::edge
