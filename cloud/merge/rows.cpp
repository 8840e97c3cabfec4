// SPDX-License-Identifier: Apache-2.0
// Writing rows: see rows.h. Stored summaries that do not decode are damage on disk, not input: they stop the program.
#include "cloud/merge/rows.h"

#include <algorithm>
#include <memory>
#include <tuple>

#include "common/base/bugs.h"

namespace tributary::merge {

void RowBuffer::flush(state::WriteTxn& write) {
  if (!fresh_.empty()) flush_fresh(write);
  if (!late_.empty()) {
    std::sort(late_.begin(), late_.end(), [](const RowItem& a, const RowItem& b) {
      return std::tie(a.no, a.start_s, a.width_s) < std::tie(b.no, b.start_s, b.width_s);
    });
    auto materialiser = std::make_unique<Materialiser>(write);
    for (size_t first = 0, last = 0; first < late_.size(); first = last) {
      while (last < late_.size() && late_[last].no == late_[first].no) ++last;
      materialiser->apply(late_.data() + first, late_.data() + last);
    }
  }
  clear();
}

void RowBuffer::flush_fresh(state::WriteTxn& write) {
  // In key order, so that LMDB touches each page once.
  std::sort(fresh_.begin(), fresh_.end(), [](const RowItem& a, const RowItem& b) {
    return std::tie(a.start_s, a.width_s, a.no) < std::tie(b.start_s, b.width_s, b.no);
  });
  auto same = [](const RowItem& a, const RowItem& b) {
    return a.start_s == b.start_s && a.width_s == b.width_s && a.no == b.no;
  };
  stats::Summary sum;
  store::Cursor cursor(write.txn, write.tables.fresh);
  for (size_t first = 0, last = 0; first < fresh_.size(); first = last) {
    const RowItem& item = fresh_[first];
    while (last < fresh_.size() && same(fresh_[last], item)) ++last;
    state::Key key = state::fresh_key(item.start_s, item.width_s, item.no);
    auto merge_into = [&](std::string_view stored) {
      CHECK(sum.merge_encoded(as_bytes(stored)));
      write.txn.put(write.tables.fresh, key, as_text(Encoded(sum).bytes()));
    };
    if (last - first == 1) {
      std::optional<std::string_view> stored = cursor.insert(key, as_text(item.summary));
      if (!stored) continue;
      CHECK(sum.decode(item.summary));
      merge_into(*stored);
      continue;
    }
    CHECK(sum.decode(item.summary));
    for (size_t i = first + 1; i < last; ++i) CHECK(sum.merge_encoded(fresh_[i].summary));
    std::optional<std::string_view> stored = cursor.insert(key, as_text(Encoded(sum).bytes()));
    if (stored) merge_into(*stored);
  }
}

void Materialiser::Delta::merge_into(stats::Summary& out) const {
  if (summary != nullptr) {
    out.merge(*summary);
  } else {
    CHECK(out.merge_encoded(bytes));
  }
}

void Materialiser::Delta::copy_into(stats::Summary& out) const {
  if (summary != nullptr) {
    out = *summary;
  } else {
    CHECK(out.decode(bytes));
  }
}

void Materialiser::ChunkWriter::open(store::Table table, int level, uint32_t no) {
  table_ = table;
  level_ = level;
  no_ = no;
  loaded_ = false;
}

void Materialiser::ChunkWriter::load(store::Txn& txn, int64_t chunk) {
  chunk_ = chunk;
  loaded_ = true;
  out_.clear();
  old_.assign(txn.get(table_, state::chunk_key(level_, no_, chunk)).value_or(std::string_view{}));
  reader_.emplace(level_, chunk_, old_);
  next_old();
}

void Materialiser::ChunkWriter::next_old() {
  state::ChunkRow row;
  if (reader_->next(row)) {
    next_ = row;
  } else {
    CHECK(!reader_->corrupt());
    next_.reset();
  }
}

void Materialiser::ChunkWriter::put(store::Txn& txn, int64_t start_s, WidthS width_s, const Delta& delta,
                                    stats::Summary& scratch) {
  int64_t chunk = state::chunk_start(level_, start_s);
  if (!loaded_ || chunk != chunk_) {
    close(txn);
    load(txn, chunk);
  }
  while (next_ && next_->before(start_s, width_s)) {
    state::append_chunk_row(level_, chunk_, *next_, out_);
    next_old();
  }
  if (next_ && next_->start_s == start_s && next_->width_s == width_s) {
    CHECK(scratch.decode(next_->summary));
    delta.merge_into(scratch);
    state::append_chunk_row(level_, chunk_, {start_s, width_s, Encoded(scratch).bytes()}, out_);
    next_old();
  } else if (delta.summary != nullptr) {
    state::append_chunk_row(level_, chunk_, {start_s, width_s, Encoded(*delta.summary).bytes()}, out_);
  } else {
    state::append_chunk_row(level_, chunk_, {start_s, width_s, delta.bytes}, out_);
  }
}

void Materialiser::ChunkWriter::close(store::Txn& txn) {
  if (!loaded_) return;
  while (next_) {
    state::append_chunk_row(level_, chunk_, *next_, out_);
    next_old();
  }
  txn.put(table_, state::chunk_key(level_, no_, chunk_), out_);
  loaded_ = false;
}

Materialiser::Materialiser(state::WriteTxn& write) : write_(write) {}

void Materialiser::accumulate(int level, int64_t start_s, const Delta& delta) {
  Accumulator& sum = sums_[static_cast<size_t>(level)];
  if (sum.open) {
    delta.merge_into(sum.sum);
    return;
  }
  sum.open = true;
  sum.start_s = state::level_start(level, start_s);
  delta.copy_into(sum.sum);
}

void Materialiser::emit(int level) {
  auto at = static_cast<size_t>(level);
  Accumulator& sum = sums_[at];
  if (!sum.open) return;
  sum.open = false;
  Delta delta{.bytes = {}, .summary = &sum.sum};
  if (sum.start_s >= write_.head.cutoff(level))
    rows_[at].put(write_.txn, sum.start_s, state::kLevelWidth[at], delta, scratch_);
  if (level < state::kAllTimeLevel) accumulate(level + 1, sum.start_s, delta);
}

// Windows nest: when a level's row is left, all finer ones are left too, and were added into it before.
void Materialiser::advance(int64_t start_s) {
  for (int level = 1; level < state::kLevels; ++level) {
    const Accumulator& sum = sums_[static_cast<size_t>(level)];
    if (sum.open && state::level_start(level, start_s) != sum.start_s) emit(level);
  }
}

void Materialiser::apply(const RowItem* first, const RowItem* last) {
  for (int level = 0; level < state::kLevels; ++level) {
    rows_[static_cast<size_t>(level)].open(write_.tables.rows, level, first->no);
    direct_[static_cast<size_t>(level)].open(write_.tables.direct, level, first->no);
  }
  for (const RowItem* item = first; item != last;) {
    const int64_t start_s = item->start_s;
    const WidthS width_s = item->width_s;
    Delta delta{.bytes = item->summary, .summary = nullptr};
    for (++item; item != last && item->start_s == start_s && item->width_s == width_s; ++item) {
      if (delta.summary == nullptr) {
        CHECK(group_.decode(delta.bytes));
        delta = {.bytes = {}, .summary = &group_};
      }
      CHECK(group_.merge_encoded(item->summary));
    }
    const int level = state::level_of(width_s);
    auto at = static_cast<size_t>(level);
    if (level == state::kBaseLevel) {
      if (start_s >= write_.head.cutoff(level)) rows_[at].put(write_.txn, start_s, width_s, delta, scratch_);
    } else if (write_.head.keeps_direct(level, start_s)) {
      direct_[at].put(write_.txn, start_s, width_s, delta, scratch_);
    }
    // An all-time partial joins at the end of the way; its start, 0, says nothing about time.
    if (level < state::kAllTimeLevel) advance(start_s);
    if (!bug("late_not_carried_up")) accumulate(std::max(level, 1), start_s, delta);
  }
  for (int level = 1; level < state::kLevels; ++level) emit(level);
  for (int level = 0; level < state::kLevels; ++level) {
    rows_[static_cast<size_t>(level)].close(write_.txn);
    direct_[static_cast<size_t>(level)].close(write_.txn);
  }
}

}  // namespace tributary::merge
