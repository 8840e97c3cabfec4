// SPDX-License-Identifier: Apache-2.0
// Applying records one after another: the clock and its roll steps, messages, statuses, requests.
#include "cloud/merge/batch.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "cloud/log/control.h"
#include "cloud/merge/roll.h"
#include "common/base/bugs.h"

namespace tributary::merge {
namespace {

constexpr size_t kRowsBufferedMax = 50'000;
constexpr size_t kStatusBytesMax = 65536;
constexpr uint64_t kChangesMax = 100'000;
constexpr int64_t kChangesSpanNs = 600 * kNanosPerSecond;
constexpr int64_t kIdempotencySpanNs = 24 * 3600 * kNanosPerSecond;
constexpr size_t kDigestBytes = 64;

// What an ingest record says of its request's body; empty: nothing.
std::string_view body_of(const log::Record& record) { return std::string_view(record.reason).substr(0, kDigestBytes); }

// Who sent it can be named: the bridge writes no other names.
bool has_names(const log::Record& record) {
  if (!is_topic_name(record.tenant)) return false;
  // A request's gateway is the device it speaks of.
  if (record.kind == log::RecordKind::kIngest) return is_plain_text(record.gateway, kDeviceBytesMax);
  return is_topic_name(record.gateway);
}

}  // namespace

void Batch::apply(const log::StoredRecord& stored) {
  CHECK(stored.offset == write_.head.position);
  const log::Record& record = stored.record;
  counts_.records++;
  write_.head.clock_ns = std::max(write_.head.clock_ns, record.append_ns);
  if (int64_t target = roll_target(write_.head.clock_ns); target > write_.head.rolled_s) {
    memory_.rows.flush(write_);
    const auto& retention = config_.retention_s;
    roll(write_, {retention[0], retention[1], retention[2], retention[3]}, target);
    expire_idempotency_keys();
  }
  if (has_names(record) && log::record_kind(static_cast<uint8_t>(record.kind))) {
    switch (record.kind) {
      case log::RecordKind::kMessage:
        apply_message(record);
        break;
      case log::RecordKind::kRejected:
        apply_rejected(record);
        break;
      case log::RecordKind::kStatus:
        apply_status(record);
        break;
      case log::RecordKind::kIngest:
        apply_ingest(record);
        break;
      case log::RecordKind::kControl:
        apply_control(record);
        break;
    }
  } else {
    counts_.rejected++;  // nobody to count it for, or nothing to make of it
  }
  write_changes();
  write_.head.position = stored.offset + 1;
  if (memory_.rows.size() > kRowsBufferedMax) memory_.rows.flush(write_);
}

void Batch::apply_message(const log::Record& record) {
  GatewayEntry& gateway = memory_.catalog.gateway(write_, record.tenant, record.gateway, record.append_ns);
  memory_.catalog.touch(gateway);
  gateway.record.last_seen_ns = std::max(gateway.record.last_seen_ns, record.append_ns);
  const MessageDecoder& message = memory_.decoder;
  wire::DecodeError error = memory_.decoder.decode(as_bytes(record.payload));
  if (error != wire::DecodeError::kNone) {
    reject_message(gateway, wire::to_string(error));
    return;
  }
  if (!find_series(gateway.record.tenant_no, &gateway)) {
    reject_message(gateway, wire::to_string(wire::DecodeError::kBadSeries));
    return;
  }
  const wire::Header& header = message.header();
  if (!gateway.ledger.has_room(header.epoch, header.first_seq + header.count - 1)) {
    set_aside(gateway, "too_many_epochs");
    return;
  }
  for (const MessageItem& item : message.items()) apply_item(gateway, item, record);
  // No gateway has accepted, or is complete, beyond the moment its message was appended: one whose clock was ahead
  // would else be taken for complete until its clock is reached.
  gateway.ledger.claim(header.epoch, header.first_seq + header.count - 1,
                       std::min(header.frontier_ns, record.append_ns), std::min(header.mark_ns, record.append_ns));
}

void Batch::apply_rejected(const log::Record& record) {
  GatewayEntry& gateway = memory_.catalog.gateway(write_, record.tenant, record.gateway, record.append_ns);
  memory_.catalog.touch(gateway);
  gateway.record.last_seen_ns = std::max(gateway.record.last_seen_ns, record.append_ns);
  memory_.decoder.decode(as_bytes(record.payload));  // for its header; why it was rejected is known
  reject_message(gateway, record.reason.empty() ? "unknown" : std::string_view(record.reason));
}

void Batch::reject_message(GatewayEntry& gateway, std::string_view reason) {
  uint64_t count = 1;  // no seqs to count: the message itself
  const wire::Header& header = memory_.decoder.header();
  if (memory_.decoder.header_sound() && header.count > 0 &&
      gateway.ledger.has_room(header.epoch, header.first_seq + header.count - 1)) {
    count = gateway.ledger.reject(header.epoch, {header.first_seq, header.first_seq + header.count - 1});
  }
  gateway.record.count_rejected(reason, count);
  counts_.rejected += count;
  counts_.dead_letters++;
}

// Beyond what one gateway may cost: nothing of it is merged or settled, its partials go to the dead letter, and the
// partition goes on.
void Batch::set_aside(GatewayEntry& gateway, std::string_view reason) {
  uint64_t partials = 0;
  for (const MessageItem& item : memory_.decoder.items()) {
    if (item.kind != MessageItem::Kind::kPartial) continue;
    park(gateway, item, reason);
    ++partials;
  }
  gateway.ledger.set_aside(partials);
  gateway.record.count_rejected(reason, std::max<uint64_t>(memory_.decoder.items().size() - partials, 1));
  counts_.rejected++;
}

bool Batch::find_series(uint32_t tenant_no, GatewayEntry* gateway) {
  const MessageDecoder& message = memory_.decoder;
  const size_t count = message.series_count();
  message_series_.assign(count, nullptr);
  if (gateway != nullptr && gateway->recent.size() < count) gateway->recent.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const std::string& id = message.series(i).id;
    if (gateway != nullptr && gateway->recent[i] != nullptr && gateway->recent[i]->id == id) {
      message_series_[i] = gateway->recent[i];
      continue;
    }
    message_series_[i] = memory_.catalog.find_series(write_, tenant_no, id);
    if (message_series_[i] == nullptr && !series_from_id(id).ok()) return false;
    if (gateway != nullptr) gateway->recent[i] = message_series_[i];
  }
  return true;
}

