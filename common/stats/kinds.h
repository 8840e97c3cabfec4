// SPDX-License-Identifier: Apache-2.0
// The kinds of series: what one byte of a wire message, a stored row or a peer's answer says a series is, the name a
// person writes for it, and the form in which its readings are summed up. A series has one kind. Freestanding.
//
// A new kind is one line of kKinds. A kind whose statistics are numbers takes the form kNumeric and costs nothing more.
// A form of its own is a type beside Summary (summary.h) with an encoded form of its own; it may be large, so a host
// makes one only for a series of such a kind, and the core takes its memory from the caller. A new *statistic* of
// numbers is no kind: it is a part of Summary.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tributary {

// Stored and sent: a number is never given to another kind.
enum class MetricKind : uint8_t { kGauge = 0, kCounter = 1 };

enum class StatisticForm : uint8_t {
  kNumeric,  // stats::Summary: all statistics of a set of numbers
};

struct KindRow {
  MetricKind kind;
  std::string_view name;
  StatisticForm form;
};

inline constexpr KindRow kKinds[] = {
    {MetricKind::kGauge, "gauge", StatisticForm::kNumeric},
    {MetricKind::kCounter, "counter", StatisticForm::kNumeric},
};

// The names as a refusal tells them.
inline constexpr std::string_view kKindNames = "\"gauge\" or \"counter\"";

// Nothing: a kind that this build does not know, from a newer program or from damage. Whoever asks refuses it.
constexpr std::optional<MetricKind> kind_from(uint8_t byte) {
  for (const KindRow& row : kKinds) {
    if (static_cast<uint8_t>(row.kind) == byte) return row.kind;
  }
  return std::nullopt;
}
constexpr std::optional<MetricKind> kind_from(std::string_view name) {
  for (const KindRow& row : kKinds) {
    if (row.name == name) return row.kind;
  }
  return std::nullopt;
}
// REQUIRES: kind came from kind_from or from this program.
constexpr const KindRow& row_of(MetricKind kind) {
  for (const KindRow& row : kKinds) {
    if (row.kind == kind) return row;
  }
  return kKinds[0];
}
constexpr std::string_view to_string(MetricKind kind) { return row_of(kind).name; }

}  // namespace tributary
