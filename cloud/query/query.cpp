// SPDX-License-Identifier: Apache-2.0
// LocalQuery: takes a snapshot of each partition and gives the answers of answers.h.
#include "cloud/query/query.h"

#include <algorithm>

#include "cloud/query/answers.h"
#include "cloud/query/local.h"

namespace tributary::query {
namespace {

class LocalQueryImpl final : public LocalQuery {
 public:
  LocalQueryImpl(std::vector<const state::State*> partitions, bool keeps)
      : partitions_(std::move(partitions)), keeps_(keeps) {}

  std::shared_ptr<const Query> one_answer() const override {
    return std::make_shared<const LocalQueryImpl>(partitions_, true);
  }

  Result<std::vector<MetricInfo>> metrics(const std::string& tenant) const override {
    const Result<Taken> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_metrics(**snapshots, tenant);
  }

  Result<std::vector<DeviceInfo>> devices(const std::string& tenant) const override { return devices_page(tenant, {}); }

  Result<std::vector<DeviceInfo>> devices_page(const std::string& tenant, const NamePage& page) const override {
    const Result<Taken> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_devices(**snapshots, tenant, page);
  }

  Result<std::vector<GatewayInfo>> gateways(const std::string& tenant, int64_t now_ns) const override {
    return gateways_page(tenant, now_ns, {});
  }

  Result<std::vector<GatewayInfo>> gateways_page(const std::string& tenant, int64_t now_ns,
                                                 const NamePage& page) const override {
    const Result<Taken> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_gateways(**snapshots, tenant, now_ns, page);
  }

  bool known(const std::string& tenant, const std::string& metric) const override {
    const Result<Taken> snapshots = take();
    if (!snapshots) return false;
    const Selection selection{.tenant = tenant, .metric = metric, .devices = {}, .labels = {}};
    return std::any_of((*snapshots)->begin(), (*snapshots)->end(),
                       [&](const state::Snapshot& snapshot) { return !select(snapshot, selection, "").empty(); });
  }

  Result<stats::Summary> summary(const Selection& selection, const Range& range) const override {
    const Result<Taken> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_summary(**snapshots, selection, range);
  }

  Status series(const Selection& selection, const Range& range, WidthS step_s, const std::string& by, uint64_t rows_max,
                const RowSink& sink) const override {
    Result<SeriesFacts> facts = series_part(selection, range, step_s, by, rows_max, sink, nullptr);
    if (!facts) return facts.error();
    if (facts->unfit_s != 0) return unfit_step(step_s, facts->unfit_s);
    if (facts->rows > rows_max) return too_many_rows(facts->rows, rows_max);
    return {};
  }

  Result<SeriesFacts> series_part(const Selection& selection, const Range& range, WidthS step_s, const std::string& by,
                                  uint64_t rows_max, const RowSink& sink, const RowKeySink& too_many) const override {
    const Result<Taken> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_series(**snapshots, selection, range, step_s, by, rows_max, sink, too_many);
  }

  Result<Newest> newest(const Selection& selection, WidthS window_s) const override {
    const Result<Taken> snapshots = take();
    if (!snapshots) return snapshots.error();
    const NewestPart part = find_newest(**snapshots, selection, window_s);
    if (!part.any) return no_readings(selection.metric);
    const NewestChoice choice = choose(part, window_s);
    WidthS unfit_s = 0;
    Newest newest{choice.row, sum_newest(**snapshots, selection, window_s, choice, &unfit_s)};
    if (unfit_s != 0) return unfit_window(window_s, unfit_s);
    if (newest.summary.empty()) return no_readings(selection.metric);
    return newest;
  }

  Result<NewestPart> newest_part(const Selection& selection, WidthS window_s) const override {
    const Result<Taken> snapshots = take();
    if (!snapshots) return snapshots.error();
    return find_newest(**snapshots, selection, window_s);
  }

  Result<stats::Summary> newest_sum(const Selection& selection, WidthS window_s, const NewestChoice& choice,
                                    WidthS* unfit_s) const override {
    const Result<Taken> snapshots = take();
    if (!snapshots) return snapshots.error();
    return sum_newest(**snapshots, selection, window_s, choice, unfit_s);
  }

