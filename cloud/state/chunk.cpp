// SPDX-License-Identifier: Apache-2.0
// Chunks of rows: see chunk.h and FORMAT.md.
#include "cloud/state/chunk.h"

#include <array>

#include "common/base/check.h"

namespace tributary::state {

bool ChunkReader::next(ChunkRow& row) {
  if (reader_.remaining() == 0) return false;
  uint64_t offset = reader_.varint();
  if (level_ == kBaseLevel) {
    row.width_s = static_cast<WidthS>(reader_.varint());
  } else {
    row.width_s = kLevelWidth[level_];
    offset *= row.width_s;
  }
  row.start_s = chunk_start_s_ + static_cast<int64_t>(offset);
  row.summary = reader_.bytes(reader_.varint());
  return reader_.ok();
}

void append_chunk_row(int level, int64_t chunk_start_s, const ChunkRow& row, std::string& out) {
  CHECK(row.start_s >= chunk_start_s);
  auto offset = static_cast<uint64_t>(row.start_s - chunk_start_s);
  std::array<uint8_t, 32> buffer;
  ByteWriter head(buffer);
  if (level == kBaseLevel) {
    head.varint(offset);
    head.varint(row.width_s);
  } else {
    head.varint(row.width_s == kAllTime ? 0 : offset / row.width_s);
  }
  head.varint(row.summary.size());
  out.append(as_text(head.written()));
  out.append(as_text(row.summary));
}

}  // namespace tributary::state
