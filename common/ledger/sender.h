// SPDX-License-Identifier: Apache-2.0
// The sending half of the identity protocol: seqs of one epoch, when freezing is allowed, what an ack frees. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "common/ledger/receiver.h"
#include "common/wire/message.h"

namespace tributary::ledger {

inline constexpr uint64_t kFlightBytesMax = 1 << 20;

// The flight of one epoch: numbered items, with their sizes, not yet acknowledged.
class SendWindow {
 public:
  explicit SendWindow(uint64_t next_seq = 1) : next_seq_(next_seq) {}
  // Restores an item read back from the store.
  void restore(uint64_t seq, uint64_t bytes);
  uint64_t next_seq() const { return next_seq_; }
  uint64_t oldest_unacked() const;  // next_seq() if none
  uint64_t bytes() const;
  size_t size() const;
  // True while next_seq() − oldest_unacked() < kSpanMax.
  bool span_open() const;
  // span_open(), and the rule across epochs: seqs beyond kSpanMax wait until the flight of all older epochs is
  // acknowledged. It lets the receiver tell what of an older epoch can no longer come (common/ledger/FORMAT.md).
  bool may_freeze(bool older_flight) const;
  // Gives the next seq to an item. REQUIRES: span_open().
  uint64_t freeze(uint64_t bytes);
  // Removes what the ranges cover; the seqs removed, ascending. Ranges beyond next_seq() are ignored.
  std::vector<uint64_t> acknowledge(const std::vector<wire::SeqRange>& ranges);

 private:
  uint64_t next_seq_;
  std::map<uint64_t, uint64_t> unacked_;
  uint64_t bytes_ = 0;
};

}  // namespace tributary::ledger
