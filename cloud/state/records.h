// SPDX-License-Identifier: Apache-2.0
// The small stored records of a state: gateways, series, changes, dead letters, holes in the log. Formats: FORMAT.md.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/appender.h"
#include "common/base/bytes.h"
#include "common/base/time.h"
#include "common/series/series.h"

namespace tributary::state {

inline constexpr size_t kGapsMax = 256;      // newest kept, per gateway
inline constexpr size_t kAlarmsMax = 16;     // newest kept, per gateway
inline constexpr size_t kEstimatedMax = 64;  // ranges, per gateway; beyond, the nearest two become one
inline constexpr size_t kReasonsMax = 64;    // beyond: "other"
inline constexpr size_t kReasonBytesMax = 64;

using Out = Appender<std::string>;
// The counterpart of Out::text.
std::string_view read_text(ByteReader& in);

struct GatewayGap {
  int64_t from_ns = 0, to_ns = 0;
  uint8_t cause = 0;  // wire::GapCause, or one of these
};
// Noticed here, not said by the gateway, which knows nothing of it: it began anew without its outbox, or another copy
// of its outbox has been in use. What that had accepted and not sent, of whatever time, is gone or parked.
inline constexpr uint8_t kGapWiped = 4, kGapRestored = 5, kGapCloned = 6;

enum class AlarmKind : uint8_t { kRestored = 1, kCloned = 2, kWiped = 3 };

struct GatewayAlarm {
  AlarmKind kind = AlarmKind::kRestored;
  uint64_t epoch = 0;
  int64_t append_ns = 0;
};

// [from, to): some of what is merged of the gateway there was dated without a synchronised clock.
struct EstimatedRange {
  int64_t from_ns = 0, to_ns = 0;
};

struct GatewayRecord {
  std::string tenant, gateway;
  uint32_t tenant_no = 0;
  int64_t first_seen_ns = 0, last_seen_ns = 0;  // append times of its first and newest message
  std::map<std::string, uint64_t, std::less<>> rejected;
  std::deque<GatewayGap> gaps;
  std::deque<GatewayAlarm> alarms;
  std::vector<EstimatedRange> estimated;  // ascending, disjoint

  void count_rejected(std::string_view reason, uint64_t count);
  void add_gap(const GatewayGap& gap);
  void add_alarm(const GatewayAlarm& alarm);
  void add_estimated(EstimatedRange range);

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct SeriesInfo {
  uint32_t tenant_no = 0;
  bool fleet = false;
  MetricKind kind = MetricKind::kGauge;
  std::string id;  // Series::id()

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct ChangedRow {
  uint32_t series_no = 0;
  int64_t start_s = 0;
  WidthS width_s = 0;
  auto operator<=>(const ChangedRow&) const = default;
};

// What one record changed; clock_ns is the state's clock when it did.
struct ChangeRecord {
  int64_t clock_ns = 0;
  std::vector<ChangedRow> rows;

  std::string encode() const;
  bool decode(std::string_view bytes);
};
// The clock and the number of rows alone, for trimming.
bool decode_change_head(std::string_view bytes, int64_t& clock_ns, uint64_t& rows);

// A partial that may have been counted under another identity: kept, not merged.
struct ParkedPartial {
  std::string reason, tenant, gateway, series_id;
  uint64_t epoch = 0, seq = 0;
  int64_t start_s = 0;
  WidthS width_s = 0;
  std::string summary;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct LogGap {
  uint64_t to_offset = 0;
  int64_t noticed_ns = 0;
  std::string cause;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

struct StatusRecord {
  int64_t append_ns = 0;
  std::string json;

  std::string encode() const;
  bool decode(std::string_view bytes);
};

}  // namespace tributary::state
