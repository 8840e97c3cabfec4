// SPDX-License-Identifier: Apache-2.0
// LocalQuery: a Query over the states of this process, and what they contribute to the answers of other aggregators.
#pragma once

#include <memory>
#include <vector>

#include "cloud/query/log_end.h"
#include "cloud/query/query.h"
#include "cloud/state/state.h"

namespace tributary::query {

class LocalQuery final : public Query {
 public:
  // The states, ascending by partition, must outlive it.
  // ends: of the log, one a state, as long-lived; none: as far as a state knows, the log ends with it.
  static std::unique_ptr<LocalQuery> make(std::vector<const state::State*> partitions,
                                          std::vector<const LogEnd*> ends = {}) {
    CHECK(ends.empty() || ends.size() == partitions.size());
    return std::unique_ptr<LocalQuery>(new LocalQuery(std::move(partitions), std::move(ends), false, nullptr));
  }

  std::shared_ptr<const Query> one_answer(Trace* trace = nullptr) const override;
  Place place() const override;

  // Adds this process's part of a share to the question.
  Status answer(AnyQuestion& asking, const Self& self, const Share& share) const {
    return answer(asking, self, share, false);
  }
  // The part of a question that is for these partitions already.
  template <class Q>
  Result<typename Q::Part> part(const Q& question, const Self& self, Trace* trace) const {
    const LocalQuery one(partitions_, ends_, true, trace);
    const Stages stages(one);
    if constexpr (!OfStates<Q>) return question.answer(self);
    const Result<Taken> snapshots = one.take();
    if (!snapshots) return snapshots.error();
    return Asking<Q>::part_of(question, **snapshots, self);
  }

 protected:
  Result<Coverage> run(AnyQuestion& asking) const override;
  Trace* trace() const override { return trace_; }

 private:
  using Taken = std::shared_ptr<const Snapshots>;
  // Adds to the trace what is done while it lives.
  class Stages {
   public:
    explicit Stages(const LocalQuery& query) : query_(query) {
      if (query_.trace_ != nullptr) begun_ = std::chrono::steady_clock::now();
    }
    ~Stages() {
      if (query_.trace_ != nullptr) query_.note((std::chrono::steady_clock::now() - begun_).count());
    }
    Stages(const Stages&) = delete;
    Stages& operator=(const Stages&) = delete;

   private:
    const LocalQuery& query_;
    std::chrono::steady_clock::time_point begun_;
  };

  LocalQuery(std::vector<const state::State*> partitions, std::vector<const LogEnd*> ends, bool keeps, Trace* trace)
      : partitions_(std::move(partitions)), ends_(std::move(ends)), keeps_(keeps), trace_(trace) {
    if (trace_ != nullptr) reads_.resize(partitions_.size());
  }
  Status answer(AnyQuestion& asking, const Self& self, const Share& share, bool whole) const;
  Result<Taken> take() const;
  void note(int64_t took_ns) const;

  const std::vector<const state::State*> partitions_;
  const std::vector<const LogEnd*> ends_;
  const bool keeps_;  // one answer: every question is asked of the same instant
  Trace* const trace_;
  // Used by the one thread of the answer:
  mutable Taken kept_;
  mutable std::vector<state::ReadTrace> reads_;  // by partition; empty: nobody asks
};

}  // namespace tributary::query
