// SPDX-License-Identifier: Apache-2.0
// The outbox's transactions: filling one, committing it, acknowledging. Recovery is in recovery.cpp, the beginning of
// an epoch in begin.cpp, freezing in freeze.cpp, coarsening in coarsen.cpp, how entries are written in write.cpp.
#include "edge/outbox/outbox.h"

#include <algorithm>

#include "common/base/bugs.h"
#include "common/base/check.h"
#include "edge/outbox/write.h"

namespace tributary::edge {
namespace {

// What one transaction freezes at most: the map's free reserve must hold every page it touches twice.
constexpr size_t kFreezeBytesMax = 512 << 10;
constexpr size_t kFreezeBytesMin = 4 << 10;

}  // namespace

Outbox::Outbox(OutboxConfig config)
    : config_(std::move(config)), undated_(config_.boot_id), buffers_(std::make_unique<WriteBuffers>()) {}

Outbox::~Outbox() = default;

Meta& Outbox::Batch::meta() { return write_.plan.meta; }
size_t Outbox::Batch::bytes() const { return write_.plan.bytes; }

void Outbox::Batch::put_series(uint32_t id, MetricKind kind, std::string_view identity) {
  write_.put_series(id, kind, identity);
}

void Outbox::Batch::put_previous(uint32_t series, const PreviousValue& previous) {
  write_.put_previous(series, previous);
}

void Outbox::Batch::put_checkpoint(const CheckpointKey& key, CheckpointForm form, Bytes content) {
  std::string& all = write_.buffers.content;
  all.assign(1, static_cast<char>(form));
  all.append(as_text(content));
  write_.put_sealed(write_.tables.checkpoint, key.encode(), all);
}

void Outbox::Batch::erase_checkpoint(const CheckpointKey& key) {
  write_.txn.erase(write_.tables.checkpoint, key.encode());
  write_.plan.bytes += CheckpointKey::kBytes;
}

void Outbox::Batch::keep_undated(std::span<const UndatedReading> readings) { outbox_.undated_.keep(write_, readings); }

void Outbox::Batch::add_closed(uint32_t series, WidthS width_s, int64_t start_s, Bytes summary) {
  const WaitingKey key{width_s, start_s, write_.plan.meta.epoch_index, series};
  if (!write_.txn.get(write_.tables.waiting, key.encode())) {
    FlightItem item;
    item.kind = ItemKind::kPartial;
    item.series = series;
    item.start_s = start_s;
    item.width_s = width_s;
    item.summary = summary;
    if (outbox_.freeze(write_, item)) return;
  }
  write_.put_waiting(key, 0, summary);
}

std::optional<PreviousValue> Outbox::read_previous(uint32_t series) const {
  auto txn = env_->read();
  return txn ? edge::read_previous(*txn, tables_, series) : std::nullopt;
}

int64_t Outbox::find_waiting_min(const store::Txn& txn, const Plan& plan) const {
  int64_t least = std::numeric_limits<int64_t>::max();
  store::Cursor cursor(txn, tables_.waiting);
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
Status Outbox::run(const std::function<void(Write&)>& body) {
  Plan plan;
  const auto attempt = [&](store::Txn& txn) {
    plan = {};
    plan.meta = meta_;
    plan.waiting = waiting_;
    plan.undated = undated_.state();
    Write write{txn, tables_, plan, *buffers_};
    for (const FlightKey& key : acknowledged_) txn.erase(tables_.flight, key.encode());
    body(write);
    for (const auto& epoch : flight_) {
      const bool older = epoch->index != plan.meta.epoch_index;
      if (older && epoch->window.size() == 0) txn.erase(tables_.epochs, index_key(epoch->index));
    }
    plan.waiting_min_ns = find_waiting_min(txn, plan);
    write.put_meta();
    if (config_.commit_hook) config_.commit_hook(CommitPoint::kBefore);
    return true;
  };
  Status status = env_->write(attempt);
  if (!status && status.error().code == ErrorCode::kFull && meta_.epoch != 0) {
    // Pages that the last transaction let go can be used by the one after the next only: one that changes nothing
    // stands between.
    status = env_->write([&](store::Txn& txn) {
      Plan nothing;
      nothing.meta = meta_;
      Write{txn, tables_, nothing, *buffers_}.put_meta();
      return true;
    });
    if (status) status = env_->write(attempt);
  }
  if (!status) return status;
  if (config_.commit_hook) config_.commit_hook(CommitPoint::kAfter);
  committed(std::move(plan));
  return {};
}

void Outbox::committed(Plan&& plan) {
  meta_ = std::move(plan.meta);
  waiting_ = std::move(plan.waiting);
  std::erase_if(waiting_, [](const auto& entry) { return entry.second.partials == 0; });
  waiting_min_ns_ = plan.waiting_min_ns;
  undated_.committed(std::move(plan.undated));
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
  for (const Plan::Frozen& frozen : plan.frozen) {
    CHECK(epoch.window.freeze(frozen.bytes) == frozen.seq);
    epoch.start_ns.emplace(frozen.seq, frozen.start_ns);
  }
}

Status Outbox::write(const std::function<void(Batch&)>& fill) {
  Status status = run([&](Write& write) {
    Batch batch(*this, write);
    fill(batch);
    if (begun_) freeze_backlog(write);
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
    const auto value = txn->get(tables_.flight, key);
    const auto content = value ? unseal(key, *value) : std::nullopt;
    const auto item = content ? decode_item(*content) : std::nullopt;
    if (!visit(seq, item ? &*item : nullptr)) return;
  }
}

}  // namespace tributary::edge
