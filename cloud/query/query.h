// SPDX-License-Identifier: Apache-2.0
// The read side of the aggregator: exact answers over the rows of one or more partitions, each with its completeness.
// Read-only and thread-safe: every question uses one short read transaction a partition, so an answer is of one instant
// (one_answer() keeps it for several questions). What can be asked: questions.h. LocalQuery answers from states of this
// process; cloud/cluster asks other aggregators for their partitions, too.
#pragma once

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "cloud/query/question.h"
#include "cloud/query/trace.h"

namespace tributary::query {

class Query {
 public:
  virtual ~Query() = default;

  template <class Q>
  Result<typename Q::Answer> ask(const Q& question) const {
    Asking<Q> asking(question);
    const Result<Coverage> coverage = run(asking);
    if (!coverage) return coverage.error();
    const ConcludeTimer timer(trace());
    return asking.conclude(*coverage);
  }
  // Of questions with many rows: they go to the sink one by one.
  template <Streams Q>
  Status ask(const Q& question, const typename Q::Sink& sink) const {
    Asking<Q> asking(question, &sink);
    const Result<Coverage> coverage = run(asking);
    if (!coverage) return coverage.error();
    const ConcludeTimer timer(trace());
    return asking.conclude(*coverage);
  }

  // For the questions of one answer, asked by one thread, shortly after one another: over states of this process all of
  // them see the same instant; what one of them did not get from another aggregator, missing() and every completeness
  // after it name. trace, if it is not null, adds up what they cost, and must outlive it. May point to this; must not
  // outlive it. Of one answer already: itself.
  virtual std::shared_ptr<const Query> one_answer(Trace* /*trace*/ = nullptr) const {
    return {std::shared_ptr<void>(), this};
  }
  // The partitions that did not answer one of the questions so far; ascending.
  virtual std::vector<uint32_t> missing() const { return {}; }
  // The newest place of all partitions.
  virtual Place place() const = 0;

 protected:
  // Brings the parts of all partitions together in asking.
  virtual Result<Coverage> run(AnyQuestion& asking) const = 0;
  virtual Trace* trace() const { return nullptr; }

 private:
  class ConcludeTimer {
   public:
    explicit ConcludeTimer(Trace* trace) : trace_(trace) {
      if (trace_ != nullptr) begun_ = std::chrono::steady_clock::now();
    }
    ~ConcludeTimer() {
      if (trace_ != nullptr) trace_->conclude_ns += (std::chrono::steady_clock::now() - begun_).count();
    }
    ConcludeTimer(const ConcludeTimer&) = delete;
    ConcludeTimer& operator=(const ConcludeTimer&) = delete;

   private:
    Trace* trace_;
    std::chrono::steady_clock::time_point begun_;
  };
};

}  // namespace tributary::query
