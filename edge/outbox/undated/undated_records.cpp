// SPDX-License-Identifier: Apache-2.0
// Encoding of undated readings, their boots and the clock.
#include "edge/outbox/undated/undated_records.h"

#include <algorithm>
#include <bit>

#include "common/stats/summary.h"

namespace tributary::edge {
namespace {

void put_big(std::string& out, uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

uint64_t get_big(std::string_view text, size_t at, int bytes) {
  uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(text[at + static_cast<size_t>(i)]);
  return value;
}

void put_little(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

BootId read_id(ByteReader& reader) {
  BootId id{};
  const Bytes bytes = reader.bytes(id.size());
  if (reader.ok()) std::copy(bytes.begin(), bytes.end(), id.begin());
  return id;
}

constexpr uint64_t kSign = uint64_t{1} << 63;

}  // namespace

void encode_undated(std::span<const UndatedReading> readings, std::string& out) {
  out.clear();
  for (const UndatedReading& reading : readings) {
    put_little(out, reading.series, 4);
    out.push_back(reading.own_time ? 1 : 0);
    put_little(out, static_cast<uint64_t>(reading.mono_ns), 8);
    if (reading.own_time) put_little(out, static_cast<uint64_t>(reading.time_ns), 8);
    put_little(out, std::bit_cast<uint64_t>(reading.value), 8);
  }
}

bool decode_undated(std::string_view content, std::vector<UndatedReading>& out) {
  out.clear();
  ByteReader reader(as_bytes(content));
  while (reader.ok() && reader.remaining() > 0) {
    UndatedReading reading;
    reading.series = reader.u32();
    const uint8_t flags = reader.u8();
    reading.own_time = flags == 1;
    reading.mono_ns = reader.i64();
    if (reading.own_time) reading.time_ns = reader.i64();
    reading.value = reader.f64();
    if (flags > 1 || !stats::is_acceptable(reading.value)) return false;
    out.push_back(reading);
  }
  return reader.done();
}

std::string UndatedKey::encode() const {
  std::string out;
  out.reserve(kBytes);
  out.push_back(static_cast<char>(level));
  put_big(out, boot, 4);
  put_big(out, static_cast<uint64_t>(start_s) ^ kSign, 8);
  put_big(out, series, 4);
  return out;
}

std::optional<UndatedKey> UndatedKey::decode(std::string_view key) {
  if (key.size() != kBytes) return std::nullopt;
  UndatedKey out;
  out.level = static_cast<uint8_t>(key[0]);
  out.boot = static_cast<uint32_t>(get_big(key, 1, 4));
  out.start_s = static_cast<int64_t>(get_big(key, 5, 8) ^ kSign);
  out.series = static_cast<uint32_t>(get_big(key, 13, 4));
  if (out.level >= kUndatedLevels && out.level != kBootLevel) return std::nullopt;
  return out;
}

void encode_boot(const BootRecord& boot, std::string& out) {
  out.assign(reinterpret_cast<const char*>(boot.id.data()), boot.id.size());
  out.push_back(static_cast<char>(boot.state));
  put_little(out, static_cast<uint64_t>(boot.base_ns), 8);
  put_little(out, static_cast<uint64_t>(boot.last_mono_ns), 8);
  put_little(out, boot.readings, 8);
}

std::optional<BootRecord> decode_boot(std::string_view content) {
  ByteReader reader(as_bytes(content));
  BootRecord boot;
  boot.id = read_id(reader);
  const uint8_t state = reader.u8();
  boot.state = static_cast<BootState>(state);
  boot.base_ns = reader.i64();
  boot.last_mono_ns = reader.i64();
  boot.readings = reader.u64();
  if (!reader.done() || state > static_cast<uint8_t>(BootState::kEstimated)) return std::nullopt;
  return boot;
}

void encode_clock(const ClockRecord& clock, std::string& out) {
  out.assign(reinterpret_cast<const char*>(clock.set_boot.data()), clock.set_boot.size());
  out.push_back(static_cast<char>((clock.crashed ? 1 : 0) | (clock.replaced ? 2 : 0)));
}

std::optional<ClockRecord> decode_clock(std::string_view content) {
  ByteReader reader(as_bytes(content));
  ClockRecord clock;
  clock.set_boot = read_id(reader);
  const uint8_t flags = reader.u8();
  clock.crashed = (flags & 1) != 0;
  clock.replaced = (flags & 2) != 0;
  if (!reader.done()) return std::nullopt;
  return clock;
}

}  // namespace tributary::edge
