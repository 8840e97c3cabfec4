// SPDX-License-Identifier: Apache-2.0
// The settling of one epoch: its window, its ranges, its claims.
#include "common/ledger/epoch.h"

#include <algorithm>

#include "common/base/bugs.h"
#include "common/base/check.h"

namespace tributary::ledger {

void RangeSet::add(wire::SeqRange seqs, LossCause cause) {
  auto after = std::find_if(ranges_.begin(), ranges_.end(),
                            [&](const MarkedRange& range) { return range.seqs.first > seqs.last; });
  CHECK(after == ranges_.begin() || std::prev(after)->seqs.last < seqs.first);
  if (after != ranges_.begin() && std::prev(after)->seqs.last + 1 == seqs.first && std::prev(after)->cause == cause) {
    auto before = std::prev(after);
    before->seqs.last = seqs.last;
    if (after != ranges_.end() && after->seqs.first == seqs.last + 1 && after->cause == cause) {
      before->seqs.last = after->seqs.last;
      ranges_.erase(after);
    }
  } else if (after != ranges_.end() && after->seqs.first == seqs.last + 1 && after->cause == cause) {
    after->seqs.first = seqs.first;
  } else {
    ranges_.insert(after, {seqs, cause});
  }
}

bool RangeSet::remove(uint64_t seq) {
  auto found = std::find_if(ranges_.begin(), ranges_.end(), [&](const MarkedRange& range) {
    return seq >= range.seqs.first && seq <= range.seqs.last;
  });
  if (found == ranges_.end()) return false;
  MarkedRange rest{{seq + 1, found->seqs.last}, found->cause};
  if (found->seqs.first == seq) {
    if (found->seqs.last == seq) {
      ranges_.erase(found);
    } else {
      found->seqs.first = seq + 1;
    }
    return true;
  }
  found->seqs.last = seq - 1;
  if (rest.seqs.first <= rest.seqs.last) ranges_.insert(std::next(found), rest);
  return true;
}

std::vector<wire::SeqRange> RangeSet::remove_within(wire::SeqRange seqs) {
  std::vector<wire::SeqRange> removed;
  std::vector<MarkedRange> rest;
  for (const MarkedRange& range : ranges_) {
    uint64_t first = std::max(range.seqs.first, seqs.first), last = std::min(range.seqs.last, seqs.last);
    if (first > last) {
      rest.push_back(range);
      continue;
    }
    removed.push_back({first, last});
    if (range.seqs.first < first) rest.push_back({{range.seqs.first, first - 1}, range.cause});
    if (last < range.seqs.last) rest.push_back({{last + 1, range.seqs.last}, range.cause});
  }
  ranges_ = std::move(rest);
  return removed;
}

bool RangeSet::overlaps(const RangeSet& other) const {
  for (const MarkedRange& mine : ranges_) {
    for (const MarkedRange& theirs : other.ranges_) {
      if (mine.seqs.first <= theirs.seqs.last && theirs.seqs.first <= mine.seqs.last) return true;
    }
  }
  return false;
}

uint64_t RangeSet::count() const {
  uint64_t count = 0;
  for (const MarkedRange& range : ranges_) count += range.seqs.last - range.seqs.first + 1;
  return count;
}

MarkedRange RangeSet::take_lowest() {
  CHECK(!ranges_.empty());
  MarkedRange lowest = ranges_.front();
  ranges_.erase(ranges_.begin());
  return lowest;
}

bool RangeSet::append(const MarkedRange& range) {
  if (range.seqs.first == 0 || range.seqs.first > range.seqs.last) return false;
  if (!ranges_.empty()) {
    const MarkedRange& before = ranges_.back();
    if (range.seqs.first <= before.seqs.last) return false;
    if (range.seqs.first == before.seqs.last + 1 && range.cause == before.cause) return false;
  }
  ranges_.push_back(range);
  return true;
}

bool EpochState::is_settled(uint64_t seq) const {
  if (bug("low_off_by_one") && seq == low) return true;
  return seq < low || (seq - low < kSpanMax && settled[seq - low]);
}

uint64_t EpochState::highest() const { return low + settled.size() - 1; }

void EpochState::settle(uint64_t seq) {
  CHECK(!is_settled(seq));
  // A first copy above the window proves that everything a window's width below it was acknowledged, so it was in the
  // log.
  if (seq - low >= kSpanMax) mark_holes(seq - kSpanMax, LossCause::kLog);
  settled.set(seq - low);
  absorb();
}

uint64_t EpochState::mark_holes(uint64_t last, LossCause cause) {
  if (last < low) return 0;
  uint64_t window_end = low + kSpanMax;  // one past the window
  uint64_t hole = 0;                     // the first seq of the hole being walked; 0: none
  uint64_t count = 0;
  auto mark = [&](uint64_t end) {
    add_range({hole, end - 1}, cause);
    count += end - hole;
    hole = 0;
  };
  for (uint64_t seq = low; seq <= last && seq < window_end; ++seq) {
    bool is_hole = !settled[seq - low];
    if (is_hole && hole == 0) hole = seq;
    if (!is_hole && hole != 0) mark(seq);
  }
  if (last >= window_end && hole == 0) hole = window_end;
  if (hole != 0) mark(last + 1);
  settled.slide(last + 1 - low);
  low = last + 1;
  absorb();
  return count;
}

uint64_t EpochState::reject(wire::SeqRange seqs) {
  uint64_t count = 0;
  for (const wire::SeqRange& found : lost.remove_within(seqs)) {
    add_range(found, LossCause::kRejected);
    count += found.last - found.first + 1;
  }
  trim();
  // What this moves below the window is rejected from seqs.first on; before it, it is lost as in settle().
  if (seqs.last >= low + kSpanMax) {
    uint64_t below_window = seqs.last - kSpanMax;
    if (seqs.first > low) mark_holes(std::min(seqs.first - 1, below_window), LossCause::kLog);
    count += mark_holes(below_window, LossCause::kRejected);
  }
  for (uint64_t seq = std::max(seqs.first, low); seq <= seqs.last; ++seq) {
    if (is_settled(seq)) continue;
    settle(seq);
    add_range({seq, seq}, LossCause::kRejected);
    ++count;
  }
  return count;
}

void EpochState::absorb() {
  uint64_t run = settled.run();
  if (run == 0) return;
  settled.slide(run);
  low += run;
}

void EpochState::add_range(wire::SeqRange seqs, LossCause cause) {
  (cause == LossCause::kRejected ? rejected : lost).add(seqs, cause);
  trim();
}

bool EpochState::find(uint64_t seq) {
  bool found = lost.remove(seq) || rejected.remove(seq);
  if (found) trim();  // a range may have become two
  return found;
}

void EpochState::trim() {
  auto forget_lowest = [&](RangeSet& set, uint64_t& count) {
    wire::SeqRange gone = set.take_lowest().seqs;
    if (forgotten.empty()) forgotten.hull = gone;
    forgotten.hull.first = std::min(forgotten.hull.first, gone.first);
    forgotten.hull.last = std::max(forgotten.hull.last, gone.last);
    count += gone.last - gone.first + 1;
  };
  while (lost.ranges().size() > kRangesMax) forget_lowest(lost, forgotten.lost);
  while (rejected.ranges().size() > kRangesMax) forget_lowest(rejected, forgotten.rejected);
}

void EpochState::add_claim(const Claim& claim) {
  for (const Claim& other : claims) {
    if (other.last_seq <= claim.last_seq && !claim.newer_than(other)) return;
  }
  std::erase_if(claims,
                [&](const Claim& other) { return other.last_seq >= claim.last_seq && !other.newer_than(claim); });
  auto after =
      std::find_if(claims.begin(), claims.end(), [&](const Claim& other) { return other.last_seq > claim.last_seq; });
  claims.insert(after, claim);
  // The newest, and those nearest to taking effect, are kept: leaving one out between them only lets it take effect
  // later.
  if (claims.size() > kClaimsMax) claims.erase(claims.end() - 2);
}

}  // namespace tributary::ledger