void Batch::apply_item(GatewayEntry& gateway, const MessageItem& item, const log::Record& record) {
  const uint64_t epoch = memory_.decoder.header().epoch;
  switch (item.kind) {
    case MessageItem::Kind::kOpening:
      open_epoch(gateway, item, record);
      return;
    case MessageItem::Kind::kGap:
      if (gateway.ledger.admit(epoch, item.seq, false) == ledger::Verdict::kMerge) {
        const wire::Gap& gap = memory_.decoder.gap(item);
        gateway.record.add_gap({gap.from_ns, gap.to_ns, static_cast<uint8_t>(gap.cause)});
      } else {
        counts_.duplicates++;
      }
      return;
    case MessageItem::Kind::kLost:
      if (gateway.ledger.admit(epoch, item.seq, false) == ledger::Verdict::kMerge) {
        gateway.ledger.lose_at_gateway(epoch, item.seq);
        counts_.lost++;
      } else {
        counts_.duplicates++;
      }
      return;
    case MessageItem::Kind::kPartial:
      break;
  }
  if (is_future(item, record)) {
    uint64_t count = gateway.ledger.reject(epoch, {item.seq, item.seq});
    gateway.record.count_rejected("future", count);
    counts_.rejected += count;
    counts_.dead_letters++;
    return;
  }
  switch (gateway.ledger.admit(epoch, item.seq, item.inherited)) {
    case ledger::Verdict::kMerge:
      merge_partial(gateway.record.tenant_no, gateway.no, item);
      if (item.time_estimated) note_estimated(gateway, item);
      break;
    case ledger::Verdict::kDuplicate:
      if (bug("merge_before_settle")) merge_partial(gateway.record.tenant_no, gateway.no, item);
      counts_.duplicates++;
      break;
    case ledger::Verdict::kPark:
      park(gateway, item, "parked");
      break;
  }
}

