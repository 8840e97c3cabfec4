// SPDX-License-Identifier: Apache-2.0
// A ledger as bytes and back: one form for one state, as common/ledger/FORMAT.md specifies it.
#include <algorithm>

#include "common/base/appender.h"
#include "common/ledger/receiver.h"

namespace tributary::ledger {
namespace {

constexpr uint8_t kLedgerVersion = 1;
constexpr size_t kClosedBytes = 24;

constexpr uint8_t kOpened = 1, kTrusted = 2, kCleared = 4, kReopened = 8, kLimited = 16, kForgot = 32;
constexpr uint8_t kFlags = 63;

using ByteAppender = Appender<std::vector<uint8_t>>;

void put_ranges(ByteAppender& out, const RangeSet& set, bool with_cause) {
  out.varint(set.ranges().size());
  uint64_t next = 1;
  for (const MarkedRange& range : set.ranges()) {
    out.varint(range.seqs.first - next);
    out.varint(range.seqs.last - range.seqs.first);
    if (with_cause) out.u8(static_cast<uint8_t>(range.cause));
    next = range.seqs.last + 1;
  }
}

bool get_ranges(ByteReader& in, RangeSet& set, bool with_cause) {
  uint64_t count = in.varint();
  if (count > kRangesMax) return false;
  uint64_t next = 1;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t gap = in.varint();
    uint64_t more = in.varint();
    if (!in.ok() || gap > wire::kSeqMax - next || more > wire::kSeqMax - next - gap) return false;
    MarkedRange range{{next + gap, next + gap + more}, LossCause::kRejected};
    if (with_cause) {
      uint8_t cause = in.u8();
      if (cause != static_cast<uint8_t>(LossCause::kLog) && cause != static_cast<uint8_t>(LossCause::kGateway))
        return false;
      range.cause = static_cast<LossCause>(cause);
    }
    if (!set.append(range)) return false;
    next = range.seqs.last + 1;
  }
  return in.ok();
}

// The window's bytes up to the last settled seq.
void put_window(ByteAppender& out, const SeqWindow& window) {
  uint64_t bytes = (window.size() + 7) / 8;
  out.varint(bytes);
  for (uint64_t i = 0; i < bytes; ++i) out.u8(window.byte(i));
}

bool get_window(ByteReader& in, SeqWindow& window) {
  uint64_t count = in.varint();
  if (count > kSpanMax / 8) return false;
  Bytes bytes = in.bytes(count);
  for (size_t i = 0; i < bytes.size(); ++i) window.set_byte(i, bytes[i]);
  return in.ok() && (bytes.empty() || bytes.back() != 0) && !window[0];
}

void put_state(ByteAppender& out, const EpochState& state) {
  bool limited = state.limit != EpochState::kNoLimit;
  out.u8((state.opened ? kOpened : 0) | (state.trusted ? kTrusted : 0) | (state.cleared ? kCleared : 0) |
         (state.reopened ? kReopened : 0) | (limited ? kLimited : 0) | (state.forgotten.empty() ? 0 : kForgot));
  out.u64(state.predecessor);
  out.varint(state.predecessor_last);
  out.u64(state.successor);
  if (limited) out.varint(state.limit);
  out.varint(state.expected_last);
  if (!state.trusted) out.i64(state.horizon_ns);
  out.varint(state.low);
  put_window(out, state.settled);
  put_ranges(out, state.lost, true);
  put_ranges(out, state.rejected, false);
  if (!state.forgotten.empty()) {
    out.varint(state.forgotten.lost);
    out.varint(state.forgotten.rejected);
    out.varint(state.forgotten.hull.first);
    out.varint(state.forgotten.hull.last);
  }
  out.u8(static_cast<uint8_t>(state.claims.size()));
  for (const Claim& claim : state.claims) {
    out.varint(claim.last_seq);
    out.i64(claim.mark_ns);
    out.i64(claim.frontier_ns);
  }
}

bool get_claims(ByteReader& in, EpochState& state) {
  uint8_t count = in.u8();
  if (count > kClaimsMax) return false;
  for (uint8_t i = 0; i < count; ++i) {
    Claim claim;
    claim.last_seq = in.varint();
    claim.mark_ns = in.i64();
    claim.frontier_ns = in.i64();
    if (!in.ok() || claim.last_seq > wire::kSeqMax) return false;
    if (i > 0 && (claim.last_seq <= state.claims.back().last_seq || !claim.newer_than(state.claims.back())))
      return false;
    state.claims.push_back(claim);
  }
  return in.ok();
}

bool all_settled(const EpochState& state, const RangeSet& set) {
  for (const MarkedRange& range : set.ranges()) {
    if (range.seqs.last >= state.low + kSpanMax) return false;
    for (uint64_t seq = std::max(range.seqs.first, state.low); seq <= range.seqs.last; ++seq) {
      if (!state.is_settled(seq)) return false;
    }
  }
  return true;
}

bool get_state(ByteReader& in, EpochState& state) {
  uint8_t flags = in.u8();
  if ((flags & ~kFlags) != 0) return false;
  state.opened = (flags & kOpened) != 0;
  state.trusted = (flags & kTrusted) != 0;
  state.cleared = (flags & kCleared) != 0;
  state.reopened = (flags & kReopened) != 0;
  state.predecessor = in.u64();
  state.predecessor_last = in.varint();
  state.successor = in.u64();
  if ((flags & kLimited) != 0) {
    state.limit = in.varint();
    if (state.limit >= EpochState::kNoLimit) return false;
  }
  state.expected_last = in.varint();
  if (!state.trusted) state.horizon_ns = in.i64();
  state.low = in.varint();
  if (!in.ok() || state.predecessor_last > wire::kSeqMax || state.expected_last > wire::kSeqMax) return false;
  if (state.low == 0 || state.low > wire::kSeqMax + 1 || !get_window(in, state.settled)) return false;
  if (state.highest() > wire::kSeqMax) return false;
  if (!get_ranges(in, state.lost, true) || !get_ranges(in, state.rejected, false)) return false;
  if (!all_settled(state, state.lost) || !all_settled(state, state.rejected)) return false;
  if (state.lost.overlaps(state.rejected)) return false;
  if ((flags & kForgot) != 0) {
    state.forgotten.lost = in.varint();
    state.forgotten.rejected = in.varint();
    state.forgotten.hull = {in.varint(), 0};
    state.forgotten.hull.last = in.varint();
    if (!in.ok() || state.forgotten.empty() || state.forgotten.hull.first == 0 ||
        state.forgotten.hull.first > state.forgotten.hull.last || state.forgotten.hull.last > wire::kSeqMax) {
      return false;
    }
  }
  return get_claims(in, state);
}

}  // namespace

