// SPDX-License-Identifier: Apache-2.0
// Settling, the chain of epochs, and claims. The rules and why they are sound: common/ledger/FORMAT.md.
#include "common/ledger/receiver.h"

#include <algorithm>
#include <limits>

#include "common/base/bugs.h"
#include "common/base/check.h"

namespace tributary::ledger {
namespace {

// Readings a gateway had accepted by the last durable time are not dated further ahead of it than this: the edge
// refuses readings beyond max_future (5 minutes unless configured, an hour at most).
constexpr int64_t kFutureMaxNs = 3600 * kNanosPerSecond;

bool makes_sense(uint64_t epoch, uint64_t seq) { return epoch != 0 && seq != 0 && seq <= wire::kSeqMax; }

int64_t horizon_of(const wire::Opening& opening) {
  constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
  if (opening.last_durable_ns == 0 || opening.last_durable_ns > kNever - kFutureMaxNs) return kNever;
  return opening.last_durable_ns + kFutureMaxNs;
}

const char* cause_text(LossCause cause) { return cause == LossCause::kGateway ? "gateway" : "log"; }

}  // namespace

const ClosedEpoch* GatewayLedger::find_closed(uint64_t epoch) const {
  auto at = std::lower_bound(closed_.begin(), closed_.end(), epoch,
                             [](const ClosedEpoch& closed, uint64_t wanted) { return closed.epoch < wanted; });
  return at != closed_.end() && at->epoch == epoch ? &*at : nullptr;
}

const EpochState* GatewayLedger::find_open(uint64_t epoch) const {
  auto at = open_.find(epoch);
  return at == open_.end() ? nullptr : &at->second;
}

EpochState* GatewayLedger::find_open(uint64_t epoch) {
  auto at = open_.find(epoch);
  return at == open_.end() ? nullptr : &at->second;
}

EpochState& GatewayLedger::epoch_state(uint64_t epoch) {
  if (EpochState* known = find_open(epoch)) return *known;
  const ClosedEpoch* closed = find_closed(epoch);
  EpochState& state = open_[epoch];
  if (closed != nullptr) {
    state.opened = true;
    state.reopened = true;
    state.successor = closed->successor;
    state.low = closed->last_seq + 1;
    state.limit = closed->last_seq;
    state.expected_last = closed->last_seq;
    closed_.erase(closed_.begin() + (closed - closed_.data()));
    state.past = past_of(state);
  }
  return state;
}

bool GatewayLedger::has_room(uint64_t epoch, uint64_t last_seq) const {
  if (const EpochState* open = find_open(epoch); open != nullptr && open->opened) return true;
  const ClosedEpoch* closed = find_closed(epoch);
  if (closed != nullptr && last_seq <= closed->last_seq) return true;
  constexpr size_t kMore = 2;  // itself and its predecessor
  return open_.size() + kMore <= kOpenEpochsMax && open_.size() + closed_.size() + kMore <= kEpochsMax;
}

bool GatewayLedger::knows_other_than(uint64_t epoch) const {
  size_t self = open_.count(epoch) + (find_closed(epoch) != nullptr ? 1 : 0);
  return open_.size() + closed_.size() > self;
}

bool GatewayLedger::leads_to(uint64_t from, uint64_t epoch) const {
  if (from == epoch) return from != 0;
  // Nobody descends from an epoch that nobody names.
  const auto child = children_.lower_bound({epoch, 0, 0});
  if (child == children_.end() || std::get<0>(*child) != epoch) return false;
  for (size_t steps = 0; from != 0 && steps <= open_.size(); ++steps) {
    if (from == epoch) return true;
    const EpochState* state = find_open(from);
    if (state == nullptr) return false;
    from = state->predecessor;
  }
  return false;
}

GatewayLedger::OpeningResult GatewayLedger::open(uint64_t epoch, const wire::Opening& opening) {
  if (epoch == 0) return {Verdict::kDuplicate, Alarm::kNone};
  const EpochState* known_state = find_open(epoch);
  if (find_closed(epoch) != nullptr || (known_state != nullptr && known_state->opened)) {
    return {Verdict::kDuplicate, Alarm::kNone};
  }
  index();
  EpochState& state = epoch_state(epoch);
  const uint64_t low_before = state.low;
  OpeningResult result = link(epoch, state, opening);
  state.opened = true;
  add_child(epoch, state);
  // An opening that was named lost, or refused once, is found.
  if (!state.find(1) && !state.is_settled(1)) state.settle(1);
  changed(epoch, state, low_before);
  if (state.successor == 0) current_epoch_ = epoch;
  update();
  return result;
}

GatewayLedger::OpeningResult GatewayLedger::link(uint64_t epoch, EpochState& state, const wire::Opening& opening) {
  if (opening.predecessor_epoch == 0) {
    state.trusted = true;
    // As somebody's predecessor it is no newcomer: its opening was only late.
    if (state.successor != 0 || !knows_other_than(epoch)) return {Verdict::kMerge, Alarm::kNone};
    // What the old outbox had not sent is gone with it.
    for (auto& [other, old] : open_) {
      if (other == epoch) continue;
      const uint64_t low_before = old.low;
      old.mark_holes(std::max(old.highest(), old.expected_last), LossCause::kGateway);
      changed(other, old, low_before);
    }
    return {Verdict::kMerge, Alarm::kWiped};
  }
  if (leads_to(opening.predecessor_epoch, epoch)) {
    // No honest gateway descends from itself; it stands alone, and what it inherited could be anything.
    state.horizon_ns = std::numeric_limits<int64_t>::max();
    return {Verdict::kMerge, Alarm::kCloned};
  }
  bool newcomer = !knows_other_than(epoch);
  bool predecessor_known =
      find_open(opening.predecessor_epoch) != nullptr || find_closed(opening.predecessor_epoch) != nullptr;
  uint64_t last_seq = std::min(opening.predecessor_last_seq, wire::kSeqMax);
  const ClosedEpoch* closed = find_closed(opening.predecessor_epoch);
  Alarm alarm = Alarm::kNone;
  if (closed != nullptr && closed->last_seq >= last_seq) {
    // Nothing more is expected of it, so it stays closed; it has a successor already.
    alarm = closed->last_seq > last_seq ? Alarm::kRestored : Alarm::kCloned;
    state.horizon_ns = horizon_of(opening);
  } else {
    EpochState& predecessor = epoch_state(opening.predecessor_epoch);
    if (predecessor.highest() > last_seq && !bug("restored_unnoticed")) {
      alarm = Alarm::kRestored;
    } else if (predecessor.successor != 0 && predecessor.successor != epoch) {
      alarm = Alarm::kCloned;
    }
    if (predecessor.successor == 0) predecessor.successor = epoch;
    predecessor.limit = std::min(predecessor.limit, last_seq);
    predecessor.expected_last = std::max(predecessor.expected_last, last_seq);
    touched_.insert(opening.predecessor_epoch);
    bool clean_past = predecessor_known ? predecessor.opened && (predecessor.trusted || predecessor.cleared) : newcomer;
    state.trusted = alarm == Alarm::kNone && clean_past;
    if (!state.trusted) {
      // Whoever inherits from an outbox that inherits from a copy may hold what the copy's original sent.
      bool own_doubt = alarm != Alarm::kNone || !predecessor_known || !predecessor.opened;
      bool inherited_doubt = predecessor.opened && !predecessor.trusted && !predecessor.cleared;
      int64_t own_ns = own_doubt ? horizon_of(opening) : std::numeric_limits<int64_t>::min();
      state.horizon_ns = inherited_doubt ? std::max(own_ns, predecessor.horizon_ns) : own_ns;
    }
  }
  state.predecessor = opening.predecessor_epoch;
  state.predecessor_last = last_seq;
  return {Verdict::kMerge, alarm};
}

Verdict GatewayLedger::admit(uint64_t epoch, uint64_t seq, bool inherited) {
  if (!makes_sense(epoch, seq)) return Verdict::kDuplicate;
  const ClosedEpoch* closed = find_closed(epoch);
  if (closed != nullptr && seq <= closed->last_seq) return Verdict::kDuplicate;
  index();
  EpochState& state = epoch_state(epoch);
  const uint64_t low_before = state.low;
  bool found = state.find(seq);
  if (!found && state.is_settled(seq)) {
    // Where ranges were forgotten, a lost seq and a duplicate look alike: neither merging nor dropping it would be
    // right.
    if (!state.forgotten.covers(seq)) return Verdict::kDuplicate;
    ++parked_;
    return Verdict::kPark;
  }
  if (!found) state.settle(seq);
  changed(epoch, state, low_before);
  bool park = seq > state.limit || (inherited && !state.trusted);
  if (park) ++parked_;
  if (seq > kSpanMax) finish_ancestors(state);
  update();
  return park ? Verdict::kPark : Verdict::kMerge;
}

uint64_t GatewayLedger::reject(uint64_t epoch, wire::SeqRange seqs) {
  if (!makes_sense(epoch, seqs.first) || !makes_sense(epoch, seqs.last) || seqs.first > seqs.last) return 0;
  const ClosedEpoch* closed = find_closed(epoch);
  if (closed != nullptr && seqs.last <= closed->last_seq) return 0;
  index();
  EpochState& state = epoch_state(epoch);
  const uint64_t low_before = state.low;
  uint64_t count = state.reject(seqs);
  changed(epoch, state, low_before);
  if (count > 0 && seqs.last > kSpanMax) finish_ancestors(state);
  update();
  return count;
}

Standing GatewayLedger::standing(uint64_t epoch, uint64_t seq) const {
  if (!makes_sense(epoch, seq)) return Standing::kUnknown;
  const ClosedEpoch* closed = find_closed(epoch);
  if (closed != nullptr && seq <= closed->last_seq) return Standing::kSettled;
  const EpochState* state = find_open(epoch);
  if (state == nullptr) return Standing::kUnknown;
  const auto within = [seq](const RangeSet& set) {
    return std::any_of(set.ranges().begin(), set.ranges().end(),
                       [seq](const MarkedRange& range) { return seq >= range.seqs.first && seq <= range.seqs.last; });
  };
  if (within(state->rejected)) return Standing::kRejected;
  if (within(state->lost)) return Standing::kLost;
  if (!state->is_settled(seq)) return Standing::kUnknown;
  return state->forgotten.covers(seq) ? Standing::kUnsure : Standing::kSettled;
}

void GatewayLedger::lose_at_gateway(uint64_t epoch, uint64_t seq) {
  if (!makes_sense(epoch, seq)) return;
  index();
  EpochState& state = epoch_state(epoch);
  CHECK(state.is_settled(seq));
  touched_.insert(epoch);
  state.find(seq);
  state.add_range({seq, seq}, LossCause::kGateway);
}

// A gateway freezes seqs beyond kSpanMax only when the flight of older epochs is acknowledged, so what of them has not
// come by now is not in the log.
void GatewayLedger::finish_ancestors(const EpochState& state) {
  const EpochState* at = &state;
  for (size_t steps = 0; steps <= open_.size() && !at->past.whole; ++steps) {
    EpochState* older = find_open(at->predecessor);
    CHECK(older != nullptr);
    const uint64_t low_before = older->low;
    older->mark_holes(at->predecessor_last, LossCause::kLog);
    changed(at->predecessor, *older, low_before);
    at = older;
  }
}

void GatewayLedger::claim(uint64_t epoch, uint64_t last_seq, int64_t frontier_ns, int64_t mark_ns) {
  if (epoch == 0 || last_seq > wire::kSeqMax) return;
  index();
  Claim claim{last_seq, mark_ns, frontier_ns};
  if (!in_effect_ || claim.newer_than(*in_effect_)) {
    const ClosedEpoch* closed = find_closed(epoch);
    if (closed == nullptr) {
      epoch_state(epoch).add_claim(claim);
      waiting_.insert(epoch);
    } else if (last_seq <= closed->last_seq) {
      in_effect_ = claim;
    }
  }
  update();
  close_settled();
}

void GatewayLedger::apply(const Claim& claim, EpochState& state) {
  if (!state.trusted && claim.frontier_ns >= state.horizon_ns) state.cleared = true;
  if (!in_effect_ || claim.newer_than(*in_effect_)) in_effect_ = claim;
}

bool GatewayLedger::may_close(const EpochState& state) const {
  return state.opened && state.successor != 0 && state.low > state.expected_last && state.settled.none() &&
         state.lost.ranges().empty() && state.rejected.ranges().empty() && state.forgotten.empty() &&
         state.past.settled;
}

// Lets claims take effect, as far as the last call made it possible.
void GatewayLedger::update() {
  for (uint64_t epoch : waiting_) {
    EpochState& state = *find_open(epoch);
    if (state.claims.empty() || state.claims.front().last_seq >= state.low) continue;
    if (!state.past.settled && !bug("claim_too_early")) continue;
    auto waiting = state.claims.begin();
    for (; waiting != state.claims.end() && waiting->last_seq < state.low; ++waiting) apply(*waiting, state);
    state.claims.erase(state.claims.begin(), waiting);
  }
  waiting_.clear();
}

// A claim comes with every message, after its items: the time to close epochs, and not before a loss among the items is
// named.
void GatewayLedger::close_settled() {
  for (uint64_t epoch : touched_) {
    const auto at = open_.find(epoch);
    if (!may_close(at->second)) continue;
    const EpochState& state = at->second;
    ClosedEpoch closed{epoch, state.low - 1, state.successor};
    // What its successors know of their past stays the same: all of it is settled up to what they stated.
    children_.erase({state.predecessor, state.predecessor_last, epoch});
    closed_.insert(std::lower_bound(closed_.begin(), closed_.end(), closed.epoch,
                                    [](const ClosedEpoch& other, uint64_t wanted) { return other.epoch < wanted; }),
                   closed);
    open_.erase(at);
  }
  touched_.clear();
}

int64_t GatewayLedger::frontier_ns() const { return in_effect_ ? in_effect_->frontier_ns : 0; }
int64_t GatewayLedger::mark_ns() const { return in_effect_ ? in_effect_->mark_ns : 0; }

std::vector<LostRange> GatewayLedger::lost() const {
  std::vector<LostRange> all;
  for (const auto& [epoch, state] : open_) {
    if (state.forgotten.lost > 0) all.push_back({epoch, state.forgotten.hull, "in_part"});
    for (const MarkedRange& range : state.lost.ranges()) all.push_back({epoch, range.seqs, cause_text(range.cause)});
  }
  return all;
}

uint64_t GatewayLedger::lost_count() const {
  uint64_t count = 0;
  for (const auto& [epoch, state] : open_) count += state.lost.count() + state.forgotten.lost;
  return count;
}

uint64_t GatewayLedger::rejected_count() const {
  uint64_t count = 0;
  for (const auto& [epoch, state] : open_) count += state.rejected.count() + state.forgotten.rejected;
  return count;
}

uint64_t GatewayLedger::parked_count() const { return parked_; }
uint64_t GatewayLedger::current_epoch() const { return current_epoch_; }
bool GatewayLedger::known() const { return !open_.empty() || !closed_.empty(); }

}  // namespace tributary::ledger
