// SPDX-License-Identifier: Apache-2.0
// What the ledger remembers of one epoch: low, the window above it, ranges of lost and rejected seqs, its place in the
// chain, and claims that wait for their seqs.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/ledger/window.h"
#include "common/wire/message.h"

namespace tributary::ledger {

inline constexpr size_t kRangesMax = 64;
inline constexpr size_t kClaimsMax = 32;

enum class LossCause : uint8_t { kLog = 1, kGateway = 2, kRejected = 3 };

struct MarkedRange {
  wire::SeqRange seqs;
  LossCause cause = LossCause::kLog;
};

// Disjoint ranges, ascending; neighbours of one cause are one range.
class RangeSet {
 public:
  void add(wire::SeqRange seqs, LossCause cause);
  bool remove(uint64_t seq);  // false if it was not in it
  // Takes out all that lies within; what was taken, ascending.
  std::vector<wire::SeqRange> remove_within(wire::SeqRange seqs);
  bool overlaps(const RangeSet& other) const;
  uint64_t count() const;
  const std::vector<MarkedRange>& ranges() const { return ranges_; }
  MarkedRange take_lowest();  // REQUIRES: not empty
  // For reading back: false if the range cannot follow the ones so far.
  bool append(const MarkedRange& range);

 private:
  std::vector<MarkedRange> ranges_;
};

// Ranges beyond kRangesMax: how many seqs, and between which. Which seqs they were is no longer known.
struct Forgotten {
  uint64_t lost = 0, rejected = 0;
  wire::SeqRange hull;
  bool empty() const { return lost == 0 && rejected == 0; }
  bool covers(uint64_t seq) const { return !empty() && seq >= hull.first && seq <= hull.last; }
};

// When everything up to last_seq (and all older epochs) is settled, frontier and mark hold.
struct Claim {
  uint64_t last_seq = 0;
  int64_t mark_ns = 0, frontier_ns = 0;
  // By mark; of equal marks, by frontier.
  bool newer_than(const Claim& other) const {
    return mark_ns != other.mark_ns ? mark_ns > other.mark_ns : frontier_ns > other.frontier_ns;
  }
};

// All of it settled and merged, and all that is older settled: 24 bytes.
struct ClosedEpoch {
  uint64_t epoch = 0, last_seq = 0, successor = 0;
};

// What is known of all that is older than an epoch, as far as the chain of open epochs leads; derived, not stored.
struct Past {
  bool whole = true;     // nothing older that is open has holes up to the last seq stated for it
  bool settled = false;  // that, and the chain ends where all before is settled or can no longer be known
  bool operator==(const Past&) const = default;
};

struct EpochState {
  static constexpr uint64_t kNoLimit = wire::kSeqMax;

  bool opened = false;       // its opening was seen
  bool trusted = false;      // inherited partials merge
  bool cleared = false;      // not trusted itself, but its successor may be: nothing is left of what it inherited
  bool reopened = false;     // was closed before: all that is older is settled
  uint64_t predecessor = 0;  // as its opening says
  uint64_t predecessor_last = 0;
  uint64_t successor = 0;      // the first whose opening named it
  uint64_t limit = kNoLimit;   // the least last seq a successor stated: what comes beyond is parked
  uint64_t expected_last = 0;  // the greatest one: up to there all must be settled
  int64_t horizon_ns = 0;      // not trusted: a claim from here on clears it

  uint64_t low = 1;         // every seq below is settled
  SeqWindow settled;        // of low + i; never of low itself
  RangeSet lost, rejected;  // settled, but not merged
  Forgotten forgotten;
  std::vector<Claim> claims;  // ascending by last_seq and by age: none makes another one needless
  Past past;

  bool is_settled(uint64_t seq) const;
  uint64_t highest() const;  // the highest settled seq; 0 if none
  // Settles seq; what falls below the window is lost with cause kLog. REQUIRES: !is_settled(seq).
  void settle(uint64_t seq);
  // Every hole up to last becomes lost (or rejected: kRejected); how many.
  uint64_t mark_holes(uint64_t last, LossCause cause);
  // Settles as rejected what is not settled, or lost; how many. Cost: that of the window and the ranges, however long.
  uint64_t reject(wire::SeqRange seqs);
  // REQUIRES: seqs are settled and in no range.
  void add_range(wire::SeqRange seqs, LossCause cause);
  // Takes seq out of the lost and the rejected ranges. False if it was in none.
  bool find(uint64_t seq);
  void add_claim(const Claim& claim);

 private:
  void absorb();  // moves low over what is settled
  void trim();    // forgets the lowest ranges beyond kRangesMax
};

}  // namespace tributary::ledger
