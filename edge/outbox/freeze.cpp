// SPDX-License-Identifier: Apache-2.0
// Freezing: what waits gets a number and becomes flight, while the span and the flight allow. From then on its bytes
// never change.
#include <algorithm>
#include <limits>

#include "common/base/bugs.h"
#include "edge/outbox/outbox.h"
#include "edge/outbox/write.h"

namespace tributary::edge {
namespace {

// Left free in the flight for openings and gaps of runs to come, so that a gateway that restarts often while the cloud
// is away stays below kFlightBytesMax.
constexpr uint64_t kFlightReserveBytes = 64 << 10;

}  // namespace

bool Outbox::has_room(const Plan& plan, size_t bytes) const {
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
bool Outbox::freeze(Write& write, const FlightItem& item) {
  std::string& content = write.buffers.content;
  encode_item(item, content);
  const uint64_t bytes = FlightKey::kBytes + sizeof(uint32_t) + content.size();
  // The opening and the gap of an epoch always go: nothing else could be sent before them.
  const bool forced = item.kind == ItemKind::kOpening || item.kind == ItemKind::kGap;
  if (!forced && !has_room(write.plan, bytes)) return false;
  const uint64_t seq = write.plan.meta.next_seq++;
  const std::string key = FlightKey{write.plan.meta.epoch_index, seq}.encode();
  seal(key, content, write.buffers.sealed);
  write.txn.append(tables_.flight, key, write.buffers.sealed);
  write.plan.bytes += key.size() + write.buffers.sealed.size();
  write.plan.frozen.push_back({seq, bytes, item_start_ns(item)});
  write.plan.frozen_bytes += bytes;
  return true;
}

void Outbox::freeze_waiting(Write& write, std::string_view key_bytes, std::string_view value) {
  const auto key = WaitingKey::decode(key_bytes);
  const WaitingValue stored = open_waiting(key_bytes, value);
  if (key && !stored.summary.empty()) {
    FlightItem item;
    item.kind = ItemKind::kPartial;
    item.series = key->series;
    item.start_s = key->start_s;
    item.width_s = key->width_s;
    item.inherited = key->birth != write.plan.meta.epoch_index && !bug("inherited_as_born");
    item.time_estimated = (stored.flags & WaitingValue::kTimeEstimated) != 0;
    item.summary = stored.summary;
    if (!freeze(write, item)) return;
  }
  const WidthS width_s = key ? key->width_s : kAllTime;
  WaitingCount& count = write.plan.waiting[width_s];
  count.partials -= 1;
  count.bytes -= value.size();
  if (!bug("numbered_waits")) write.txn.erase(tables_.waiting, key_bytes);
  if ((stored.flags & WaitingValue::kLost) == 0) return;
  FlightItem lost;
  lost.kind = ItemKind::kLost;
  // A damaged key may name no window at all: then its window is not known.
  if (key && is_window(key->start_s, key->width_s)) {
    lost.start_s = key->start_s;
    lost.width_s = key->width_s;
  }
  if (!freeze(write, lost) && key) write.put_waiting(*key, WaitingValue::kLost, {});
}

// Freezes what has waited longest, by the start of its window, across all widths.
void Outbox::freeze_backlog(Write& write) {
  if (!has_room(write.plan, 0)) return;
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
  for (const auto& [width_s, count] : write.plan.waiting) {
    if (count.partials == 0) continue;
    Head head{std::make_unique<store::Cursor>(write.txn, tables_.waiting), width_s, 0};
    head.cursor->seek(WaitingKey{width_s, std::numeric_limits<int64_t>::min(), 0, 0}.encode());
    if (settle(head)) heads.push_back(std::move(head));
  }
  // Collected first and moved afterwards: a write would invalidate what the cursors see.
  const ledger::SendWindow& window = current().window;
  const uint64_t oldest = window.size() > 0 ? window.oldest_unacked() : window.next_seq();
  size_t items_max = ledger::kSpanMax - (write.plan.meta.next_seq - oldest);
  size_t bytes = flight_bytes() + write.plan.frozen_bytes;
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
    if (!has_room(write.plan, 0)) break;
    freeze_waiting(write, key, value);
  }
}

bool Outbox::can_freeze() const {
  if (!begun_ || waiting_.empty()) return false;
  Plan plan;
  plan.meta.next_seq = current().window.next_seq();
  // One more than the largest item must fit, else a write would be tried again and again for nothing.
  return has_room(plan, stats::kSummaryBytesMax + 64);
}

}  // namespace tributary::edge