// Knows GatewayLedger's members, so that its header need not know the bytes.
class LedgerCodec {
 public:
  static void encode(const GatewayLedger& ledger, std::vector<uint8_t>& bytes) {
    ByteAppender out(bytes);
    out.u8(kLedgerVersion);
    out.u64(ledger.current_epoch_);
    out.varint(ledger.parked_);
    out.u8(ledger.in_effect_ ? 1 : 0);
    if (ledger.in_effect_) {
      out.varint(ledger.in_effect_->last_seq);
      out.i64(ledger.in_effect_->mark_ns);
      out.i64(ledger.in_effect_->frontier_ns);
    }
    out.varint(ledger.closed_.size());
    for (const ClosedEpoch& closed : ledger.closed_) {
      out.u64(closed.epoch);
      out.u64(closed.last_seq);
      out.u64(closed.successor);
    }
    out.varint(ledger.open_.size());
    for (const auto& [epoch, state] : ledger.open_) {
      out.u64(epoch);
      put_state(out, state);
    }
  }

  static bool decode(ByteReader& in, GatewayLedger& ledger) {
    if (in.u8() != kLedgerVersion) return false;
    ledger.indexed_ = false;
    ledger.current_epoch_ = in.u64();
    ledger.parked_ = in.varint();
    uint8_t has_claim = in.u8();
    if (has_claim > 1) return false;
    if (has_claim == 1) {
      Claim claim;
      claim.last_seq = in.varint();
      claim.mark_ns = in.i64();
      claim.frontier_ns = in.i64();
      if (claim.last_seq > wire::kSeqMax) return false;
      ledger.in_effect_ = claim;
    }
    uint64_t closed_count = in.varint();
    if (!in.ok() || closed_count > in.remaining() / kClosedBytes) return false;
    ledger.closed_.reserve(closed_count);
    for (uint64_t i = 0; i < closed_count; ++i) {
      ClosedEpoch closed;
      closed.epoch = in.u64();
      closed.last_seq = in.u64();
      closed.successor = in.u64();
      uint64_t before = ledger.closed_.empty() ? 0 : ledger.closed_.back().epoch;
      if (closed.epoch <= before || closed.last_seq > wire::kSeqMax || closed.successor == 0) return false;
      ledger.closed_.push_back(closed);
    }
    uint64_t open_count = in.varint();
    uint64_t before = 0;
    for (uint64_t i = 0; i < open_count && in.ok(); ++i) {
      uint64_t epoch = in.u64();
      if (epoch <= before || ledger.find_closed(epoch) != nullptr) return false;
      if (!get_state(in, ledger.open_[epoch])) return false;
      before = epoch;
    }
    return in.done();
  }
};

void GatewayLedger::encode(std::vector<uint8_t>& out) const { LedgerCodec::encode(*this, out); }

std::optional<GatewayLedger> GatewayLedger::decode(Bytes bytes) {
  ByteReader in(bytes);
  GatewayLedger ledger;
  if (!LedgerCodec::decode(in, ledger)) return std::nullopt;
  return ledger;
}

}  // namespace tributary::ledger