void Batch::open_epoch(GatewayEntry& gateway, const MessageItem& item, const log::Record& record) {
  const uint64_t epoch = memory_.decoder.header().epoch;
  ledger::GatewayLedger::OpeningResult result = gateway.ledger.open(epoch, memory_.decoder.opening(item));
  if (result.verdict == ledger::Verdict::kDuplicate) {
    counts_.duplicates++;
    return;
  }
  state::GatewayAlarm alarm{.kind = state::AlarmKind::kRestored, .epoch = epoch, .append_ns = record.append_ns};
  uint8_t cause = state::kGapRestored;
  switch (result.alarm) {
    case ledger::Alarm::kNone:
      return;
    case ledger::Alarm::kRestored:
      break;
    case ledger::Alarm::kCloned:
      alarm.kind = state::AlarmKind::kCloned;
      cause = state::kGapCloned;
      break;
    case ledger::Alarm::kWiped:
      alarm.kind = state::AlarmKind::kWiped;
      cause = state::kGapWiped;
      break;
  }
  gateway.record.add_gap({0, record.append_ns, cause});
  gateway.record.add_alarm(alarm);
}

void Batch::park(const GatewayEntry& gateway, const MessageItem& item, std::string_view reason) {
  state::ParkedPartial letter;
  letter.reason = reason;
  letter.tenant = gateway.record.tenant;
  letter.gateway = gateway.record.gateway;
  letter.series_id = memory_.decoder.series(item.series).id;
  letter.epoch = memory_.decoder.header().epoch;
  letter.seq = item.seq;
  letter.start_s = item.start_s;
  letter.width_s = item.width_s;
  letter.summary = as_text(item.summary);
  write_.txn.put(write_.tables.deadletter, state::Key().u64(write_.head.position).u64(item.seq), letter.encode());
  counts_.parked++;
  counts_.dead_letters++;
}

void Batch::note_estimated(GatewayEntry& gateway, const MessageItem& item) {
  if (item.width_s == kAllTime) {
    gateway.record.add_estimated({item.first_ns, item.last_ns + 1});
    return;
  }
  const int64_t start_ns = item.start_s * kNanosPerSecond;
  gateway.record.add_estimated({start_ns, start_ns + static_cast<int64_t>(item.width_s) * kNanosPerSecond});
}

bool Batch::is_future(const MessageItem& item, const log::Record& record) const {
  return message::is_ahead(item, latest_start_s(record.append_ns, config_.max_future_s));
}

void Batch::merge_partial(uint32_t tenant_no, uint32_t gateway_no, const MessageItem& item) {
  const MessageSeries& named = memory_.decoder.series(item.series);
  SeriesEntry*& entry = message_series_[item.series];
  if (entry == nullptr) entry = &memory_.catalog.series(write_, tenant_no, named.id, named.kind);
  memory_.catalog.seen(write_, *entry, item.last_ns, named.kind, gateway_no);
  counts_.merged++;
  RowItem row{.no = entry->no, .width_s = item.width_s, .start_s = item.start_s, .summary = item.summary};
  if (row.start_s < write_.head.rolled_s) counts_.late++;
  add_row(row);
  row.no = entry->fleet->no;
  add_row(row);
}

void Batch::add_row(const RowItem& item) {
  memory_.rows.add(item, write_.head);
  changed_.push_back({.series_no = item.no, .start_s = item.start_s, .width_s = item.width_s});
}

void Batch::apply_status(const log::Record& record) {
  if (record.payload.size() > kStatusBytesMax) {
    counts_.rejected++;
    return;
  }
  GatewayEntry& gateway = memory_.catalog.gateway(write_, record.tenant, record.gateway, record.append_ns);
  const state::StatusRecord status{.append_ns = record.append_ns, .json = record.payload};
  write_.txn.put(write_.tables.status, state::number_key(gateway.no), status.encode());
}

void Batch::apply_ingest(const log::Record& record) {
  const MessageDecoder& message = memory_.decoder;
  if (memory_.decoder.decode(as_bytes(record.payload)) != wire::DecodeError::kNone) {
    counts_.rejected++;
    counts_.dead_letters++;
    return;
  }
  const uint32_t tenant_no = memory_.catalog.tenant(write_, record.tenant, record.append_ns);
  const Heard heard = record.idempotency_key.empty() ? Heard::kNever : hear_key(tenant_no, record);
  if (heard == Heard::kSame) {
    counts_.duplicates += message.items().size();
    return;
  }
  // Another request under a key that was used: its readings are not those that were merged.
  if (heard == Heard::kOther) {
    counts_.rejected += message.items().size();
    return;
  }
  if (!find_series(tenant_no, nullptr)) {
    counts_.rejected++;
    counts_.dead_letters++;
    return;
  }
  for (const MessageItem& item : message.items()) {
    if (item.kind != MessageItem::Kind::kPartial || is_future(item, record)) {
      counts_.rejected++;
      counts_.dead_letters++;
    } else {
      merge_partial(tenant_no, 0, item);
    }
  }
}

