// SPDX-License-Identifier: Apache-2.0
// The outbox's transactions: closing, freezing, acknowledging. Recovery is in recovery.cpp, coarsening in coarsen.cpp.
#include "edge/outbox/outbox.h"

#include <algorithm>

#include "common/base/bugs.h"
#include "common/base/check.h"

namespace tributary::edge {
namespace {

// Left free in the flight for openings and gaps of runs to come, so that a gateway that restarts often while the cloud
// is away stays below kFlightBytesMax.
constexpr uint64_t kFlightReserveBytes = 64 << 10;
// What one transaction freezes at most: the map's free reserve must hold every page it touches twice.
constexpr size_t kFreezeBytesMax = 512 << 10;
constexpr size_t kFreezeBytesMin = 4 << 10;

constexpr std::string_view kStateKey = "state";

}  // namespace

Meta& Outbox::Batch::meta() { return plan_.meta; }
size_t Outbox::Batch::bytes() const { return plan_.bytes; }

void Outbox::put_sealed(store::Txn& txn, Batch::Plan& plan, store::Table table, const std::string& key,
                        std::string_view content) {
  seal(key, content, sealed_);
  txn.put(table, key, sealed_);
  plan.bytes += key.size() + sealed_.size();
}

void Outbox::Batch::put_series(uint32_t id, MetricKind kind, std::string_view identity) {
  std::string content(1, static_cast<char>(kind));
  content += identity;
  outbox_.put_sealed(txn_, plan_, outbox_.series_table_, index_key(id), content);
}

void Outbox::Batch::put_previous(uint32_t series, const PreviousValue& previous) {
  encode_previous(previous, outbox_.content_);
  outbox_.put_sealed(txn_, plan_, outbox_.previous_table_, index_key(series), outbox_.content_);
}

void Outbox::Batch::put_checkpoint(const CheckpointKey& key, CheckpointForm form, Bytes content) {
  outbox_.content_.assign(1, static_cast<char>(form));
  outbox_.content_.append(as_text(content));
  outbox_.put_sealed(txn_, plan_, outbox_.checkpoint_table_, key.encode(), outbox_.content_);
}

void Outbox::Batch::erase_checkpoint(const CheckpointKey& key) {
  txn_.erase(outbox_.checkpoint_table_, key.encode());
  plan_.bytes += CheckpointKey::kBytes;
}

void Outbox::Batch::add_closed(uint32_t series, WidthS width_s, int64_t start_s, Bytes summary) {
  const WaitingKey key{width_s, start_s, plan_.meta.epoch_index, series};
  if (!txn_.get(outbox_.waiting_table_, key.encode())) {
    FlightItem item;
    item.kind = ItemKind::kPartial;
    item.series = series;
    item.start_s = start_s;
    item.width_s = width_s;
    item.summary = summary;
    if (outbox_.freeze(txn_, plan_, item)) return;
  }
  outbox_.put_waiting(txn_, plan_, key, 0, summary);
}

bool Outbox::has_room(const Batch::Plan& plan, size_t bytes) const {
  if (bug("flight_unbounded")) return true;
  const ledger::SendWindow& window = current().window;
  const uint64_t oldest = window.size() > 0 ? window.oldest_unacked() : window.next_seq();
  // Seqs beyond kSpanMax tell the receiver that nothing of an older epoch is still to come (common/ledger/FORMAT.md).
  if (plan.meta.next_seq > ledger::kSpanMax && older_flight()) return false;
  return plan.meta.next_seq - oldest < ledger::kSpanMax &&
         flight_bytes() + plan.frozen_bytes + bytes < ledger::kFlightBytesMax - kFlightReserveBytes;
}

bool Outbox::older_flight() const {
  return std::any_of(flight_.begin(), flight_.end() - 1, [](const auto& epoch) { return epoch->window.size() > 0; });
}

// Gives the item the next seq, if there is room for it.
bool Outbox::freeze(store::Txn& txn, Batch::Plan& plan, const FlightItem& item) {
  encode_item(item, content_);
  const uint64_t bytes = FlightKey::kBytes + sizeof(uint32_t) + content_.size();
  // The opening and the gap of an epoch always go: nothing else could be sent before them.
  const bool forced = item.kind == ItemKind::kOpening || item.kind == ItemKind::kGap;
  if (!forced && !has_room(plan, bytes)) return false;
  const uint64_t seq = plan.meta.next_seq++;
  const std::string key = FlightKey{plan.meta.epoch_index, seq}.encode();
  seal(key, content_, sealed_);
  txn.append(flight_table_, key, sealed_);
  plan.bytes += key.size() + sealed_.size();
  plan.frozen.push_back({seq, bytes, item_start_ns(item)});
  plan.frozen_bytes += bytes;
  return true;
}

// Adds a partial to what waits under the key. A stored one that cannot be read back is replaced, and named later.
void Outbox::put_waiting(store::Txn& txn, Batch::Plan& plan, const WaitingKey& key, uint8_t flags, Bytes summary) {
  const std::string encoded_key = key.encode();
  WaitingCount& count = plan.waiting[key.width_s];
  if (auto stored = txn.get(waiting_table_, encoded_key)) {
    count.partials -= 1;
    count.bytes -= stored->size();
    const WaitingValue old = open_waiting(encoded_key, *stored);
    flags |= old.flags;
    if (!old.summary.empty()) {
      scratch_->clear();
      if (!scratch_->decode(old.summary)) flags |= WaitingValue::kLost;
      if (!summary.empty() && !scratch_->merge_encoded(summary)) flags |= WaitingValue::kLost;
      summary = Bytes(summary_bytes_).first(scratch_->empty() ? 0 : scratch_->encode(summary_bytes_));
    }
  }
  encode_waiting({flags, summary}, content_);
  put_sealed(txn, plan, waiting_table_, encoded_key, content_);
  count.partials += 1;
  count.bytes += sealed_.size();
}

void Outbox::freeze_waiting(store::Txn& txn, Batch::Plan& plan, std::string_view key_bytes, std::string_view value) {
  const auto key = WaitingKey::decode(key_bytes);
  const WaitingValue stored = open_waiting(key_bytes, value);
  if (key && !stored.summary.empty()) {
    FlightItem item;
    item.kind = ItemKind::kPartial;
    item.series = key->series;
    item.start_s = key->start_s;
    item.width_s = key->width_s;
    item.inherited = key->birth != plan.meta.epoch_index && !bug("inherited_as_born");
    item.time_estimated = (stored.flags & WaitingValue::kTimeEstimated) != 0;
    item.summary = stored.summary;
    if (!freeze(txn, plan, item)) return;
  }
  const WidthS width_s = key ? key->width_s : kAllTime;
  WaitingCount& count = plan.waiting[width_s];
  count.partials -= 1;
  count.bytes -= value.size();
  if (!bug("numbered_waits")) txn.erase(waiting_table_, key_bytes);
  if ((stored.flags & WaitingValue::kLost) == 0) return;
  FlightItem lost;
  lost.kind = ItemKind::kLost;
  // A damaged key may name no window at all: then its window is not known.
  if (key && is_window(key->start_s, key->width_s)) {
    lost.start_s = key->start_s;
    lost.width_s = key->width_s;
  }
  if (!freeze(txn, plan, lost) && key) put_waiting(txn, plan, *key, WaitingValue::kLost, {});
}

// Freezes what has waited longest, by the start of its window, across all widths.
void Outbox::freeze_backlog(store::Txn& txn, Batch::Plan& plan) {
  if (!has_room(plan, 0)) return;
  struct Head {
    std::unique_ptr<store::Cursor> cursor;
    WidthS width_s = 0;
    int64_t start_ns = 0;
  };
  std::vector<Head> heads;
  const auto settle = [](Head& head) {
    const auto key = head.cursor->valid() ? WaitingKey::decode(head.cursor->key()) : std::nullopt;
    if (!key || key->width_s != head.width_s) return false;
    head.start_ns = window_start_ns(key->start_s, key->width_s);
    return true;
  };
  for (const auto& [width_s, count] : plan.waiting) {
    if (count.partials == 0) continue;
    Head head{std::make_unique<store::Cursor>(txn, waiting_table_), width_s, 0};
    head.cursor->seek(WaitingKey{width_s, std::numeric_limits<int64_t>::min(), 0, 0}.encode());
    if (settle(head)) heads.push_back(std::move(head));
  }
  // Collected first and moved afterwards: a write would invalidate what the cursors see.
  const ledger::SendWindow& window = current().window;
  const uint64_t oldest = window.size() > 0 ? window.oldest_unacked() : window.next_seq();
  size_t items_max = ledger::kSpanMax - (plan.meta.next_seq - oldest);
  size_t bytes = flight_bytes() + plan.frozen_bytes;
  size_t collected = 0;
  std::vector<std::pair<std::string, std::string>> entries;
  while (!heads.empty() && items_max-- > 0 && collected < freeze_bytes_ && bytes < ledger::kFlightBytesMax) {
    auto head = std::min_element(heads.begin(), heads.end(),
                                 [](const Head& a, const Head& b) { return a.start_ns < b.start_ns; });
    entries.emplace_back(head->cursor->key(), head->cursor->value());
    bytes += entries.back().second.size();
    collected += entries.back().second.size();
    head->cursor->next();
    if (!settle(*head)) heads.erase(head);
  }
  heads.clear();
  for (const auto& [key, value] : entries) {
    if (!has_room(plan, 0)) break;
    freeze_waiting(txn, plan, key, value);
  }
}

int64_t Outbox::find_waiting_min(const store::Txn& txn, const Batch::Plan& plan) const {
  int64_t least = std::numeric_limits<int64_t>::max();
  store::Cursor cursor(txn, waiting_table_);
  for (const auto& [width_s, count] : plan.waiting) {
    if (count.partials == 0) continue;
    if (!cursor.seek(WaitingKey{width_s, std::numeric_limits<int64_t>::min(), 0, 0}.encode())) continue;
    const auto key = WaitingKey::decode(cursor.key());
    least = std::min(least, key ? window_start_ns(key->start_s, key->width_s) : kUnknownStart);
  }
  return least;
}

// One transaction around body: acknowledged items go, the meta record is written, and what the plan says takes effect
// in memory once it is committed.
Status Outbox::run(const std::function<void(store::Txn&, Batch::Plan&)>& body) {
  Batch::Plan plan;
  const auto attempt = [&](store::Txn& txn) {
    plan = {};
    plan.meta = meta_;
    plan.waiting = waiting_;
    plan.undated = undated_;
    for (const FlightKey& key : acknowledged_) txn.erase(flight_table_, key.encode());
    body(txn, plan);
    for (const auto& epoch : flight_) {
      const bool older = epoch->index != plan.meta.epoch_index;
      if (older && epoch->window.size() == 0) txn.erase(epochs_table_, index_key(epoch->index));
    }
    plan.waiting_min_ns = find_waiting_min(txn, plan);
    std::string content;
    encode_meta(plan.meta, content);
    put_sealed(txn, plan, meta_table_, std::string(kStateKey), content);
    if (config_.commit_hook) config_.commit_hook(CommitPoint::kBefore);
    return true;
  };
  Status status = env_->write(attempt);
  if (!status && status.error().code == ErrorCode::kFull && meta_.epoch != 0) {
    // Pages that the last transaction let go can be used by the one after the next only: one that changes nothing
    // stands between.
    status = env_->write([&](store::Txn& txn) {
      Batch::Plan nothing;
      std::string content;
      encode_meta(meta_, content);
      put_sealed(txn, nothing, meta_table_, std::string(kStateKey), content);
      return true;
    });
    if (status) status = env_->write(attempt);
  }
  if (!status) return status;
  if (config_.commit_hook) config_.commit_hook(CommitPoint::kAfter);
  meta_ = std::move(plan.meta);
  waiting_ = std::move(plan.waiting);
  std::erase_if(waiting_, [](const auto& entry) { return entry.second.partials == 0; });
  waiting_min_ns_ = plan.waiting_min_ns;
  undated_ = std::move(plan.undated);
  coarsened_total_ += plan.coarsened;
  acknowledged_.clear();
  if (flight_.empty() || flight_.back()->index != meta_.epoch_index) {
    auto epoch = std::make_unique<FlightEpoch>();
    epoch->index = meta_.epoch_index;
    epoch->epoch = meta_.epoch;
    flight_.push_back(std::move(epoch));
  }
  std::erase_if(flight_,
                [&](const auto& epoch) { return epoch->index != meta_.epoch_index && epoch->window.size() == 0; });
  FlightEpoch& epoch = current();
  for (const Batch::Plan::Frozen& frozen : plan.frozen) {
    CHECK(epoch.window.freeze(frozen.bytes) == frozen.seq);
    epoch.start_ns.emplace(frozen.seq, frozen.start_ns);
  }
  return {};
}

Status Outbox::write(const std::function<void(Batch&)>& fill) {
  Status status = run([&](store::Txn& txn, Batch::Plan& plan) {
    Batch batch(*this, txn, plan);
    fill(batch);
    if (begun_) freeze_backlog(txn, plan);
  });
  const size_t most = std::clamp<size_t>(config_.budget_bytes / 64, kFreezeBytesMin, kFreezeBytesMax);
  freeze_bytes_ = status ? std::min(freeze_bytes_ * 2, most) : std::max(freeze_bytes_ / 2, kFreezeBytesMin);
  return status;
}

uint64_t Outbox::acknowledge(const wire::Ack& ack) {
  const std::vector<wire::SeqRange> ranges(ack.ranges.begin(), ack.ranges.begin() + ack.range_count);
  uint64_t count = 0;
  for (const auto& epoch : flight_) {
    if (epoch->epoch != ack.epoch && !bug("ack_of_any_epoch")) continue;
    for (uint64_t seq : epoch->window.acknowledge(ranges)) {
      epoch->start_ns.erase(seq);
      acknowledged_.push_back({epoch->index, seq});
      ++count;
    }
  }
  return count;
}

bool Outbox::can_freeze() const {
  if (!begun_ || waiting_.empty()) return false;
  Batch::Plan plan;
  plan.meta.next_seq = current().window.next_seq();
  // One more than the largest item must fit, else a write would be tried again and again for nothing.
  return has_room(plan, stats::kSummaryBytesMax + 64);
}

uint64_t Outbox::flight_items() const {
  uint64_t items = 0;
  for (const auto& epoch : flight_) items += epoch->window.size();
  return items;
}

uint64_t Outbox::flight_bytes() const {
  uint64_t bytes = 0;
  for (const auto& epoch : flight_) bytes += epoch->window.bytes();
  return bytes;
}

uint64_t Outbox::waiting_partials() const {
  uint64_t partials = 0;
  for (const auto& [width_s, count] : waiting_) partials += count.partials;
  return partials;
}

void Outbox::read_items(const FlightEpoch& epoch, uint64_t first, uint64_t last,
                        const std::function<bool(uint64_t, const FlightItem*)>& visit) const {
  auto txn = env_->read();
  if (!txn) return;
  auto at = epoch.start_ns.find(first);
  for (uint64_t seq = first; seq <= last && at != epoch.start_ns.end() && at->first == seq; ++seq, ++at) {
    const std::string key = FlightKey{epoch.index, seq}.encode();
    const auto value = txn->get(flight_table_, key);
    const auto content = value ? unseal(key, *value) : std::nullopt;
    const auto item = content ? decode_item(*content) : std::nullopt;
    if (!visit(seq, item ? &*item : nullptr)) return;
  }
}

}  // namespace tributary::edge
