// SPDX-License-Identifier: Apache-2.0
// How each entry of the outbox is written: see write.h.
#include "edge/outbox/write.h"

namespace tributary::edge {

void Write::put_sealed(store::Table table, const std::string& key, std::string_view content) {
  seal(key, content, buffers.sealed);
  txn.put(table, key, buffers.sealed);
  plan.bytes += key.size() + buffers.sealed.size();
}

void Write::put_identity(const Identity& identity) {
  encode_identity(identity, buffers.content);
  put_sealed(tables.meta, std::string(kIdentityKey), buffers.content);
}

void Write::put_epoch(uint32_t index, uint64_t epoch) {
  encode_epoch(epoch, buffers.content);
  put_sealed(tables.epochs, index_key(index), buffers.content);
}

void Write::put_meta() {
  encode_meta(plan.meta, buffers.content);
  put_sealed(tables.meta, std::string(kStateKey), buffers.content);
}

void Write::put_series(uint32_t id, MetricKind kind, std::string_view identity) {
  encode_series({kind, identity}, buffers.content);
  put_sealed(tables.series, index_key(id), buffers.content);
}

void Write::put_previous(uint32_t series, const PreviousValue& previous) {
  encode_previous(previous, buffers.content);
  put_sealed(tables.previous, index_key(series), buffers.content);
}

void Write::put_waiting(const WaitingKey& key, uint8_t flags, Bytes summary) {
  const std::string encoded_key = key.encode();
  WaitingCount& count = plan.waiting[key.width_s];
  if (auto stored = txn.get(tables.waiting, encoded_key)) {
    count.partials -= 1;
    count.bytes -= stored->size();
    const WaitingValue old = open_waiting(encoded_key, *stored);
    flags |= old.flags;
    if (!old.summary.empty()) {
      stats::Summary& merged = *buffers.summary;
      merged.clear();
      if (!merged.decode(old.summary)) flags |= WaitingValue::kLost;
      if (!summary.empty() && !merged.merge_encoded(summary)) flags |= WaitingValue::kLost;
      summary = Bytes(buffers.encoded).first(merged.empty() ? 0 : merged.encode(buffers.encoded));
    }
  }
  encode_waiting({flags, summary}, buffers.content);
  put_sealed(tables.waiting, encoded_key, buffers.content);
  count.partials += 1;
  count.bytes += buffers.sealed.size();
}

std::optional<PreviousValue> read_previous(const store::Txn& txn, const OutboxTables& tables, uint32_t series) {
  const std::string key = index_key(series);
  const auto value = txn.get(tables.previous, key);
  const auto content = value ? unseal(key, *value) : std::nullopt;
  return content ? decode_previous(*content) : std::nullopt;
}

}  // namespace tributary::edge
