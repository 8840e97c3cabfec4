// SPDX-License-Identifier: Apache-2.0
// Records of readings that have no date yet, because the machine's clock was not set when they came: they keep the boot
// in which they came and its monotonic time (edge/outbox/FORMAT.md).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/time.h"

namespace tributary::edge {

using BootId = std::array<uint8_t, 16>;  // all zero: unknown; then every start of the program is a boot of its own

struct UndatedReading {
  uint32_t series = 0;
  bool own_time = false;  // it carries its own time: time_ns
  int64_t mono_ns = 0;    // when it came, on the clock of its boot
  int64_t time_ns = 0;
  double value = 0;
};
void encode_undated(std::span<const UndatedReading> readings, std::string& out);
bool decode_undated(std::string_view content, std::vector<UndatedReading>& out);  // false: not one

// Level 0 holds readings as they came, the others summaries of windows of monotonic time, wider and wider.
inline constexpr std::array<WidthS, 6> kUndatedWidths = {0, 60, 900, 3600, 86400, kAllTime};
inline constexpr uint8_t kUndatedLevels = kUndatedWidths.size();
inline constexpr uint8_t kBootLevel = 255;

struct UndatedKey {
  static constexpr size_t kBytes = 17;
  uint8_t level = 0;
  uint32_t boot = 0;
  int64_t start_s = 0;  // of the window, on the boot's clock; at level 0 the entry's number
  uint32_t series = 0;  // 0 at level 0
  std::string encode() const;
  static std::optional<UndatedKey> decode(std::string_view key);
  auto operator<=>(const UndatedKey&) const = default;
};

enum class BootState : uint8_t {
  kUndated = 0,
  kDated = 1,     // its clock was set: the base is exact
  kEstimated = 2  // it never was: placed after the last durable time
};

// One boot with undated readings. Kept until all of them, of every boot, are dated.
struct BootRecord {
  BootId id{};
  BootState state = BootState::kUndated;
  int64_t base_ns = 0;       // wall clock = base + monotonic clock; once state is not kUndated
  int64_t last_mono_ns = 0;  // when its newest reading came
  uint64_t readings = 0;     // that were kept, in all
};
void encode_boot(const BootRecord& boot, std::string& out);
std::optional<BootRecord> decode_boot(std::string_view content);

// What was known of the clock: which boot's was set last, and what happened since, for the gap to come.
struct ClockRecord {
  BootId set_boot{};
  bool crashed = false;   // a run ended without a clean stop
  bool replaced = false;  // the outbox was moved aside
};
void encode_clock(const ClockRecord& clock, std::string& out);
std::optional<ClockRecord> decode_clock(std::string_view content);

}  // namespace tributary::edge
