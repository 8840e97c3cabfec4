// SPDX-License-Identifier: Apache-2.0
// Uplink messages as a gateway would make them, whole and damaged, for tests.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/stats/summary.h"
#include "common/wire/message.h"

namespace tributary::test {

inline constexpr int64_t kNowS = 1'763'680'000;  // a whole minute
inline constexpr size_t kHeaderBytes = 56;       // common/wire/FORMAT.md

inline std::vector<uint8_t> summary_of(std::initializer_list<double> values, int64_t start_s) {
  stats::Summary summary;
  int64_t time_ns = start_s * kNanosPerSecond;
  for (const double value : values) summary.add(time_ns++, value);
  std::vector<uint8_t> out(stats::kSummaryBytesMax);
  out.resize(summary.encode(out));
  return out;
}

struct MessageShape {
  uint64_t epoch = 77;
  uint64_t first_seq = 2;
  std::vector<int64_t> starts_s = {kNowS - 60, kNowS - 50};  // one partial each
  WidthS width_s = 10;
  bool opening = false;          // before the partials
  std::vector<uint8_t> summary;  // instead of a good one
  std::string device = "device-1";
  uint8_t version = wire::kFormatVersion;
  uint32_t required_features = 0;
};

inline std::string message_of(const MessageShape& shape = {}) {
  std::vector<uint8_t> buffer(wire::kMessageBytesMax);
  wire::MessageBuilder builder(buffer);
  wire::SeriesView series;
  series.device = shape.device;
  series.metric = "temperature";
  const uint32_t index = builder.add_series(series).value();
  if (shape.opening) CHECK(builder.add(wire::Opening{}));
  for (const int64_t start_s : shape.starts_s) {
    wire::Partial partial;
    partial.series = index;
    partial.start_s = start_s;
    partial.width_s = shape.width_s;
    const std::vector<uint8_t> summary = shape.summary.empty() ? summary_of({20.5, 21.5}, start_s) : shape.summary;
    partial.summary = summary;
    CHECK(builder.add(partial));
  }
  wire::Header header;
  header.version = shape.version;
  header.required_features = shape.required_features;
  header.epoch = shape.epoch;
  header.first_seq = shape.first_seq;
  header.frontier_ns = (kNowS - 40) * kNanosPerSecond;
  header.mark_ns = kNowS * kNanosPerSecond;
  return std::string(as_text(builder.finish(header)));
}

inline std::string empty_message(uint64_t epoch, uint64_t next_seq) {
  MessageShape shape;
  shape.epoch = epoch;
  shape.first_seq = next_seq;
  shape.starts_s = {};
  return message_of(shape);
}

// The same message with one bit of one byte flipped; at counts from the end if negative.
inline std::string flipped(std::string message, ptrdiff_t at) {
  const size_t place = at >= 0 ? static_cast<size_t>(at) : message.size() - static_cast<size_t>(-at);
  message.at(place) = static_cast<char>(message.at(place) ^ 1);
  return message;
}

}  // namespace tributary::test
