// SPDX-License-Identifier: Apache-2.0
// Federation: a Query over all partitions of the cluster: this aggregator's own part and that of every other one,
// asked for and merged. It knows no question by name.
//
// What exact means here: each aggregator's part is of one instant of its own partitions, so an answer equals merging
// everything that each had committed at that instant; the instants of two aggregators differ by the time of one
// question. No reading is in two partitions' shares, because a gateway's messages all go to one partition. An
// aggregator that does not answer is left out, and its partitions are named: by missing() and in every completeness.
// Within one_answer() who failed once is not asked again, so that what was left out of one question of an answer is
// named even if another question had it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "cloud/cluster/answerer.h"
#include "cloud/cluster/layout.h"
#include "cloud/cluster/peers.h"
#include "cloud/query/query.h"

namespace tributary::cluster {

class Federation final : public query::Query {
 public:
  // own and peers must outlive it.
  Federation(const query::LocalQuery& local, const Answerer& own, Peers& peers, const Layout& layout)
      : Federation(local, own, peers, layout, false, nullptr) {}

  std::shared_ptr<const Query> one_answer(query::Trace* trace = nullptr) const override;
  std::vector<uint32_t> missing() const override;
  query::Place place() const override;

  // Every aggregator by ordinal, the own one included, with what it tells of itself and of the tenant, or why it does
  // not. One question to all at the same time; who does not know the question is not taken for absent elsewhere.
  std::vector<query::SystemMember> members(const std::string& tenant, int64_t now_ns) const;

 protected:
  Result<query::Coverage> run(query::AnyQuestion& asking) const override;
  query::Trace* trace() const override { return trace_; }

 private:
  Federation(const query::LocalQuery& local, const Answerer& own, Peers& peers, const Layout& layout, bool keeps,
             query::Trace* trace)
      : local_(local), own_(own), peers_(peers), layout_(layout), keeps_(keeps), trace_(trace) {}

  QuestionHead head(uint8_t op, uint32_t ordinal) const {
    return {layout_.replicas, layout_.partitions, ordinal, op, trace_ != nullptr};
  }
  query::Share share(uint32_t ordinal) const;
  Status ask_own(query::AnyQuestion& asking) const;
  // Takes what a peer answered. False: it counts as not answering. An error that stands for all is in error.
  bool take(const Peers::Ask& ask, query::AnyQuestion& asking, std::optional<Error>& error) const;
  std::vector<uint32_t> partitions_of(const std::set<uint32_t>& ordinals) const;

  const query::LocalQuery& local_;
  const Answerer& own_;
  Peers& peers_;
  const Layout layout_;
  const bool keeps_;  // one answer: remembers who was absent
  query::Trace* const trace_;
  mutable std::mutex mutex_;
  mutable std::set<uint32_t> absent_;
};

}  // namespace tributary::cluster
