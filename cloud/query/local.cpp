// SPDX-License-Identifier: Apache-2.0
// LocalQuery: takes a snapshot of each partition and lets the questions answer from them.
#include "cloud/query/local.h"

#include <algorithm>
#include <utility>

namespace tributary::query {

std::shared_ptr<const Query> LocalQuery::one_answer(Trace* trace) const {
  if (keeps_ && (trace == nullptr || trace == trace_)) return Query::one_answer(trace);
  return std::shared_ptr<const Query>(new LocalQuery(partitions_, ends_, true, trace));
}

Place LocalQuery::place() const {
  Place place;
  for (const state::State* state : partitions_) place.push_back({state->state_id(), state->position()});
  return place;
}

Result<Coverage> LocalQuery::run(AnyQuestion& asking) const {
  Share share{.place = place()};
  for (uint32_t i = 0; i < partitions_.size(); ++i) share.partitions.push_back(i);
  // Whatever there is to be told is told from the states: nobody is left out for having no news.
  share.place.clear();
  if (Status done = answer(asking, {}, share, true); !done) return done.error();
  return Coverage{static_cast<uint32_t>(partitions_.size()), {}};
}

Status LocalQuery::answer(AnyQuestion& asking, const Self& self, const Share& share, bool whole) const {
  const Stages stages(*this);
  if (!asking.of_states()) return asking.answer({}, self, share, whole);
  const Result<Taken> snapshots = take();
  if (!snapshots) return snapshots.error();
  return asking.answer(**snapshots, self, share, whole);
}

Result<LocalQuery::Taken> LocalQuery::take() const {
  if (kept_) return kept_;
  Snapshots snapshots;
  snapshots.reserve(partitions_.size());
  for (size_t i = 0; i < partitions_.size(); ++i) {
    // Asked before: the snapshot has at least what it speaks of.
    std::optional<int64_t> as_of_ns;
    if (!ends_.empty()) as_of_ns = ends_[i]->as_of_ns();
    auto snapshot = state::Snapshot::take(*partitions_[i], reads_.empty() ? nullptr : &reads_[i], as_of_ns);
    if (!snapshot) return snapshot.error();
    snapshots.push_back(std::move(snapshot).value());
  }
  auto taken = std::make_shared<const Snapshots>(std::move(snapshots));
  if (keeps_) kept_ = taken;
  return taken;
}

void LocalQuery::note(int64_t took_ns) const {
  int64_t other_ns = 0;
  for (size_t i = 0; i < reads_.size(); ++i) {
    const state::ReadTrace read = std::exchange(reads_[i], {});
    Trace::Read& told = trace_->partitions[partitions_[i]->partition()];
    told.rows += read.rows;
    told.bytes += read.bytes;
    trace_->select_ns += read.select_ns;
    trace_->merge_ns += read.merge_ns;
    other_ns += read.select_ns + read.merge_ns;
  }
  trace_->read_ns += std::max<int64_t>(took_ns - other_ns, 0);
}

}  // namespace tributary::query
