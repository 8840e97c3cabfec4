// SPDX-License-Identifier: Apache-2.0
// Federation, see federation.h.
#include "cloud/cluster/federation.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace tributary::cluster {

using query::Place;

std::shared_ptr<const query::Query> Federation::one_answer(query::Trace* trace) const {
  if (keeps_ && (trace == nullptr || trace == trace_)) return Query::one_answer(trace);
  return std::shared_ptr<const Query>(new Federation(local_, own_, peers_, layout_, true, trace));
}

std::vector<uint32_t> Federation::partitions_of(const std::set<uint32_t>& ordinals) const {
  std::vector<uint32_t> all;
  for (uint32_t ordinal : ordinals) {
    for (uint32_t partition : layout_.partitions_of(ordinal)) all.push_back(partition);
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<uint32_t> Federation::missing() const {
  std::lock_guard lock(mutex_);
  return partitions_of(absent_);
}

query::Share Federation::share(uint32_t ordinal) const {
  const bool own = ordinal == layout_.ordinal;
  return {.partitions = layout_.partitions_of(ordinal),
          .place = own ? local_.place() : peers_.place(ordinal),
          .up = own || peers_.up(ordinal),
          .aggregators = layout_.replicas};
}

Status Federation::ask_own(query::AnyQuestion& asking) const {
  const auto one = trace_ != nullptr ? local_.one_answer(trace_) : nullptr;
  const auto& local = one ? static_cast<const query::LocalQuery&>(*one) : local_;
  return local.answer(asking, own_.self(), share(layout_.ordinal));
}

bool Federation::take(const Peers::Ask& ask, query::AnyQuestion& asking, std::optional<Error>& error) const {
  if (!ask.answer) return false;
  query::In in(as_bytes(*ask.answer));
  AnswerHead head;
  std::optional<Error> told;
  const bool heard = get(in, head, told) && head.ordinal == ask.ordinal && head.replicas == layout_.replicas &&
                     head.partitions == layout_.partitions;
  if (!heard || (!told && !asking.add(in, share(ask.ordinal)))) {
    peers_.distrust(ask.ordinal, "bad_answer");
    return false;
  }
  if (trace_ != nullptr && head.trace) trace_->add(*head.trace);
  if (!told) return true;
  if (!asking.is_final(told->code)) return false;
  if (!error) error = told;
  return true;
}

Result<query::Coverage> Federation::run(query::AnyQuestion& asking) const {
  std::set<uint32_t> absent;
  if (keeps_) {
    std::lock_guard lock(mutex_);
    absent = absent_;
  }
  const auto covered = [&] { return query::Coverage{layout_.partitions, partitions_of(absent)}; };
  Status own;
  // Most often the own partitions know, and nobody has to be asked.
  if (asking.may_settle()) {
    own = ask_own(asking);
    if (!own) return own.error();
    if (asking.settled()) return covered();
  }
  std::vector<Peers::Ask> asks;
  for (uint32_t ordinal = 0; ordinal < layout_.replicas; ++ordinal) {
    if (ordinal == layout_.ordinal || absent.contains(ordinal)) continue;
    query::Out out;
    put(out, head(asking.op(), ordinal));
    if (asking.put(out, share(ordinal))) asks.push_back({.ordinal = ordinal, .question = out.take()});
  }
  peers_.ask(asks, [&] {
    if (!asking.may_settle()) own = ask_own(asking);
  });
  if (!own) return own.error();
  std::optional<Error> error;
  for (Peers::Ask& ask : asks) {
    if (!take(ask, asking, error)) absent.insert(ask.ordinal);
    ask.answer.reset();
  }
  if (keeps_) {
    std::lock_guard lock(mutex_);
    absent_.insert(absent.begin(), absent.end());
  }
  if (error) return *error;
  return covered();
}

Place Federation::place() const {
  Place all(layout_.partitions);
  for (uint32_t ordinal = 0; ordinal < layout_.replicas; ++ordinal) {
    const Place one = ordinal == layout_.ordinal ? local_.place() : peers_.place(ordinal);
    for (uint32_t i = 0; i < one.size(); ++i) all[layout_.partition_of(ordinal, i)] = one[i];
  }
  return all;
}

}  // namespace tributary::cluster
