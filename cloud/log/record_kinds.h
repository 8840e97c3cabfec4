// SPDX-License-Identifier: Apache-2.0
// The kinds of records, one row each. Whoever does something else for each kind switches over RecordKind without
// `default:`, so that the compiler names every place that a new kind has not reached.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/base/check.h"

namespace tributary::log {

enum class RecordKind : uint8_t {
  kMessage = 1,   // payload: an uplink message, bytes unchanged
  kRejected = 2,  // the same, but it cannot be merged; reason says why
  kStatus = 3,    // payload: a gateway's status JSON
  kIngest = 4,    // payload: a message body without seqs made of an HTTP request (encoded as an uplink message of epoch
                  // 1, never acked)
  kControl = 5,   // payload: JSON, what answers depend on besides readings (control.h)
};

struct RecordKindRow {
  RecordKind kind;
  std::string_view name;  // in what tools print
  bool carries_message;   // its payload is, or should be, an uplink message
};

// The row of a stored number; nothing if no kind has it.
constexpr std::optional<RecordKindRow> record_kind(uint8_t number) {
  const auto kind = static_cast<RecordKind>(number);
  switch (kind) {
    case RecordKind::kMessage:
      return RecordKindRow{kind, "message", true};
    case RecordKind::kRejected:
      return RecordKindRow{kind, "rejected", true};
    case RecordKind::kStatus:
      return RecordKindRow{kind, "status", false};
    case RecordKind::kIngest:
      return RecordKindRow{kind, "ingest", true};
    case RecordKind::kControl:
      return RecordKindRow{kind, "control", false};
  }
  return std::nullopt;
}
// REQUIRES: kind is one of the enumerators, as in every record that was decoded.
constexpr RecordKindRow row_of(RecordKind kind) {
  const auto row = record_kind(static_cast<uint8_t>(kind));
  CHECK(row.has_value());
  return *row;
}

}  // namespace tributary::log
