// SPDX-License-Identifier: Apache-2.0
// The beginning of a run. With a clock: what was kept without a date is dated and goes to waiting, in bounded
// transactions, and the last one makes the new epoch, its opening and its gap at once. Without: readings are kept
// undated until there is one.
#include <algorithm>

#include "common/base/bugs.h"
#include "edge/outbox/outbox.h"
#include "edge/outbox/write.h"

namespace tributary::edge {
namespace {

constexpr size_t kBatchBytes = 128 << 10;

}  // namespace

Status Outbox::begin_undated(const std::function<uint64_t()>& random) {
  fresh_undated_ = meta_.epoch == 0;
  Status status = run([&](Write& write) {
    write.put_identity({config_.tenant, config_.gateway});
    if (fresh_undated_) {
      // An epoch with nothing but its opening: what is kept now will be inherited from it, so that copies of this
      // outbox are told apart.
      write.plan.meta.epoch = std::max<uint64_t>(random(), 1);
      write.plan.meta.epoch_index = 1;
      write.put_epoch(1, write.plan.meta.epoch);
      FlightItem opening;
      opening.kind = ItemKind::kOpening;
      opening.opening.machine_id = config_.machine_id;
      freeze(write, opening);
    }
    write.plan.meta.clean_stop = false;
    ClockRecord& clock = write.plan.undated.clock;
    clock.crashed = clock.crashed || (!fresh_undated_ && !recovery_.clean_stop);
    clock.replaced = clock.replaced || recovery_.moved_aside;
    Undated::put_clock(write);
  });
  if (!status) fresh_undated_ = false;
  return status;
}

Status Outbox::begin(const std::function<uint64_t()>& random, const Beginning& beginning) {
  const Instant now = beginning.now;
  if (Status status = date_all(beginning); !status) return status;
  return begin_epoch(random, now, now.wall_ns - (now.mono_ns - beginning.opened_mono_ns));
}

Status Outbox::date_all(const Beginning& beginning) {
  const Instant now = beginning.now;
  const bool unplaced = undated_.has_unplaced();
  if (unplaced) {
    Status status = run([&](Write& write) { Undated::place(write, now.wall_ns - now.mono_ns); });
    if (!status) return status;
  }
  recovery_.boots.clear();
  for (const auto& [number, boot] : undated_.state().boots) recovery_.boots.push_back(boot);

  const DatingRules rules{now.wall_ns, beginning.max_future_ns, beginning.past_max_ns, beginning.shape};
  size_t bytes_max = std::min<size_t>(kBatchBytes, config_.budget_bytes / 64);
  for (int attempts = 0; !undated_.empty() && !(bug("half_dated_dropped") && !unplaced);) {
    if (env_->used_bytes() > config_.budget_bytes / 4 * 3) {
      auto coarsened = coarsen(kBatchBytes);
      if (!coarsened && coarsened.error().code != ErrorCode::kFull) return coarsened.error();
      if (coarsened && *coarsened) continue;
    }
    bool found = false;
    Status dated = run([&](Write& write) { found = Undated::date_some(write, bytes_max, rules); });
    if (dated && !found) break;
    if (dated) continue;
    if (dated.error().code != ErrorCode::kFull || ++attempts > kRoomAttemptsMax) return dated;
    bytes_max = std::max<size_t>(bytes_max / 2, 1);
    auto coarsened = coarsen(kBatchBytes >> std::min(attempts, 6));
    if (!coarsened && coarsened.error().code != ErrorCode::kFull) return coarsened.error();
    if (coarsened && !*coarsened && bytes_max == 1) return dated;
  }
  return {};
}

// start_ns: the wall clock when this run began; what was accepted since is not in doubt.
Status Outbox::begin_epoch(const std::function<uint64_t()>& random, Instant now, int64_t start_ns) {
  const Meta before = meta_;
  uint64_t epoch = 0;
  const auto taken = [&](uint64_t candidate) {
    return std::any_of(flight_.begin(), flight_.end(), [&](const auto& other) { return other->epoch == candidate; });
  };
  do {
    epoch = random();
  } while (epoch == 0 || epoch == before.epoch || taken(epoch));
  if (bug("epoch_reused") && before.epoch != 0) epoch = before.epoch;
  if (recovery_.moved_aside || undated_.state().clock.replaced) {
    recovery_.gap = wire::Gap{0, start_ns, wire::GapCause::kOutboxReplaced};
  } else if (before.epoch != 0 && !fresh_undated_) {
    recovery_.gap = wire::Gap{std::min(before.last_durable_ns, start_ns), std::max(before.last_durable_ns, start_ns),
                              recovery_.clean_stop ? wire::GapCause::kStopped : wire::GapCause::kCrash};
  }
  recovery_.inherited_partials = waiting_partials();
  // The reserve above the budget's upper mark makes room; if it should not, partials are merged until there is.
  for (int attempt = 0;; ++attempt) {
    Status status = run([&](Write& write) { put_beginning(write, epoch, now.wall_ns); });
    if (status) begun_ = true;
    if (status || status.error().code != ErrorCode::kFull || attempt >= kRoomAttemptsMax) return status;
    auto coarsened = coarsen(kBatchBytes >> std::min(attempt, 5));
    if (!coarsened && coarsened.error().code != ErrorCode::kFull) return coarsened.error();
    if (coarsened && !*coarsened) return status;
  }
}

// Identity, epoch, opening and gap.
void Outbox::put_beginning(Write& write, uint64_t epoch, int64_t now_ns) {
  const Meta before = write.plan.meta;
  // A copy of this outbox may hold readings up to here.
  int64_t newest_ns = before.last_durable_ns;
  for (const auto& [number, boot] : write.plan.undated.boots) {
    newest_ns = std::max(newest_ns, boot.base_ns + boot.last_mono_ns);
  }
  write.put_identity({config_.tenant, config_.gateway});
  Meta& meta = write.plan.meta;
  meta.epoch = epoch;
  meta.epoch_index = before.epoch_index + 1;
  meta.predecessor = before.epoch;
  meta.next_seq = 1;
  meta.clean_stop = false;
  meta.last_durable_ns = now_ns;
  write.put_epoch(meta.epoch_index, epoch);
  FlightItem opening;
  opening.kind = ItemKind::kOpening;
  opening.opening = {before.epoch, before.epoch == 0 ? 0 : before.next_seq - 1, config_.machine_id, newest_ns};
  freeze(write, opening);
  if (recovery_.gap && !bug("gap_forgotten")) {
    FlightItem gap;
    gap.kind = ItemKind::kGap;
    gap.gap = *recovery_.gap;
    freeze(write, gap);
  }
  undated_.end(write);
}

// Makes what is undated coarser.
Result<bool> Outbox::condense(size_t bytes_max, const ShapeOf& shape) {
  if (undated_.bytes_to_merge() == 0) return false;
  bool found = false;
  Status status = run([&](Write& write) { found = Undated::condense(write, bytes_max, shape); });
  if (!status) return status.error();
  return found;
}

Result<bool> Outbox::shrink(size_t bytes_max, const ShapeOf& shape) {
  uint64_t waiting = 0;
  for (const auto& [width_s, count] : waiting_) waiting += width_s == kAllTime ? 0 : count.bytes;
  if (undated_.bytes_to_merge() < waiting) return coarsen(bytes_max);
  auto condensed = condense(bytes_max, shape);
  if (!condensed || *condensed) return condensed;
  return coarsen(bytes_max);
}

}  // namespace tributary::edge
