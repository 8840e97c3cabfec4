// SPDX-License-Identifier: Apache-2.0
// Keys and values of the outbox, as edge/outbox/FORMAT.md specifies them. Keys are big-endian, so that LMDB's order is
// the order of the numbers; every value begins with a CRC-32C over key and content, so that a flipped bit is found.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/time.h"
#include "common/series/series.h"
#include "common/stats/summary.h"
#include "common/wire/message.h"
#include "edge/window/counter.h"

namespace tributary::edge {

inline constexpr uint32_t kOutboxVersion = 2;  // 2 has undated readings; 1 is read too
inline constexpr int64_t kUnknownStart = std::numeric_limits<int64_t>::min();

// Where a waiting partial belongs. birth: the index of the epoch in which it closed; any other than the current one
// makes it inherited, 0 is what coarsening gives to inherited ones.
struct WaitingKey {
  static constexpr size_t kBytes = 20;
  WidthS width_s = 0;
  int64_t start_s = 0;
  uint32_t birth = 0;
  uint32_t series = 0;
  std::string encode() const;
  static std::optional<WaitingKey> decode(std::string_view key);
  auto operator<=>(const WaitingKey&) const = default;
};

struct CheckpointKey {
  static constexpr size_t kBytes = 16;
  uint32_t series = 0;
  WidthS width_s = 0;
  int64_t start_s = 0;
  std::string encode() const;
  static std::optional<CheckpointKey> decode(std::string_view key);
};

struct FlightKey {
  static constexpr size_t kBytes = 12;
  uint32_t epoch_index = 0;
  uint64_t seq = 0;
  std::string encode() const;
  static std::optional<FlightKey> decode(std::string_view key);
};

std::string index_key(uint32_t index);  // of the tables epochs, series and previous
std::optional<uint32_t> decode_index_key(std::string_view key);

// checksum(key, content) and content, in out.
void seal(std::string_view key, std::string_view content, std::string& out);
// The content, or nothing if the checksum does not fit.
std::optional<std::string_view> unseal(std::string_view key, std::string_view value);

// The content of a waiting partial: flags and the encoded summary, which is empty only in an entry that stands for a
// loss alone.
struct WaitingValue {
  static constexpr uint8_t kTimeEstimated = 1;
  static constexpr uint8_t kLost = 2;  // a stored partial of this window could not be read back
  uint8_t flags = 0;
  Bytes summary;
};
void encode_waiting(const WaitingValue& value, std::string& out);
// The content of a stored entry; kLost and no summary if it cannot be read back.
WaitingValue open_waiting(std::string_view key, std::string_view value);

// How much waits in windows of one width.
struct WaitingCount {
  uint64_t partials = 0, bytes = 0;
};

// The content of a checkpointed window: its readings as they came, or their summary where they are many.
enum class CheckpointForm : uint8_t { kReadings = 1, kSummary = 2 };
// Adds what a checkpoint holds to summary. False (summary is then cleared) if it is not well formed.
bool read_checkpoint(std::string_view content, stats::Summary& summary);

// The content of a numbered item. Never changes once written.
enum class ItemKind : uint8_t { kPartial = 1, kOpening = 2, kGap = 3, kLost = 4 };
struct FlightItem {
  ItemKind kind = ItemKind::kLost;
  uint32_t series = 0;
  int64_t start_s = 0;
  WidthS width_s = 0;
  bool inherited = false;
  bool time_estimated = false;
  Bytes summary;
  wire::Opening opening;
  wire::Gap gap;
};
void encode_item(const FlightItem& item, std::string& out);
std::optional<FlightItem> decode_item(std::string_view content);
// The least time of a reading in it, for the frontier; kUnknownStart if that cannot be told, INT64_MAX if it has none.
int64_t item_start_ns(const FlightItem& item);
int64_t window_start_ns(int64_t start_s, WidthS width_s);

struct Identity {
  std::string tenant, gateway;
};
void encode_identity(const Identity& identity, std::string& out);
std::optional<Identity> decode_identity(std::string_view content);

// One record: what every transaction writes anew.
struct Meta {
  uint64_t epoch = 0;
  uint64_t predecessor = 0;
  uint64_t next_seq = 1;
  uint32_t epoch_index = 0;
  bool clean_stop = false;
  int64_t last_durable_ns = 0;
  uint64_t accepted_total = 0;
  uint64_t overflow_total = 0;
  std::map<std::string, uint64_t> rejected_total;
};
void encode_meta(const Meta& meta, std::string& out);
std::optional<Meta> decode_meta(std::string_view content);

// A series by its number: what kind of metric it is, and Series::id().
struct SeriesRecord {
  MetricKind kind = MetricKind::kGauge;
  std::string_view identity;
};
void encode_series(const SeriesRecord& series, std::string& out);
std::optional<SeriesRecord> decode_series(std::string_view content);

void encode_previous(const PreviousValue& previous, std::string& out);
std::optional<PreviousValue> decode_previous(std::string_view content);

void encode_epoch(uint64_t epoch, std::string& out);
std::optional<uint64_t> decode_epoch(std::string_view content);

}  // namespace tributary::edge
