// SPDX-License-Identifier: Apache-2.0
// Query: takes a snapshot of each partition and gives the answers of answers.h.
#include "cloud/query/query.h"

#include <algorithm>
#include <deque>
#include <mutex>

#include "cloud/query/answers.h"

namespace tributary::query {
namespace {

// With several partitions a revision is the sum of theirs; what it meant is remembered for so many.
constexpr size_t kRevisionsRemembered = 4096;

class QueryImpl final : public Query {
 public:
  explicit QueryImpl(std::vector<const merge::State*> partitions) : partitions_(std::move(partitions)) {}

  Result<std::vector<MetricInfo>> metrics(const std::string& tenant) const override {
    Result<Snapshots> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_metrics(*snapshots, tenant);
  }

  Result<std::vector<DeviceInfo>> devices(const std::string& tenant) const override {
    Result<Snapshots> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_devices(*snapshots, tenant);
  }

  Result<std::vector<GatewayInfo>> gateways(const std::string& tenant, int64_t now_ns) const override {
    Result<Snapshots> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_gateways(*snapshots, tenant, now_ns);
  }

  bool known(const std::string& tenant, const std::string& metric) const override {
    Result<Snapshots> snapshots = take();
    if (!snapshots) return false;
    const Selection selection{.tenant = tenant, .metric = metric, .devices = {}, .labels = {}};
    return std::any_of(snapshots->begin(), snapshots->end(),
                       [&](const Snapshot& snapshot) { return !select(snapshot, selection, "").empty(); });
  }

  Result<stats::Summary> summary(const Selection& selection, const Range& range) const override {
    Result<Snapshots> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_summary(*snapshots, selection, range);
  }

  Status series(const Selection& selection, const Range& range, WidthS step_s, const std::string& by, uint64_t rows_max,
                const RowSink& sink) const override {
    Result<Snapshots> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_series(*snapshots, selection, range, step_s, by, rows_max, sink);
  }

  Result<Newest> newest(const Selection& selection, WidthS window_s) const override {
    Result<Snapshots> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_newest(*snapshots, selection, window_s);
  }

  Result<Completeness> completeness(const Selection& selection, const Range& range, int64_t now_ns) const override {
    Result<Snapshots> snapshots = take();
    if (!snapshots) return snapshots.error();
    return answer_completeness(*snapshots, selection, range, now_ns);
  }

  uint64_t state_id() const override {
    uint64_t id = 0;
    for (const merge::State* state : partitions_) id ^= state->state_id();
    return id;
  }

  uint64_t revision() const override {
    std::vector<uint64_t> positions;
    for (const merge::State* state : partitions_) positions.push_back(state->position());
    return remember(std::move(positions));
  }

  Result<std::vector<Change>> changes(const std::string& tenant, uint64_t after, size_t max,
                                      uint64_t* upto) const override {
    Result<Snapshots> snapshots = take();
    if (!snapshots) return snapshots.error();
    if (snapshots->size() == 1) return answer_changes(snapshots->front(), tenant, after, max, upto);
    std::vector<uint64_t> positions;
    if (!recall(after, positions)) {
      return Error{ErrorCode::kNotFound, "revision " + std::to_string(after) + " is not kept"};
    }
    std::vector<Change> all;
    for (size_t i = 0; i < snapshots->size(); ++i) {
      uint64_t reached = positions[i];
      const size_t left = max > all.size() ? max - all.size() : 0;
      if (left > 0) {
        Result<std::vector<Change>> changes = answer_changes((*snapshots)[i], tenant, positions[i], left, &reached);
        if (!changes) return changes.error();
        all.insert(all.end(), changes->begin(), changes->end());
      }
      positions[i] = reached;
    }
    *upto = remember(std::move(positions));
    for (Change& change : all) change.revision = *upto;  // partitions have no common order
    return all;
  }

  Result<stats::Summary> row(const std::string& tenant, const Series& series, const Row& row) const override {
    Result<Snapshots> snapshots = take();
    if (!snapshots) return snapshots.error();
    const bool fleet = series.device.empty() && !series.overflow;
    const std::string id = series.id();
    stats::Summary out;
    for (const Snapshot& snapshot : *snapshots) {
      const std::optional<uint32_t> tenant_no = snapshot.tenant(tenant);
      if (!tenant_no || id.size() > kSeriesIdBytesMax) continue;
      std::optional<std::string_view> no =
          snapshot.txn().get(snapshot.tables().series, merge::series_key(*tenant_no, fleet, id));
      if (no) merge_row(snapshot, merge::KeyReader(*no).u32(), row, out);
    }
    if (out.empty()) return Error{ErrorCode::kNotFound, "no row of metric " + series.metric + " starts there"};
    return out;
  }

 private:
  static constexpr size_t kSeriesIdBytesMax = 480;  // as Series::id() promises

  Result<Snapshots> take() const {
    Snapshots snapshots;
    for (const merge::State* state : partitions_) {
      Result<Snapshot> snapshot = Snapshot::take(*state);
      if (!snapshot) return snapshot.error();
      snapshots.push_back(std::move(snapshot).value());
    }
    return snapshots;
  }

  // Positions only grow, so their sum names them as long as it is remembered.
  uint64_t remember(std::vector<uint64_t> positions) const {
    uint64_t sum = 0;
    for (uint64_t position : positions) sum += position;
    if (positions.size() == 1) return sum;
    std::lock_guard lock(mutex_);
    auto same = [&](const auto& entry) { return entry.first == sum; };
    auto found = std::find_if(remembered_.begin(), remembered_.end(), same);
    if (found != remembered_.end()) {
      // Two readers met other partitions first: the lesser positions repeat a change rather than leave one out.
      for (size_t i = 0; i < positions.size(); ++i) {
        found->second[i] = std::min(found->second[i], positions[i]);
      }
      return sum;
    }
    remembered_.emplace_back(sum, std::move(positions));
    if (remembered_.size() > kRevisionsRemembered) remembered_.pop_front();
    return sum;
  }

  bool recall(uint64_t revision, std::vector<uint64_t>& positions) const {
    std::lock_guard lock(mutex_);
    for (const auto& entry : remembered_) {
      if (entry.first == revision) {
        positions = entry.second;
        return true;
      }
    }
    return false;
  }

  std::vector<const merge::State*> partitions_;
  mutable std::mutex mutex_;
  mutable std::deque<std::pair<uint64_t, std::vector<uint64_t>>> remembered_;
};

}  // namespace

std::unique_ptr<Query> Query::make(std::vector<const merge::State*> partitions) {
  return std::make_unique<QueryImpl>(std::move(partitions));
}

}  // namespace tributary::query