  Result<std::vector<LastReading>> last(const Selection& selection, std::optional<int64_t> at_ns,
                                        const std::string& after, size_t max) const override {
    const Result<Taken> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_last(**snapshots, selection, at_ns, after, max);
  }

  Result<Completeness> completeness(const Selection& selection, const Range& range, int64_t now_ns) const override {
    Result<CompletenessPart> part = completeness_part(selection, range, now_ns);
    if (!part) return part.error();
    return conclude(std::move(part).value(), range, now_ns);
  }

  Result<CompletenessPart> completeness_part(const Selection& selection, const Range& range,
                                             int64_t now_ns) const override {
    const Result<Taken> snapshots = take();
    if (!snapshots) return snapshots.error();
    return read_completeness(**snapshots, selection, range, now_ns);
  }

  Place place() const override {
    Place place;
    for (const state::State* state : partitions_) place.push_back({state->state_id(), state->position()});
    return place;
  }

  using Query::changes;
  Result<std::vector<Change>> changes(const std::string& tenant, const Place& after, size_t max,
                                      Place* upto) const override {
    if (after.size() != partitions_.size()) return Error{ErrorCode::kNotFound, "the place is of other partitions"};
    for (size_t i = 0; i < after.size(); ++i) {
      if (after[i].state_id != partitions_[i]->state_id()) {
        return Error{ErrorCode::kNotFound, "the place is of another state"};
      }
    }
    const Result<Taken> snapshots = take();
    if (!snapshots) return snapshots.error();
    std::vector<Change> all;
    Place reached = after;
    for (size_t i = 0; i < (*snapshots)->size(); ++i) {
      if (i > 0 && all.size() >= max) break;
      Result<std::vector<Change>> changes =
          answer_changes((**snapshots)[i], tenant, after[i].revision, max - all.size(), &reached[i].revision);
      if (!changes) return changes.error();
      if (all.empty()) {
        all = std::move(changes).value();
      } else {
        all.insert(all.end(), changes->begin(), changes->end());
      }
    }
    *upto = std::move(reached);
    return all;
  }

  Status rows(const std::string& tenant, const std::vector<RowKey>& keys, const KeySink& sink) const override {
    const Result<Taken> snapshots = take();
    if (!snapshots) return snapshots.error();
    answer_rows(**snapshots, tenant, keys, sink);
    return {};
  }

 private:
  using Taken = std::shared_ptr<const Snapshots>;
  Result<Taken> take() const {
    if (kept_) return kept_;
    Snapshots snapshots;
    snapshots.reserve(partitions_.size());
    for (const state::State* state : partitions_) {
      Result<state::Snapshot> snapshot = state::Snapshot::take(*state);
      if (!snapshot) return snapshot.error();
      snapshots.push_back(std::move(snapshot).value());
    }
    auto taken = std::make_shared<const Snapshots>(std::move(snapshots));
    if (keeps_) kept_ = taken;
    return taken;
  }

  const std::vector<const state::State*> partitions_;
  const bool keeps_;    // one answer: every question is asked of the same instant
  mutable Taken kept_;  // used by one thread
};

}  // namespace

std::unique_ptr<LocalQuery> LocalQuery::make(std::vector<const state::State*> partitions) {
  return std::make_unique<LocalQueryImpl>(std::move(partitions), false);
}

std::unique_ptr<Query> Query::make(std::vector<const state::State*> partitions) {
  return LocalQuery::make(std::move(partitions));
}

Result<std::vector<Change>> Query::changes(const std::string& tenant, uint64_t after, size_t max,
                                           uint64_t* upto) const {
  Place reached;
  Result<std::vector<Change>> found = changes(tenant, Place{{state_id(), after}}, max, &reached);
  if (found) *upto = only(reached).revision;
  return found;
}

Result<stats::Summary> Query::row(const std::string& tenant, const Series& series, const Row& row) const {
  std::optional<stats::Summary> found;
  const Status done = rows(tenant, {{series, row}}, [&](size_t, const stats::Summary& summary) { found = summary; });
  if (!done) return done.error();
  if (!found) return Error{ErrorCode::kNotFound, "no row of metric " + series.metric + " starts there"};
  return *found;
}

}  // namespace tributary::query
