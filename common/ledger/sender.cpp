// SPDX-License-Identifier: Apache-2.0
// The flight of one epoch: what has a seq and is not acknowledged yet.
#include "common/ledger/sender.h"

#include <algorithm>

#include "common/base/check.h"

namespace tributary::ledger {

void SendWindow::restore(uint64_t seq, uint64_t bytes) {
  CHECK(seq >= 1);
  bool fresh = unacked_.emplace(seq, bytes).second;
  CHECK(fresh);
  bytes_ += bytes;
  if (seq >= next_seq_) next_seq_ = seq + 1;
}

uint64_t SendWindow::oldest_unacked() const { return unacked_.empty() ? next_seq_ : unacked_.begin()->first; }
uint64_t SendWindow::bytes() const { return bytes_; }
size_t SendWindow::size() const { return unacked_.size(); }
bool SendWindow::span_open() const { return next_seq_ - oldest_unacked() < kSpanMax; }
bool SendWindow::may_freeze(bool older_flight) const { return span_open() && (next_seq_ <= kSpanMax || !older_flight); }

uint64_t SendWindow::freeze(uint64_t bytes) {
  CHECK(span_open());
  unacked_.emplace_hint(unacked_.end(), next_seq_, bytes);
  bytes_ += bytes;
  return next_seq_++;
}

std::vector<uint64_t> SendWindow::acknowledge(const std::vector<wire::SeqRange>& ranges) {
  std::vector<uint64_t> removed;
  for (const wire::SeqRange& range : ranges) {
    auto at = unacked_.lower_bound(range.first);
    while (at != unacked_.end() && at->first <= range.last) {
      bytes_ -= at->second;
      removed.push_back(at->first);
      at = unacked_.erase(at);
    }
  }
  std::sort(removed.begin(), removed.end());
  return removed;
}

}  // namespace tributary::ledger
