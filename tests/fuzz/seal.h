// SPDX-License-Identifier: Apache-2.0
// Gives a fuzzer's bytes the checksums they need to be looked at: a fuzzer does not guess a CRC.
#pragma once

#include <vector>

#include "common/base/crc32c.h"
#include "common/wire/message.h"

namespace tributary::fuzz {

// A message with any header fields and any body, and checksums that fit (common/wire/FORMAT.md).
inline std::vector<uint8_t> seal_message(const wire::Header& header, Bytes body) {
  std::vector<uint8_t> message(wire::kHeaderBytes + body.size());
  ByteWriter writer(message);
  writer.u32(0x42495254);
  writer.u32(header.version);
  writer.u32(header.required_features);
  writer.u32(header.count);
  writer.u64(header.epoch);
  writer.u64(header.first_seq);
  writer.i64(header.frontier_ns);
  writer.i64(header.mark_ns);
  writer.u32(static_cast<uint32_t>(body.size()));
  writer.u32(crc32c(body));
  writer.u32(crc32c(writer.written()));
  writer.bytes(body);
  return message;
}

}  // namespace tributary::fuzz
