// SPDX-License-Identifier: Apache-2.0
// The receiving half of the identity protocol: what of a gateway is settled, what is lost, rejected or parked, and up
// to where the gateway is complete. Pure: no I/O, no clock. One GatewayLedger is the state of one (tenant, gateway); it
// encodes to bytes (common/ledger/FORMAT.md) that are a function of the calls made, so replicas agree.
//
// Per epoch: low (every seq below is settled), a 1,024-bit window above it, and at most kRangesMax ranges each of lost
// and rejected seqs. Closed epochs keep 24 bytes for ever.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "common/base/bytes.h"
#include "common/ledger/epoch.h"
#include "common/wire/message.h"

namespace tributary::ledger {

// What one gateway may have of epochs that are not closed, and of all: a message that would make more is set aside by
// whoever holds the ledger (has_room), so that no gateway makes a ledger that each of its records pays for.
inline constexpr size_t kOpenEpochsMax = 4'096;
inline constexpr size_t kEpochsMax = 262'144;

enum class Verdict {
  kMerge,      // first time, or found after it was named lost or rejected: merge it now
  kDuplicate,  // settled before: ignore
  kPark,       // may have been counted under another identity: dead letter, alarm
};

// How one seq stands now.
enum class Standing {
  kUnknown,   // never heard of
  kSettled,   // merged, parked, or an item that needs no merging: a copy is a duplicate
  kRejected,  // a copy that fits merges
  kLost,      // likewise
  kUnsure,    // among ranges that were forgotten: a copy is parked
};

enum class Alarm { kNone, kRestored, kCloned, kWiped };  // what an opening revealed

struct LostRange {
  uint64_t epoch = 0;
  wire::SeqRange seqs;
  // "log" (a hole that its gateway can no longer fill: the log lost it), "gateway" (unreadable there, or gone with its
  // outbox), "in_part" (some of these seqs, which ones is forgotten: more than kRangesMax ranges; lost_count() is
  // exact).
  std::string cause;
};

class GatewayLedger {
 public:
  // What makes no sense (epoch 0, seq 0 or beyond wire::kSeqMax) is ignored: kDuplicate.

  // An opening (always seq 1). Settles seq 1 and links the chain. Alarms: the ledger knows a higher seq of the
  // predecessor than stated (kRestored), the predecessor has another successor already (kCloned), no predecessor
  // although the gateway is known (kWiped). After kRestored or kCloned inherited partials of this epoch are parked;
  // after any opening with predecessor P and last seq L, seqs of P beyond L that were not settled before are parked.
  struct OpeningResult {
    Verdict verdict = Verdict::kMerge;
    Alarm alarm = Alarm::kNone;
  };
  OpeningResult open(uint64_t epoch, const wire::Opening& opening);

  // An epoch whose past cannot be told (its predecessor's opening was lost) and the successors of a restored or cloned
  // one park inherited partials too, until a claim shows that nothing is left of what their outbox held then
  // (FORMAT.md).

  // Settles one partial, gap or loss item, and says what to do with it. A seq above the window moves the window; the
  // holes so left behind become lost with cause "log" and still merge if they arrive. A LostAtGateway item that comes
  // again gives kMerge again, since its partial would be welcome; naming it twice changes nothing.
  Verdict admit(uint64_t epoch, uint64_t seq, bool inherited);
  // Settles seqs as rejected (those not yet settled, or lost so far). How many were newly rejected.
  uint64_t reject(uint64_t epoch, wire::SeqRange seqs);
  Standing standing(uint64_t epoch, uint64_t seq) const;
  // True if a message of this epoch up to last_seq adds no epoch, or there is room for it and for its predecessor.
  bool has_room(uint64_t epoch, uint64_t last_seq) const;
  // Counts partials that were set aside without being looked at, as parked.
  void set_aside(uint64_t partials) { parked_ += partials; }
  // After admit gave kMerge for a LostAtGateway item: names it.
  void lose_at_gateway(uint64_t epoch, uint64_t seq);

  // The header's claim; takes effect (frontier(), mark()) once everything up to last_seq and all older epochs are
  // settled.
  void claim(uint64_t epoch, uint64_t last_seq, int64_t frontier_ns, int64_t mark_ns);

  // The newest claim in effect (by mark). 0 if none yet.
  int64_t frontier_ns() const;
  int64_t mark_ns() const;

  std::vector<LostRange> lost() const;
  uint64_t lost_count() const;
  uint64_t rejected_count() const;
  uint64_t parked_count() const;   // items for which admit said kPark
  uint64_t current_epoch() const;  // of the newest opening; 0 if none
  bool known() const;              // anything was ever heard
  // For looking into a ledger: the epochs that are not settled whole by their numbers, and the others, ascending.
  const std::map<uint64_t, EpochState>& open_epochs() const { return open_; }
  const std::vector<ClosedEpoch>& closed_epochs() const { return closed_; }

  void encode(std::vector<uint8_t>& out) const;
  // Nothing unless bytes are exactly what encode writes.
  static std::optional<GatewayLedger> decode(Bytes bytes);

 private:
  friend class LedgerCodec;

  EpochState& epoch_state(uint64_t epoch);  // found, reopened or made
  EpochState* find_open(uint64_t epoch);
  const ClosedEpoch* find_closed(uint64_t epoch) const;
  const EpochState* find_open(uint64_t epoch) const;
  bool knows_other_than(uint64_t epoch) const;
  OpeningResult link(uint64_t epoch, EpochState& state, const wire::Opening& opening);
  bool leads_to(uint64_t from, uint64_t epoch) const;
  void finish_ancestors(const EpochState& state);
  void apply(const Claim& claim, EpochState& state);
  void update();
  void close_settled();
  bool may_close(const EpochState& state) const;

  // What is derived from the epochs, so that a call costs what it changes and not what is open (chain.cpp).
  void index();
  Past past_of(const EpochState& state) const;
  void refresh(uint64_t epoch);
  void changed(uint64_t epoch, EpochState& state, uint64_t low_before);
  void add_child(uint64_t epoch, const EpochState& state);

  std::map<uint64_t, EpochState> open_;
  std::vector<ClosedEpoch> closed_;  // ascending by epoch
  std::optional<Claim> in_effect_;
  uint64_t current_epoch_ = 0;
  uint64_t parked_ = 0;

  // Not stored.
  using Child = std::tuple<uint64_t, uint64_t, uint64_t>;  // predecessor, its last seq as stated, the epoch
  bool indexed_ = true;                                    // false after decode: made at the first change
  std::set<Child> children_;                               // of open epochs
  std::set<uint64_t> waiting_;                             // open epochs with claims that may take effect now
  std::set<uint64_t> touched_;                             // open epochs that may close now
};

}  // namespace tributary::ledger
