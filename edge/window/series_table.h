// SPDX-License-Identifier: Apache-2.0
// The series a gateway knows, with their open windows. A series is found by device, metric and what a reading says of
// its labels, without an allocation; its index is also its number in the outbox. Beyond the limit readings count in
// their metric's overflow series, one for each unit that senders name.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/base/time.h"
#include "common/reading/reading.h"
#include "common/runtime/result.h"
#include "common/series/series.h"
#include "edge/window/counter.h"
#include "edge/window/readings.h"

namespace tributary::edge {

struct OpenWindow {
  int64_t start_ns = 0, end_ns = 0;
  int64_t opened_mono_ns = 0;
  WidthS width_s = 0;
  uint32_t uncommitted = 0;   // readings that no committed transaction holds yet
  bool checkpointed = false;  // the checkpoint has an entry of it
  bool live = false;          // opened before its time was over: the wall clock may close it
  bool straggler = false;     // opened when its series was already past it: waits grace for more of its kind
  WindowReadings readings;
};

struct SeriesState {
  std::string id;             // Series::id()
  uint16_t device_bytes = 0;  // its id begins with device NUL metric NUL
  uint16_t metric_bytes = 0;
  WidthS width_s = 0;
  MetricKind kind = MetricKind::kGauge;
  bool overflow = false;
  bool stored = false;                                        // the outbox has its row
  bool dirty = false;                                         // some open window has uncommitted readings
  std::optional<PreviousValue> previous;                      // of a counter
  double reset_below = 0;                                     // the same, as configured
  int64_t newest_ns = std::numeric_limits<int64_t>::min();    // newest event time seen
  int64_t next_due_ns = std::numeric_limits<int64_t>::max();  // event time at which the first window closes
  std::vector<OpenWindow> windows;
};

struct SeriesTableConfig {
  WidthS base_width_s = 10;
  std::map<std::string, WidthS, std::less<>> base_width_by_metric;
  std::map<std::string, std::string, std::less<>> unit_by_metric;
  std::map<std::string, MetricKind, std::less<>> kind_by_metric;
  std::vector<Label> labels;
  uint32_t series_max = 10'000;
  std::map<std::string, double, std::less<>> reset_below_by_metric;
};

class SeriesTable {
 public:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

  explicit SeriesTable(SeriesTableConfig config);
  SeriesTable(const SeriesTable&) = delete;
  SeriesTable& operator=(const SeriesTable&) = delete;

  // The series of a reading, or kNone where it is not known. Some tens of nanoseconds where the reading says nothing of
  // labels, some hundreds where it does.
  uint32_t find(const reading::Reading& reading) {
    if (!reading.labels.empty() || !reading.unit.empty()) [[unlikely]]
      return find_labelled(reading);
    return reading.device.empty() ? kNone : find_plain(reading.device, reading.metric);
  }
  // Makes the series, or finds or makes its metric's overflow series where the limit is reached. kInvalid: a bad name.
  // kFull: too many metrics even for overflow series.
  Result<uint32_t> add(const reading::Reading& reading);
  // Takes over a series of an earlier run under its number. One whose labels are configured differently today keeps its
  // number for what is stored, but readings that say nothing of labels go to another one.
  void restore(uint32_t index, const std::string& id, MetricKind kind);

  SeriesState& operator[](uint32_t index) { return series_[index]; }
  const SeriesState& operator[](uint32_t index) const { return series_[index]; }
  uint32_t size() const { return static_cast<uint32_t>(series_.size()); }  // of the index range; some may be unused
  uint32_t count() const { return count_; }

 private:
  // Of the series that are not found by device and metric alone: by their whole identity.
  struct IdHash {
    using is_transparent = void;
    const std::vector<SeriesState>* series;
    size_t operator()(std::string_view id) const { return std::hash<std::string_view>()(id); }
    size_t operator()(uint32_t index) const { return operator()((*series)[index].id); }
  };
  struct IdEqual {
    using is_transparent = void;
    const std::vector<SeriesState>* series;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(std::string_view id, uint32_t index) const { return (*series)[index].id == id; }
    bool operator()(uint32_t index, std::string_view id) const { return (*series)[index].id == id; }
  };

  uint32_t find_plain(std::string_view device, std::string_view metric) const;
  uint32_t find_labelled(const reading::Reading& reading);
  uint32_t find_described(std::string_view device, std::string_view metric, MetricKind kind, std::string_view id) const;
  std::vector<Label> configured_labels(std::string_view metric) const;
  Series describe(const reading::Reading& reading) const;
  Series describe_overflow(const reading::Reading& reading) const;
  WidthS width_of(std::string_view metric) const;
  MetricKind kind_of(std::string_view metric) const;
  double reset_below_of(std::string_view metric) const;
  uint32_t place();
  void insert(uint32_t index, const Series& series);
  void insert_plain(uint32_t index);
  static uint64_t hash(std::string_view device, std::string_view metric);
  void grow();

  SeriesTableConfig config_;
  std::vector<SeriesState> series_;
  std::vector<uint32_t> unused_;
  // Open addressing: index + 1, 0 is empty. The tag holds the hash's upper half and spares most comparisons.
  struct Slot {
    uint32_t tag = 0, index = 0;
  };
  std::vector<Slot> slots_;
  uint32_t used_slots_ = 0;
  std::unordered_set<uint32_t, IdHash, IdEqual> labelled_;
  std::string id_;  // of the reading that is looked for
  uint32_t count_ = 0, overflow_count_ = 0;
};

}  // namespace tributary::edge
