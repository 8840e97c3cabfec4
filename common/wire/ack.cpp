// SPDX-License-Identifier: Apache-2.0
// The bridge's answer to a message: which seqs of an epoch are in the log. The layout is in common/wire/FORMAT.md.
#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/wire/header.h"
#include "common/wire/message.h"

namespace tributary::wire {

size_t encode_ack(const Ack& ack, std::span<uint8_t> out) {
  CHECK(ack.range_count <= kAckRangesMax && ack.epoch != 0);
  ByteWriter writer(out);
  writer.u32(kAckMagic);
  writer.u8(kFormatVersion);
  writer.u8(static_cast<uint8_t>(ack.range_count));
  writer.u64(ack.epoch);
  for (const SeqRange& range : std::span(ack.ranges).first(ack.range_count)) {
    CHECK(range.first >= 1 && range.first <= range.last);
    writer.varint(range.first);
    writer.varint(range.last - range.first);
  }
  if (!writer.ok()) return 0;
  writer.u32(crc32c(writer.written()));
  return writer.ok() ? writer.size() : 0;
}

bool decode_ack(Bytes bytes, Ack& ack) {
  constexpr size_t kFixedBytes = 4 + 1 + 1 + 8 + 4;
  if (bytes.size() < kFixedBytes || bytes.size() > kAckBytesMax) return false;
  Bytes content = bytes.first(bytes.size() - sizeof(uint32_t));
  ByteReader reader(content);
  if (reader.u32() != kAckMagic || reader.u8() != kFormatVersion) return false;
  if (ByteReader(bytes.last(sizeof(uint32_t))).u32() != crc32c(content)) return false;
  Ack read;
  read.range_count = reader.u8();
  read.epoch = reader.u64();
  if (read.range_count > kAckRangesMax || read.epoch == 0) return false;
  for (SeqRange& range : std::span(read.ranges).first(read.range_count)) {
    range.first = reader.varint();
    uint64_t more = reader.varint();
    if (!reader.ok() || range.first == 0 || more > UINT64_MAX - range.first) return false;
    range.last = range.first + more;
  }
  if (!reader.done()) return false;
  ack = read;
  return true;
}

}  // namespace tributary::wire
