// SPDX-License-Identifier: Apache-2.0
// What a set of partitions contributes to an answer that cannot be merged from finished answers, and how contributions
// become one. Adding contributions is commutative and associative, so it does not matter how partitions are spread over
// aggregators.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cloud/query/query.h"

namespace tributary::query {

// A gateway that contributes to a selection.
struct GatewayNote {
  std::string gateway;
  int64_t frontier_ns = 0, mark_ns = 0, last_seen_ns = 0, first_seen_ns = 0;
  bool retired = false;
  bool overflow = false;  // its series limit is reached
  std::string absence;    // "offline", "silent", or nothing: alive
  uint64_t parked = 0;
  std::vector<GapNote> gaps;             // those that touch the range
  std::vector<EstimatedNote> estimated;  // the same
  std::vector<LostNote> lost;
  std::map<std::string, uint64_t> rejected;
};

struct CompletenessPart {
  std::vector<GatewayNote> gateways;
  std::vector<LogGapNote> log_gaps;
  uint32_t partitions = 0;

  void add(CompletenessPart other);
};
// All partitions' contributions as the answer. Without an end the range ends at the greatest frontier of all.
Completeness conclude(CompletenessPart part, const Range& range, int64_t now_ns);

// Where the newest window may be.
struct NewestPart {
  bool any = false;               // a series fits the selection
  std::optional<int64_t> narrow;  // start of something not wider than the window
  std::optional<Row> wide;        // a partial wider than that
  std::optional<Row> coarse;      // a coarser row, where retention has dropped the finer ones

  void add(const NewestPart& other);
};
struct NewestChoice {
  Row row;
  bool narrow = false;
};
NewestChoice choose(const NewestPart& part, WidthS window_s);

// Last readings of partitions as one list: of a series in several, the greatest, with the open rows of all.
class LastReadings {
 public:
  void add(LastReading reading);
  // The first max by id; the list is empty again.
  std::vector<LastReading> take(size_t max);

 private:
  std::map<std::string, LastReading> all_;
};

// What is said of rows that were not given: a step that stored rows do not divide, or too many.
struct SeriesFacts {
  WidthS unfit_s = 0;  // > 0: the width that does not divide the step; nothing was given
  uint64_t rows = 0;   // > rows_max: nothing was given but the keys

  void add_unfit(WidthS width_s) {
    if (width_s != 0 && (unfit_s == 0 || width_s < unfit_s)) unfit_s = width_s;
  }
};
Error unfit_step(WidthS step_s, WidthS unfit_s);
Error unfit_window(WidthS window_s, WidthS unfit_s);
Error too_many_rows(uint64_t rows, uint64_t rows_max);
Error no_readings(const std::string& metric);

// Two tellings of one metric or device, of different partitions.
void add_metric(MetricInfo& metric, const MetricInfo& other);
void add_device(DeviceInfo& device, const DeviceInfo& other);
// The order of gateways in an answer.
void sort_gateways(std::vector<GatewayInfo>& gateways);
// Leaves the page of a list that is in order by name.
void cut_page(std::vector<DeviceInfo>& devices, const NamePage& page);
void cut_page(std::vector<GatewayInfo>& gateways, const NamePage& page);

}  // namespace tributary::query
