// SPDX-License-Identifier: Apache-2.0
// When an epoch gets its opening: as soon as nothing of the kind is on its way for an older one. So however often the
// program starts while the cloud is away, one opening and its gaps are all that starts cost.
#include "edge/outbox/opening.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "edge/outbox/outbox.h"

namespace tributary::edge {
namespace {

constexpr std::string_view kUnopenedKey = "unopened";

// Of two gaps that become one: the worse cause. The order is that of how much may be gone.
wire::GapCause worse(wire::GapCause a, wire::GapCause b) {
  for (const wire::GapCause cause : {wire::GapCause::kOutboxReplaced, wire::GapCause::kCrash}) {
    if (a == cause || b == cause) return cause;
  }
  return wire::GapCause::kStopped;
}

}  // namespace

void add_gap(std::vector<wire::Gap>& gaps, const wire::Gap& gap) {
  gaps.insert(std::upper_bound(gaps.begin(), gaps.end(), gap,
                               [](const wire::Gap& a, const wire::Gap& b) { return a.from_ns < b.from_ns; }),
              gap);
  while (gaps.size() > kGapsMax) {
    size_t best = 1;
    uint64_t least = 0;
    int64_t end_ns = gaps[0].to_ns;  // of all so far
    for (size_t i = 1; i < gaps.size(); ++i) {
      const uint64_t between =
          gaps[i].from_ns <= end_ns ? 0 : static_cast<uint64_t>(gaps[i].from_ns) - static_cast<uint64_t>(end_ns);
      if (i == 1 || between < least) {
        best = i;
        least = between;
      }
      end_ns = std::max(end_ns, gaps[i].to_ns);
    }
    wire::Gap& into = gaps[best - 1];
    into.to_ns = std::max(into.to_ns, gaps[best].to_ns);
    into.cause = worse(into.cause, gaps[best].cause);
    gaps.erase(gaps.begin() + static_cast<std::ptrdiff_t>(best));
  }
}

// True where an opening or a gap of an epoch other than the one with this index is not acknowledged yet.
bool Outbox::words_on_the_way(uint32_t index) const {
  return std::any_of(flight_.begin(), flight_.end(), [&](const auto& epoch) {
    return epoch->index != index && (epoch->start_ns.count(1) > 0 || !epoch->gap_from_ns.empty());
  });
}

int64_t Outbox::unnumbered_gap_ns() const {
  return unopened_ && !unopened_->gaps.empty() ? unopened_->gaps.front().from_ns : std::numeric_limits<int64_t>::max();
}

bool Outbox::can_open() const { return unopened_ && !words_on_the_way(meta_.epoch_index); }

void Outbox::put_unopened(store::Txn& txn, Batch::Plan& plan) {
  std::string content;
  encode_unopened(*plan.unopened, content);
  put_sealed(txn, plan, meta_table_, std::string(kUnopenedKey), content);
}

// Numbers the opening of the current epoch and its gaps, if it has none and may.
void Outbox::open_epoch(store::Txn& txn, Batch::Plan& plan) {
  if (!plan.unopened || words_on_the_way(plan.meta.epoch_index)) return;
  const Unopened unopened = *std::exchange(plan.unopened, std::nullopt);
  txn.erase(meta_table_, kUnopenedKey);
  FlightItem opening;
  opening.kind = ItemKind::kOpening;
  opening.opening = unopened.opening;
  freeze(txn, plan, opening);
  for (const wire::Gap& gap : unopened.gaps) {
    FlightItem item;
    item.kind = ItemKind::kGap;
    item.gap = gap;
    freeze(txn, plan, item);
  }
}

// The record and the state say the same of whether the epoch has its opening.
Status Outbox::load_unopened(const store::Txn& txn) {
  const auto value = txn.get(meta_table_, kUnopenedKey);
  if (!value && meta_.next_seq > 1) return {};
  const auto content = value ? unseal(kUnopenedKey, *value) : std::nullopt;
  unopened_ = content ? decode_unopened(*content) : std::nullopt;
  if (unopened_ && meta_.next_seq == 1) return {};
  return Error{ErrorCode::kCorrupt, config_.folder + ": what the newest epoch begins with cannot be read"};
}

}  // namespace tributary::edge
