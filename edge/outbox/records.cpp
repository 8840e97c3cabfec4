// SPDX-License-Identifier: Apache-2.0
// Encoding and decoding of what the outbox stores; the layouts are in edge/outbox/FORMAT.md.
#include "edge/outbox/records.h"

#include "common/base/appender.h"
#include "common/base/bugs.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"

namespace tributary::edge {
namespace {

constexpr size_t kReasonBytesMax = 64;

void put_big(std::string& out, uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

uint64_t get_big(std::string_view text, size_t at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(text[at + i]);
  return value;
}

// Signed numbers order like unsigned ones once their sign bit is turned.
constexpr uint64_t kSign = uint64_t{1} << 63;

// Begins a value anew.
Appender<std::string> into(std::string& out) {
  out.clear();
  return Appender(out);
}

// With its length before it, as one byte. REQUIRES: at most 255 bytes.
void put_text(Appender<std::string>& out, std::string_view value) {
  CHECK(value.size() <= 255);
  out.u8(static_cast<uint8_t>(value.size())).bytes(value);
}

std::string read_text(ByteReader& reader) {
  const size_t size = reader.u8();
  return std::string(as_text(reader.bytes(size)));
}

uint32_t checksum(std::string_view key, std::string_view content) {
  return crc32c(as_bytes(content), crc32c(as_bytes(key)));
}

}  // namespace

std::string WaitingKey::encode() const {
  std::string out;
  out.reserve(kBytes);
  put_big(out, width_s, 4);
  put_big(out, static_cast<uint64_t>(start_s) ^ kSign, 8);
  put_big(out, birth, 4);
  put_big(out, series, 4);
  return out;
}

std::optional<WaitingKey> WaitingKey::decode(std::string_view key) {
  if (key.size() != kBytes) return std::nullopt;
  WaitingKey out;
  out.width_s = static_cast<WidthS>(get_big(key, 0, 4));
  out.start_s = static_cast<int64_t>(get_big(key, 4, 8) ^ kSign);
  out.birth = static_cast<uint32_t>(get_big(key, 12, 4));
  out.series = static_cast<uint32_t>(get_big(key, 16, 4));
  return out;
}

std::string CheckpointKey::encode() const {
  std::string out;
  out.reserve(kBytes);
  put_big(out, series, 4);
  put_big(out, width_s, 4);
  put_big(out, static_cast<uint64_t>(start_s) ^ kSign, 8);
  return out;
}

std::optional<CheckpointKey> CheckpointKey::decode(std::string_view key) {
  if (key.size() != kBytes) return std::nullopt;
  CheckpointKey out;
  out.series = static_cast<uint32_t>(get_big(key, 0, 4));
  out.width_s = static_cast<WidthS>(get_big(key, 4, 4));
  out.start_s = static_cast<int64_t>(get_big(key, 8, 8) ^ kSign);
  return out;
}

std::string FlightKey::encode() const {
  std::string out;
  out.reserve(kBytes);
  put_big(out, epoch_index, 4);
  put_big(out, seq, 8);
  return out;
}

std::optional<FlightKey> FlightKey::decode(std::string_view key) {
  if (key.size() != kBytes) return std::nullopt;
  return FlightKey{static_cast<uint32_t>(get_big(key, 0, 4)), get_big(key, 4, 8)};
}

std::string index_key(uint32_t index) {
  std::string out;
  put_big(out, index, 4);
  return out;
}

std::optional<uint32_t> decode_index_key(std::string_view key) {
  if (key.size() != 4) return std::nullopt;
  return static_cast<uint32_t>(get_big(key, 0, 4));
}

void seal(std::string_view key, std::string_view content, std::string& out) {
  into(out).u32(checksum(key, content)).bytes(content);
}

std::optional<std::string_view> unseal(std::string_view key, std::string_view value) {
  if (value.size() < 4) return std::nullopt;
  ByteReader reader(as_bytes(value.substr(0, 4)));
  const std::string_view content = value.substr(4);
  if (reader.u32() != checksum(key, content) && !bug("outbox_crc_unchecked")) return std::nullopt;
  return content;
}

void encode_waiting(const WaitingValue& value, std::string& out) {
  into(out).u8(value.flags).bytes(as_text(value.summary));
}

WaitingValue open_waiting(std::string_view key, std::string_view value) {
  const auto content = unseal(key, value);
  if (!content || content->empty()) return {WaitingValue::kLost, {}};
  return {static_cast<uint8_t>((*content)[0]), as_bytes(content->substr(1))};
}

bool read_checkpoint(std::string_view content, stats::Summary& summary) {
  ByteReader reader(as_bytes(content));
  const auto form = static_cast<CheckpointForm>(reader.u8());
  if (form == CheckpointForm::kSummary) return summary.merge_encoded(reader.bytes(reader.remaining()));
  if (form != CheckpointForm::kReadings || reader.remaining() % 16 != 0) return false;
  while (reader.remaining() > 0) {
    const int64_t time_ns = reader.i64();
    const double value = reader.f64();
    if (!stats::is_acceptable(value)) {
      summary.clear();
      return false;
    }
    summary.add(time_ns, value);
  }
  return true;
}

void encode_item(const FlightItem& item, std::string& out) {
  Appender append = into(out);
  append.u8(static_cast<uint8_t>(item.kind));
  switch (item.kind) {
    case ItemKind::kPartial:
      append.u32(item.series).i64(item.start_s).u32(item.width_s);
      append.u8(static_cast<uint8_t>((item.inherited ? 1 : 0) | (item.time_estimated ? 2 : 0)));
      append.bytes(as_text(item.summary));
      break;
    case ItemKind::kOpening:
      append.u64(item.opening.predecessor_epoch).u64(item.opening.predecessor_last_seq);
      append.bytes(as_text(Bytes(item.opening.machine_id))).i64(item.opening.last_durable_ns);
      break;
    case ItemKind::kGap:
      append.i64(item.gap.from_ns).i64(item.gap.to_ns).u8(static_cast<uint8_t>(item.gap.cause));
      break;
    case ItemKind::kLost:
      append.i64(item.start_s).u32(item.width_s);
      break;
  }
}

std::optional<FlightItem> decode_item(std::string_view content) {
  ByteReader reader(as_bytes(content));
  FlightItem item;
  item.kind = static_cast<ItemKind>(reader.u8());
  switch (item.kind) {
    case ItemKind::kPartial: {
      item.series = reader.u32();
      item.start_s = reader.i64();
      item.width_s = reader.u32();
      const uint8_t flags = reader.u8();
      item.inherited = (flags & 1) != 0;
      item.time_estimated = (flags & 2) != 0;
      item.summary = reader.bytes(reader.remaining());
      break;
    }
    case ItemKind::kOpening: {
      item.opening.predecessor_epoch = reader.u64();
      item.opening.predecessor_last_seq = reader.u64();
      const Bytes machine = reader.bytes(item.opening.machine_id.size());
      if (reader.ok()) std::memcpy(item.opening.machine_id.data(), machine.data(), machine.size());
      item.opening.last_durable_ns = reader.i64();
      break;
    }
    case ItemKind::kGap:
      item.gap.from_ns = reader.i64();
      item.gap.to_ns = reader.i64();
      item.gap.cause = static_cast<wire::GapCause>(reader.u8());
      break;
    case ItemKind::kLost:
      item.start_s = reader.i64();
      item.width_s = reader.u32();
      break;
    default:
      return std::nullopt;
  }
  if (!reader.done()) return std::nullopt;
  return item;
}

int64_t window_start_ns(int64_t start_s, WidthS width_s) {
  if (width_s == kAllTime) return kUnknownStart;
  constexpr int64_t kLimit = std::numeric_limits<int64_t>::max() / kNanosPerSecond;
  if (start_s < -kLimit || start_s > kLimit) return kUnknownStart;
  return start_s * kNanosPerSecond;
}

int64_t item_start_ns(const FlightItem& item) {
  if (item.kind == ItemKind::kOpening || item.kind == ItemKind::kGap) return std::numeric_limits<int64_t>::max();
  return window_start_ns(item.start_s, item.width_s);
}

void encode_identity(const Identity& identity, std::string& out) {
  Appender append = into(out);
  append.u32(kOutboxVersion);
  put_text(append, identity.tenant);
  put_text(append, identity.gateway);
}

std::optional<Identity> decode_identity(std::string_view content) {
  ByteReader reader(as_bytes(content));
  if (const uint32_t version = reader.u32(); version == 0 || version > kOutboxVersion) return std::nullopt;
  Identity identity;
  identity.tenant = read_text(reader);
  identity.gateway = read_text(reader);
  if (!reader.done()) return std::nullopt;
  return identity;
}

void encode_meta(const Meta& meta, std::string& out) {
  Appender append = into(out);
  append.u64(meta.epoch).u64(meta.predecessor).u64(meta.next_seq).u32(meta.epoch_index);
  append.u8(meta.clean_stop ? 1 : 0).i64(meta.last_durable_ns).u64(meta.accepted_total).u64(meta.overflow_total);
  append.u32(static_cast<uint32_t>(meta.rejected_total.size()));
  for (const auto& [reason, count] : meta.rejected_total) {
    put_text(append, std::string_view(reason).substr(0, kReasonBytesMax));
    append.u64(count);
  }
}

std::optional<Meta> decode_meta(std::string_view content) {
  ByteReader reader(as_bytes(content));
  Meta meta;
  meta.epoch = reader.u64();
  meta.predecessor = reader.u64();
  meta.next_seq = reader.u64();
  meta.epoch_index = reader.u32();
  meta.clean_stop = reader.u8() != 0;
  meta.last_durable_ns = reader.i64();
  meta.accepted_total = reader.u64();
  meta.overflow_total = reader.u64();
  const uint32_t reasons = reader.u32();
  for (uint32_t i = 0; i < reasons && reader.ok(); ++i) {
    std::string reason = read_text(reader);
    meta.rejected_total[std::move(reason)] += reader.u64();
  }
  if (!reader.done() || meta.epoch == 0 || meta.epoch_index == 0 || meta.next_seq == 0) return std::nullopt;
  return meta;
}

void encode_series(const SeriesRecord& series, std::string& out) {
  out.assign(1, static_cast<char>(series.kind));
  out.append(series.identity);
}

std::optional<SeriesRecord> decode_series(std::string_view content) {
  if (content.empty()) return std::nullopt;
  const auto kind = kind_from(static_cast<uint8_t>(content[0]));
  if (!kind) return std::nullopt;
  return SeriesRecord{*kind, content.substr(1)};
}

void encode_previous(const PreviousValue& previous, std::string& out) {
  into(out).f64(previous.value).i64(previous.time_ns);
  if (previous.before_zero > 0) into(out).f64(previous.before_zero);
}

std::optional<PreviousValue> decode_previous(std::string_view content) {
  ByteReader reader(as_bytes(content));
  PreviousValue previous;
  previous.value = reader.f64();
  previous.time_ns = reader.i64();
  if (!reader.done()) previous.before_zero = reader.f64();
  if (!reader.done()) return std::nullopt;
  return previous;
}

void encode_epoch(uint64_t epoch, std::string& out) { into(out).u64(epoch); }

std::optional<uint64_t> decode_epoch(std::string_view content) {
  ByteReader reader(as_bytes(content));
  const uint64_t epoch = reader.u64();
  if (!reader.done() || epoch == 0) return std::nullopt;
  return epoch;
}

}  // namespace tributary::edge
