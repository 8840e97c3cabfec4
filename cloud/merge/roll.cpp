// SPDX-License-Identifier: Apache-2.0
// The roll step: see roll.h. Cutoffs change here alone, so that between two rolls retention is a constant.
#include "cloud/merge/roll.h"

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "cloud/merge/rows.h"

namespace tributary::merge {
namespace {

struct FreshRow {
  uint32_t no = 0;
  WidthS width_s = 0;
  int64_t start_s = 0;
};

void materialise(state::WriteTxn& write) {
  std::vector<FreshRow> old;
  {
    store::Cursor cursor(write.txn, write.tables.fresh);
    for (bool more = cursor.first(); more; more = cursor.next()) {
      state::KeyReader key(cursor.key());
      FreshRow row;
      row.start_s = key.time();
      row.width_s = key.u32();
      row.no = key.u32();
      if (row.start_s >= write.head.rolled_s) break;
      old.push_back(row);
    }
  }
  if (old.empty()) return;
  // Series by series: each chunk is written once, and memory holds one series.
  std::sort(old.begin(), old.end(), [](const FreshRow& a, const FreshRow& b) {
    return std::tie(a.no, a.start_s, a.width_s) < std::tie(b.no, b.start_s, b.width_s);
  });
  auto materialiser = std::make_unique<Materialiser>(write);
  std::string bytes;
  std::vector<RowItem> items;
  std::vector<size_t> sizes;
  for (size_t first = 0, last = 0; first < old.size(); first = last) {
    bytes.clear();
    items.clear();
    sizes.clear();
    for (; last < old.size() && old[last].no == old[first].no; ++last) {
      const FreshRow& row = old[last];
      std::optional<std::string_view> stored =
          write.txn.get(write.tables.fresh, state::fresh_key(row.start_s, row.width_s, row.no));
      CHECK(stored.has_value());
      bytes.append(*stored);
      sizes.push_back(stored->size());
      items.push_back({.no = row.no, .width_s = row.width_s, .start_s = row.start_s, .summary = {}});
    }
    size_t at = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      items[i].summary = as_bytes(bytes).subspan(at, sizes[i]);
      at += sizes[i];
    }
    materialiser->apply(items.data(), items.data() + items.size());
  }
  store::Cursor cursor(write.txn, write.tables.fresh);
  cursor.first();
  for (size_t left = old.size(); left > 0; --left) cursor.erase();
}

// Drops the chunks of a level that end at or before cutoff_s, of all series. A series' chunks stand in time order, so
// what is kept is stepped over.
void trim_chunks(store::Txn& txn, store::Table table, int level, int64_t cutoff_s) {
  store::Cursor cursor(txn, table);
  cursor.seek(state::Key().u8(static_cast<uint8_t>(level)));
  while (cursor.valid()) {
    state::KeyReader key(cursor.key());
    if (key.u8() != level) return;
    uint32_t no = key.u32();
    if (key.time() + state::kChunkSpan[static_cast<size_t>(level)] <= cutoff_s) {
      cursor.erase();
    } else {
      cursor.seek(state::Key().u8(static_cast<uint8_t>(level)).u32(no).time(state::kAfterAll));
    }
  }
}

}  // namespace

int64_t roll_target(int64_t append_ns) {
  return floor_div(to_seconds_floor(append_ns), state::kRollStep) * state::kRollStep - state::kFreshSpan;
}

void roll(state::WriteTxn& write, const std::array<int64_t, 4>& retention_s, int64_t target) {
  state::Head& head = write.head;
  CHECK(target > head.rolled_s);
  const int64_t now_s = target + state::kFreshSpan;
  const state::Head before = head;
  head.rolled_s = target;
  int64_t finer = target;  // a cutoff never passes the finer one, nor reaches the fresh rows
  for (size_t level = 0; level < head.cutoff_s.size(); ++level) {
    int64_t cutoff = std::min(now_s - retention_s[level], finer);
    cutoff = floor_div(cutoff, state::kCutoffAlign[level]) * state::kCutoffAlign[level];
    head.cutoff_s[level] = std::max(head.cutoff_s[level], cutoff);
    finer = head.cutoff_s[level];
  }
  materialise(write);
  for (int level = 0; level < 4; ++level) {
    if (head.cutoff(level) == before.cutoff(level)) continue;
    trim_chunks(write.txn, write.tables.rows, level, head.cutoff(level));
    trim_chunks(write.txn, write.tables.direct, level + 1, head.cutoff(level));
  }
}

}  // namespace tributary::merge
