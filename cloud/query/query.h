// SPDX-License-Identifier: Apache-2.0
// The read side of the aggregator: exact answers over the rows of one or more partitions, each with its completeness.
// Read-only and thread-safe: every call uses one short read transaction a partition, so an answer is of one instant
// (one_answer() keeps it for several calls).
// cloud/cluster has an implementation that asks other aggregators for their partitions.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/state/state.h"
#include "common/base/time.h"
#include "common/runtime/result.h"
#include "common/series/series.h"
#include "common/stats/summary.h"

namespace tributary::query {

struct Selection {
  std::string tenant;
  std::string metric;
  std::vector<std::string> devices;  // empty: the whole tenant (fleet rows answer it)
  std::vector<Label> labels;         // all must match
};

// [from, to) in event time; a row belongs to it if its start does. Absent: unbounded.
struct Range {
  std::optional<int64_t> from_ns, to_ns;
};

struct Behind {
  std::string gateway;
  int64_t frontier_ns = 0, mark_ns = 0, last_seen_ns = 0;
  std::string state;  // "late", "silent", "offline"
};
struct GapNote {
  std::string gateway;
  int64_t from_ns = 0, to_ns = 0;
  std::string cause;
};
// Readings of the gateway in [from, to) were dated without a synchronised clock.
struct EstimatedNote {
  std::string gateway;
  int64_t from_ns = 0, to_ns = 0;
};
struct LostNote {
  std::string gateway;
  uint64_t epoch = 0, first_seq = 0, last_seq = 0;
  std::string cause;
};
struct LogGapNote {
  uint32_t partition = 0;
  uint64_t from_offset = 0, to_offset = 0;
  std::string cause;
};

// How complete an answer is. share = gateways whose frontier has passed the range's end / gateways expected: known
// before its end, not retired, contributing to the selection (1 if none is expected). Without an end (or with one
// beyond every frontier and no explicit to), the end is the greatest frontier of the gateways expected; to_ns is the
// least frontier, and never says more than is true.
struct Completeness {
  double share = 1;
  int64_t to_ns = 0;
  uint64_t expected = 0;
  std::vector<Behind> behind;
  std::vector<GapNote> gaps;
  std::vector<EstimatedNote> estimated;
  std::vector<LostNote> lost;
  std::map<std::string, uint64_t> rejected;  // reason → count (edge and bridge together)
  uint64_t parked = 0;
  std::vector<std::string> overflow;  // gateways whose series limit is reached
  std::vector<LogGapNote> log_gaps;
  uint32_t partitions_expected = 1, partitions_answered = 1;
  std::vector<uint32_t> partitions_missing;  // did not answer one of the questions of this answer; ascending
};

struct MetricInfo {
  std::string name, unit;  // unit: of the label unit, empty if none or several
  MetricKind kind = MetricKind::kGauge;
  int64_t last_seen_ns = 0;
  uint64_t series = 0;             // one in two partitions counts in each
  std::vector<std::string> units;  // all of them, ascending; "": a series without
};

struct DeviceInfo {
  std::string device;
  std::vector<Label> labels;  // those equal on all its series, without unit
  std::vector<std::string> gateways, metrics;
  int64_t last_seen_ns = 0;  // event time of its newest reading
};

struct GatewayInfo {
  std::string gateway, state;  // "online", "late", "silent", "offline", "retired"
  std::string version;
  int64_t frontier_ns = 0, mark_ns = 0, last_seen_ns = 0, first_seen_ns = 0;
  uint64_t devices = 0;
  std::string status_json;  // as it sent it last (outbox depth, counters)
  std::vector<GapNote> gaps;
  std::vector<LostNote> lost;
  uint64_t parked = 0;
  std::map<std::string, uint64_t> rejected;
  std::vector<std::string> alarms;
};

struct Row {
  int64_t start_s = 0;
  WidthS width_s = 0;
  auto operator<=>(const Row&) const = default;
};

// A place in the changes: for each partition, ascending, its state and how far it was read.
struct PartitionPlace {
  uint64_t state_id = 0;  // 0: not known, its aggregator was never reached
  uint64_t revision = 0;
  bool operator==(const PartitionPlace&) const = default;
};
using Place = std::vector<PartitionPlace>;

// A changed row, told after its commit.
struct Change {
  uint64_t revision = 0;  // of its partition
  Series series;
  Row row;
};

// A row of one series, of all partitions.
struct RowKey {
  Series series;
  Row row;
};

// The last reading of a series, or the last one known up to an instant: the greatest (time, value).
struct LastReading {
  Series series;
  int64_t time_ns = 0;
  double value = 0;
  // Rows that go on beyond the instant and may hold a later reading up to it: a row tells its first and its last
  // reading only. Empty: the reading is exactly the last. Ascending.
  std::vector<Row> open_rows;
};

// A part of a list: the names after `after` (empty: all), at most max of them, with every entry of each.
struct NamePage {
  std::string after;
  uint64_t max = std::numeric_limits<uint64_t>::max();
};

class Query {
 public:
  // Over states of this process, ascending by partition, which must outlive it; see local.h.
  static std::unique_ptr<Query> make(std::vector<const state::State*> partitions);
  virtual ~Query() = default;

