// SPDX-License-Identifier: Apache-2.0
// Series: the name of what is measured: device, metric, labels (the tenant is known from elsewhere). Limits are the
// contract's.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/runtime/result.h"
#include "common/stats/kinds.h"

namespace tributary {

inline constexpr size_t kDeviceBytesMax = 128;
inline constexpr size_t kMetricBytesMax = 64;
inline constexpr size_t kLabelsMax = 8;
inline constexpr size_t kLabelKeyBytesMax = 32;
inline constexpr size_t kLabelValueBytesMax = 64;
inline constexpr size_t kLabelsBytesMax = 256;  // keys and values together
inline constexpr size_t kSeriesIdBytesMax = 480;

struct Label {
  std::string key, value;
  auto operator<=>(const Label&) const = default;
};

struct Series {
  std::string device;  // empty: the overflow series of its metric at a gateway (overflow is then true), or a fleet row
  std::string metric;
  std::vector<Label> labels;             // sorted by key, keys unique
  MetricKind kind = MetricKind::kGauge;  // not part of the identity
  bool overflow = false;                 // part of the identity

  // The identity as bytes, for keys and maps: device NUL metric NUL [key NUL value NUL]* and 0x01 at the end if
  // overflow. At most 480 bytes. Orders by device, then metric.
  std::string id() const;
  // The series with its device left out: what fleet rows are kept under (metric first in its id's order, device empty).
  Series fleet() const;
};

// Checks every limit and the alphabet: device and label values are UTF-8 without control characters, not empty; metric
// is [A-Za-z_][A-Za-z0-9_.:-]*; label keys [a-z_][a-z0-9_]{0,31}; labels sorted, unique. Error kInvalid says what was
// found.
Status check_series(const Series& series);

// Makes a metric name of a sender's field name: every byte outside the alphabet becomes '_', a leading digit gets one
// before it.
std::string metric_name(std::string_view field);

// Inverse of Series::id(). kCorrupt if bytes are not an id.
Result<Series> series_from_id(std::string_view id);

}  // namespace tributary
