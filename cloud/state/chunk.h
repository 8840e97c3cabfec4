// SPDX-License-Identifier: Apache-2.0
// A chunk: the rows of one series, level and span of time, ascending by (start, width), as one stored value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cloud/state/levels.h"
#include "common/base/bytes.h"

namespace tributary::state {

struct ChunkRow {
  int64_t start_s = 0;
  WidthS width_s = 0;
  Bytes summary;  // encoded; lives as long as the chunk's bytes

  bool before(int64_t start, WidthS width) const { return start_s != start ? start_s < start : width_s < width; }
};

// Walks a chunk. Bytes that are no chunk end the walk with corrupt() true.
class ChunkReader {
 public:
  ChunkReader(int level, int64_t chunk_start_s, std::string_view bytes)
      : level_(level), chunk_start_s_(chunk_start_s), reader_(as_bytes(bytes)) {}
  // False at the end.
  bool next(ChunkRow& row);
  bool corrupt() const { return !reader_.ok(); }

 private:
  int level_;
  int64_t chunk_start_s_;
  ByteReader reader_;
};

// Appends one row. REQUIRES: rows are appended ascending and belong to the chunk.
void append_chunk_row(int level, int64_t chunk_start_s, const ChunkRow& row, std::string& out);

}  // namespace tributary::state
