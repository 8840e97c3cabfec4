// SPDX-License-Identifier: Apache-2.0
// Series: the name of what is measured: device, metric, labels (the tenant is known from elsewhere). Its limits and
// alphabets stand in names.h.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/runtime/result.h"
#include "common/series/names.h"
#include "common/stats/kinds.h"

namespace tributary {

struct Label {
  std::string key, value;
  auto operator<=>(const Label&) const = default;
};

// Appends the identity of a series as bytes, for keys and maps: device NUL metric NUL [key NUL value NUL]* and 0x01 at
// the end if overflow. At most 480 bytes; it orders by device, then metric. Labels: a range of Label or LabelView.
template <class Labels>
void append_series_id(std::string& out, std::string_view device, std::string_view metric, const Labels& labels,
                      bool overflow) {
  size_t size = device.size() + metric.size() + 3;
  for (const auto& label : labels) size += label.key.size() + label.value.size() + 2;
  out.reserve(out.size() + size);
  out.append(device).push_back('\0');
  out.append(metric).push_back('\0');
  for (const auto& label : labels) {
    out.append(label.key).push_back('\0');
    out.append(label.value).push_back('\0');
  }
  if (overflow) out.push_back('\x01');
}

struct Series {
  std::string device;  // empty: the overflow series of its metric at a gateway (overflow is then true), or a fleet row
  std::string metric;
  std::vector<Label> labels;             // sorted by key, keys unique
  MetricKind kind = MetricKind::kGauge;  // not part of the identity
  bool overflow = false;                 // part of the identity

  // See append_series_id.
  std::string id() const;
  // The series with its device left out: what fleet rows are kept under (metric first in its id's order, device empty).
  Series fleet() const;
};

// judge_series in words: error kInvalid says what was found and what was expected.
Status check_series(const Series& series);

// Makes a metric name of a sender's field name: ASCII outside the alphabet becomes '_', a leading digit gets one before
// it, other scripts stay as they are. What is_metric_name refuses then (too long, control characters) is for the caller
// to refuse by name. Two fields may fold into one name: whoever sees both refuses both.
std::string metric_name(std::string_view field);

// Inverse of Series::id(). kCorrupt if bytes are not an id.
Result<Series> series_from_id(std::string_view id);

}  // namespace tributary
