// SPDX-License-Identifier: Apache-2.0
// Federation: a Query over all partitions of the cluster: this aggregator's own part and that of every other one,
// asked for and merged.
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
      : Federation(local, own, peers, layout, false) {}

  std::shared_ptr<const Query> one_answer() const override {
    return std::shared_ptr<const Query>(new Federation(local_, own_, peers_, layout_, true));
  }
  std::vector<uint32_t> missing() const override;

  Result<std::vector<query::MetricInfo>> metrics(const std::string& tenant) const override;
  Result<std::vector<query::DeviceInfo>> devices(const std::string& tenant) const override;
  Result<std::vector<query::GatewayInfo>> gateways(const std::string& tenant, int64_t now_ns) const override;
  Result<std::vector<query::DeviceInfo>> devices_page(const std::string& tenant,
                                                      const query::NamePage& page) const override;
  Result<std::vector<query::GatewayInfo>> gateways_page(const std::string& tenant, int64_t now_ns,
                                                        const query::NamePage& page) const override;
  bool known(const std::string& tenant, const std::string& metric) const override;
  Result<stats::Summary> summary(const query::Selection& selection, const query::Range& range) const override;
  Status series(const query::Selection& selection, const query::Range& range, WidthS step_s, const std::string& by,
                uint64_t rows_max, const RowSink& sink) const override;
  // In two steps: where it is, then its sum. What is committed in between belongs to the window if it lies in it.
  Result<Newest> newest(const query::Selection& selection, WidthS window_s) const override;
  Result<std::vector<query::LastReading>> last(const query::Selection& selection, std::optional<int64_t> at_ns,
                                               const std::string& after, size_t max) const override;
  Result<query::Completeness> completeness(const query::Selection& selection, const query::Range& range,
                                           int64_t now_ns) const override;
  query::Place place() const override;
  using Query::changes;
  Result<std::vector<query::Change>> changes(const std::string& tenant, const query::Place& after, size_t max,
                                             query::Place* upto) const override;
  Status rows(const std::string& tenant, const std::vector<query::RowKey>& keys, const KeySink& sink) const override;

  // Every aggregator by ordinal, the own one included, with what it tells of itself and of the tenant, or why it does
  // not. One question to all at the same time; who does not know the question is not taken for absent elsewhere.
  std::vector<SystemMember> members(const std::string& tenant, int64_t now_ns) const;

 private:
  Federation(const query::LocalQuery& local, const Answerer& own, Peers& peers, const Layout& layout, bool keeps)
      : local_(local), own_(own), peers_(peers), layout_(layout), keeps_(keeps) {}

  // What was told, by ordinal; the ordinals that did not answer; or an error that stands for all.
  template <class Body>
  struct Told {
    std::vector<std::pair<uint32_t, Body>> bodies;
    std::set<uint32_t> absent;
    std::optional<Error> error;
  };
  // fit changes the question for one aggregator; false: it need not be asked.
  template <class Body>
  Told<Body> ask(Question question, const std::function<bool(uint32_t ordinal, Question&)>& fit = nullptr) const;
  Question question(Op op, const std::string& tenant) const;
  std::vector<uint32_t> partitions_of(const std::set<uint32_t>& ordinals) const;

  const query::LocalQuery& local_;
  const Answerer& own_;
  Peers& peers_;
  const Layout layout_;
  const bool keeps_;  // one answer: remembers who was absent
  mutable std::mutex mutex_;
  mutable std::set<uint32_t> absent_;
};

}  // namespace tributary::cluster
