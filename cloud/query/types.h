// SPDX-License-Identifier: Apache-2.0
// The words that questions and answers share: selections, ranges, rows, places in the changes, notes about gateways.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/series/series.h"

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
  bool operator==(const Range&) const = default;
};

struct Row {
  int64_t start_s = 0;
  WidthS width_s = 0;
  auto operator<=>(const Row&) const = default;
};

// A row of one series, of all partitions.
struct RowKey {
  Series series;
  Row row;
};

// A place in the changes: for each partition, ascending, its state and how far it was read.
struct PartitionPlace {
  uint64_t state_id = 0;  // 0: not known, its aggregator was never reached
  uint64_t revision = 0;
  bool operator==(const PartitionPlace&) const = default;
};
using Place = std::vector<PartitionPlace>;

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

// A part of a list: the names after `after` (empty: all), at most max of them, with every entry of each.
struct NamePage {
  std::string after;
  uint64_t max = std::numeric_limits<uint64_t>::max();
};

}  // namespace tributary::query