// An order that is none, or for a gateway that was never heard of here, changes nothing and is counted.
void Batch::apply_control(const log::Record& record) {
  const auto control = log::parse_retire(record.payload);
  if (!control || !retire_gateway(write_, record.tenant, record.gateway, control->retired)) counts_.rejected++;
}

bool retire_gateway(state::WriteTxn& write, std::string_view tenant, std::string_view gateway, bool retired) {
  const state::Tables& tables = write.tables;
  std::optional<std::string_view> tenant_no = write.txn.get(tables.tenants, tenant);
  if (!tenant_no || gateway.size() > state::kNameBytesMax) return false;
  const uint32_t number = state::KeyReader(*tenant_no).u32();
  std::optional<std::string_view> no = write.txn.get(tables.gateway_names, state::Key().u32(number).text(gateway));
  if (!no) return false;
  const std::string key(*no);
  if (retired) {
    write.txn.put(tables.retired, key, std::string_view{});
  } else {
    write.txn.erase(tables.retired, key);
  }
  return true;
}

Batch::Heard Batch::hear_key(uint32_t tenant_no, const log::Record& record) {
  // Hashed, since a client's key may be longer than LMDB's keys.
  std::string name = record.gateway;
  name.push_back('\0');
  name.append(record.idempotency_key);
  std::array<uint8_t, SHA256_DIGEST_LENGTH> hash;
  SHA256(reinterpret_cast<const uint8_t*>(name.data()), name.size(), hash.data());
  const state::Key key = state::Key().u32(tenant_no).text(as_text(Bytes(hash).first(20)));
  std::optional<std::string_view> heard = write_.txn.get(write_.tables.idem, key);
  if (heard && !bug("key_forgotten")) {
    state::KeyReader reader(*heard);
    const bool lasts = reader.time() > write_.head.clock_ns - kIdempotencySpanNs;
    const std::string_view body = reader.rest();
    // Records of before bodies were told say nothing of theirs.
    const bool other = !body.empty() && !body_of(record).empty() && body != body_of(record);
    if (lasts) return other ? Heard::kOther : Heard::kSame;
  }
  write_.txn.put(write_.tables.idem, key, state::Key().time(write_.head.clock_ns).text(body_of(record)));
  write_.txn.put(write_.tables.idem_time, state::Key().time(write_.head.clock_ns).text(key), std::string_view{});
  return Heard::kNever;
}

void Batch::expire_idempotency_keys() {
  store::Cursor cursor(write_.txn, write_.tables.idem_time);
  cursor.first();
  while (cursor.valid()) {
    state::KeyReader reader(cursor.key());
    const int64_t time_ns = reader.time();
    if (time_ns > write_.head.clock_ns - kIdempotencySpanNs) return;
    const std::string key(reader.rest());
    std::optional<std::string_view> heard = write_.txn.get(write_.tables.idem, key);
    if (heard && state::KeyReader(*heard).time() == time_ns) write_.txn.erase(write_.tables.idem, key);
    cursor.erase();
  }
}

void Batch::write_changes() {
  if (changed_.empty()) return;
  // A message's partials often meet in one fleet row.
  std::sort(changed_.begin(), changed_.end());
  changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
  state::ChangeRecord change{.clock_ns = write_.head.clock_ns, .rows = std::move(changed_)};
  write_.txn.append(write_.tables.changes, state::Key().u64(write_.head.position), change.encode());
  write_.head.changes_entries += change.rows.size();
  changed_ = std::move(change.rows);
  changed_.clear();
}

// What is kept is a function of the newest record alone, so once a batch is as good as once a record.
void Batch::trim_changes() {
  store::Cursor cursor(write_.txn, write_.tables.changes);
  cursor.first();
  while (cursor.valid()) {
    int64_t clock_ns = 0;
    uint64_t rows = 0;
    CHECK(state::decode_change_head(cursor.value(), clock_ns, rows));
    if (write_.head.changes_entries <= kChangesMax && clock_ns >= write_.head.clock_ns - kChangesSpanNs) return;
    write_.head.changes_low = state::KeyReader(cursor.key()).u64() + 1;
    write_.head.changes_entries -= rows;
    cursor.erase();
  }
}

void Batch::finish() {
  memory_.rows.flush(write_);
  memory_.catalog.flush(write_);
  trim_changes();
}

}  // namespace tributary::merge