  // For the questions of one answer, asked by one thread, shortly after one another: over states of this process all of
  // them see the same instant; what one of them did not get from another aggregator, missing() and every completeness
  // after it name. May point to this; must not outlive it.
  virtual std::shared_ptr<const Query> one_answer() const { return {std::shared_ptr<void>(), this}; }
  // The partitions that did not answer one of the questions so far; ascending.
  virtual std::vector<uint32_t> missing() const { return {}; }

  virtual Result<std::vector<MetricInfo>> metrics(const std::string& tenant) const = 0;
  virtual Result<std::vector<DeviceInfo>> devices(const std::string& tenant) const = 0;
  virtual Result<std::vector<GatewayInfo>> gateways(const std::string& tenant, int64_t now_ns) const = 0;
  // A page of them, which costs the memory of a page.
  virtual Result<std::vector<DeviceInfo>> devices_page(const std::string& tenant, const NamePage& page) const;
  virtual Result<std::vector<GatewayInfo>> gateways_page(const std::string& tenant, int64_t now_ns,
                                                         const NamePage& page) const;
  // True if the tenant ever had a reading of the metric. Foreign and unknown are the same.
  virtual bool known(const std::string& tenant, const std::string& metric) const = 0;

  // One summary of the range; without bounds the all-time one.
  virtual Result<stats::Summary> summary(const Selection& selection, const Range& range) const = 0;

  // Rows at step (0: base), grouped by by ("" one group, "device", or a label's key), ascending by group and start,
  // disjoint in readings. Each has its own start and width: a coarser partial stays a row of its own. kInvalid with the
  // count if more than rows_max.
  using RowSink = std::function<void(const std::string& group, const Row& row, const stats::Summary& summary)>;
  virtual Status series(const Selection& selection, const Range& range, WidthS step_s, const std::string& by,
                        uint64_t rows_max, const RowSink& sink) const = 0;

  // The newest window of width window_s that has readings, merged. kNotFound if there is none.
  struct Newest {
    Row row;
    stats::Summary summary;
  };
  virtual Result<Newest> newest(const Selection& selection, WidthS window_s) const = 0;

  // The last reading of each device's series of the selection (an empty metric: of all metrics), up to at_ns included
  // if it is given; ascending by the series' id, from the first id after `after` on; at most max. A series without a
  // reading known that early is left out.
  virtual Result<std::vector<LastReading>> last(const Selection& selection, std::optional<int64_t> at_ns,
                                                const std::string& after, size_t max) const = 0;

  virtual Result<Completeness> completeness(const Selection& selection, const Range& range, int64_t now_ns) const = 0;

  // The stream: the newest place, and what changed after one, about max changes, whole revisions; upto is the place
  // they reach (a partition that did not answer stays where it was). kNotFound: after is too old, ahead, or of other
  // states: the reader must start anew.
  virtual Place place() const = 0;
  virtual Result<std::vector<Change>> changes(const std::string& tenant, const Place& after, size_t max,
                                              Place* upto) const = 0;
  // The rows as they are now, in the order of the keys; a key without readings is left out.
  using KeySink = std::function<void(size_t index, const stats::Summary& summary)>;
  virtual Status rows(const std::string& tenant, const std::vector<RowKey>& keys, const KeySink& sink) const = 0;

  // For a Query over one partition.
  uint64_t state_id() const { return only(place()).state_id; }
  uint64_t revision() const { return only(place()).revision; }
  Result<std::vector<Change>> changes(const std::string& tenant, uint64_t after, size_t max, uint64_t* upto) const;
  // kNotFound if the row has no readings.
  Result<stats::Summary> row(const std::string& tenant, const Series& series, const Row& row) const;

 private:
  static PartitionPlace only(const Place& place) {
    CHECK(place.size() == 1);
    return place.front();
  }
};

}  // namespace tributary::query
