// SPDX-License-Identifier: Apache-2.0
// Dating: readings that came without a date leave their entries (level 0) and get their place, each for itself: in the
// window of its time where that is known, else in a window of its boot's monotonic time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/outbox/undated/undated.h"
#include "edge/outbox/write.h"

namespace tributary::edge {

// One transaction's worth: take every entry, then write. Order is the order of arrival: counters need it.
class Dating {
 public:
  // With the bases of their boots.
  Dating(Write& write, const DatingRules& rules) : write_(write), rules_(&rules), shape_(rules.shape) {}
  // Without a clock: levels says for each boot where its readings go.
  Dating(Write& write, const ShapeOf& shape, std::map<uint32_t, uint8_t> levels)
      : write_(write), shape_(shape), levels_(std::move(levels)) {}

  // Takes the readings of one entry out of the table.
  void take(const std::string& key, std::string_view value);
  // Writes windows of time to waiting, of monotonic time to their level, and the counters' last values.
  void put();

 private:
  struct Placed {
    uint32_t series = 0;
    bool dated = true;
    uint32_t boot = 0;  // of one that is not dated
    uint8_t level = 0;  // the same
    uint8_t flags = 0;
    WidthS width_s = 0;
    int64_t start_s = 0;
    int64_t time_ns = 0;
    double value = 0;

    auto target() const { return std::tuple(dated, boot, series, flags, width_s, start_s); }
  };
  void take_one(uint32_t number, const BootRecord& boot, const UndatedReading& reading);
  bool is_future(const BootRecord& boot, const UndatedReading& reading, int64_t arrival_ns) const;
  bool take_increase(const UndatedReading& reading, std::optional<int64_t> time_ns, double reset_below, double& value);
  // It counted as accepted when it was kept, and does not any more.
  void drop(std::optional<reading::Reject> reason);

  Write& write_;
  const DatingRules* rules_ = nullptr;
  const ShapeOf& shape_;
  std::map<uint32_t, uint8_t> levels_;
  std::vector<Placed> placed_;
  std::map<uint32_t, std::optional<PreviousValue>> previous_;
  uint64_t lost_ = 0;
};

// Adds a summary to the window of monotonic time under the key.
void put_undated(Write& write, const UndatedKey& key, Bytes summary);

}  // namespace tributary::edge
