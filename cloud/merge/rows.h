// SPDX-License-Identifier: Apache-2.0
// Rows being written: what a batch merges is collected, sorted and combined in memory, then written once, each chunk
// once. The result is a function of the set of partials applied alone, whatever the order and the batches.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cloud/state/chunk.h"
#include "cloud/state/state.h"
#include "common/base/bytes.h"
#include "common/stats/summary.h"

namespace tributary::merge {

// A partial of one series (device or fleet), by number.
struct RowItem {
  uint32_t no = 0;
  WidthS width_s = 0;
  int64_t start_s = 0;
  Bytes summary;  // encoded; lives until the flush
};

// A summary's bytes, in a buffer that lives as long as the Encoded.
class Encoded {
 public:
  explicit Encoded(const stats::Summary& summary) : size_(summary.encode(buffer_)) { CHECK(size_ > 0); }
  Bytes bytes() const { return {buffer_.data(), size_}; }

 private:
  std::array<uint8_t, stats::kSummaryBytesMax> buffer_;
  size_t size_;
};

class RowBuffer {
 public:
  RowBuffer() = default;
  RowBuffer(const RowBuffer&) = delete;
  RowBuffer& operator=(const RowBuffer&) = delete;

  // To the fresh rows if it starts at or after head.rolled_s, else to the materialised ones. True if it was late.
  bool add(const RowItem& item, const state::Head& head) {
    bool late = item.start_s < head.rolled_s;
    (late ? late_ : fresh_).push_back(item);
    return late;
  }
  size_t size() const { return fresh_.size() + late_.size(); }
  void clear() {
    fresh_.clear();
    late_.clear();
  }
  // Writes everything collected and forgets it.
  void flush(state::WriteTxn& write);

 private:
  void flush_fresh(state::WriteTxn& write);
  std::vector<RowItem> fresh_, late_;
};

// Applies items of one series to the materialised rows: rows of every level from their own up, and direct rows. Rows
// below a level's cutoff are left out. REQUIRES: one series number; sorted by (start, width). Chunks are rewritten once
// a call.
class Materialiser {
 public:
  explicit Materialiser(state::WriteTxn& write);
  void apply(const RowItem* first, const RowItem* last);

 private:
  // A change to one row: encoded bytes or a summary.
  struct Delta {
    Bytes bytes;
    const stats::Summary* summary = nullptr;
    void merge_into(stats::Summary& out) const;
    void copy_into(stats::Summary& out) const;
  };
  // Rewrites the chunks of one table, level and series, fed in ascending order.
  class ChunkWriter {
   public:
    void open(store::Table table, int level, uint32_t no);
    void put(store::Txn& txn, int64_t start_s, WidthS width_s, const Delta& delta, stats::Summary& scratch);
    void close(store::Txn& txn);

   private:
    void load(store::Txn& txn, int64_t chunk);
    void next_old();
    store::Table table_{};
    int level_ = 0;
    uint32_t no_ = 0;
    bool loaded_ = false;
    int64_t chunk_ = 0;
    std::string old_, out_;  // a copy of what is stored, since writes move LMDB's pages
    std::optional<state::ChunkReader> reader_;
    std::optional<state::ChunkRow> next_;  // the first stored row that is not in out_ yet
  };
  struct Accumulator {
    bool open = false;
    int64_t start_s = 0;
    stats::Summary sum;
  };

  void accumulate(int level, int64_t start_s, const Delta& delta);
  void emit(int level);
  void advance(int64_t start_s);

  state::WriteTxn& write_;
  std::array<ChunkWriter, state::kLevels> rows_, direct_;
  std::array<Accumulator, state::kLevels> sums_;
  stats::Summary group_, scratch_;
};

}  // namespace tributary::merge
