// SPDX-License-Identifier: Apache-2.0
// What a ledger derives from its open epochs: who descends from whom, and what each knows of its past. It is kept up by
// each change, along the descendants for which something changes, so that a record costs what it does and not what is
// open: a gateway may open many epochs.
#include <vector>

#include "common/ledger/receiver.h"

namespace tributary::ledger {

// A closed epoch ends the chain, since it closed only when all before it were settled; so does one whose opening the
// log lost, which is named.
Past GatewayLedger::past_of(const EpochState& state) const {
  if (state.reopened) return {true, true};
  if (!state.opened) return {true, state.low > 1};
  if (state.predecessor == 0) return {true, true};
  if (const ClosedEpoch* closed = find_closed(state.predecessor)) {
    return {true, closed->last_seq >= state.predecessor_last};
  }
  const EpochState* older = find_open(state.predecessor);
  if (older == nullptr) return {true, false};
  const bool stated = older->low > state.predecessor_last;
  return {stated && older->past.whole, stated && older->past.settled};
}

// Looks at the epoch's past anew, and at that of all for whom it makes a difference.
void GatewayLedger::refresh(uint64_t epoch) {
  std::vector<uint64_t> work{epoch};
  while (!work.empty()) {
    const uint64_t next = work.back();
    work.pop_back();
    EpochState* state = find_open(next);
    if (state == nullptr) continue;
    const Past past = past_of(*state);
    if (past == state->past) continue;
    state->past = past;
    touched_.insert(next);
    if (!state->claims.empty()) waiting_.insert(next);
    // For whoever states a seq that has not come, its own past decides nothing yet.
    for (auto child = children_.lower_bound({next, 0, 0});
         child != children_.end() && *child < Child{next, state->low, 0}; ++child) {
      work.push_back(std::get<2>(*child));
    }
  }
}

// After each change of an epoch, which moved its low from low_before on (or left it).
void GatewayLedger::changed(uint64_t epoch, EpochState& state, uint64_t low_before) {
  touched_.insert(epoch);
  if (!state.claims.empty()) waiting_.insert(epoch);
  refresh(epoch);
  if (state.low == low_before) return;
  for (auto child = children_.lower_bound({epoch, low_before, 0});
       child != children_.end() && *child < Child{epoch, state.low, 0}; ++child) {
    refresh(std::get<2>(*child));
  }
}

void GatewayLedger::add_child(uint64_t epoch, const EpochState& state) {
  if (state.predecessor != 0) children_.insert({state.predecessor, state.predecessor_last, epoch});
}

// From the epochs alone, once after decoding. Who descends from itself (no ledger of ours has it) keeps a past that is
// not whole.
void GatewayLedger::index() {
  if (indexed_) return;
  indexed_ = true;
  for (auto& [epoch, state] : open_) {
    add_child(epoch, state);
    state.past = {false, false};
    touched_.insert(epoch);
    if (!state.claims.empty()) waiting_.insert(epoch);
  }
  for (const auto& [epoch, state] : open_) {
    if (!state.opened || state.reopened || state.predecessor == 0 || find_open(state.predecessor) == nullptr) {
      refresh(epoch);
    }
  }
}

}  // namespace tributary::ledger
