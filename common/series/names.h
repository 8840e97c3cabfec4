// SPDX-License-Identifier: Apache-2.0
// The grammars of names, each once: tenants and gateways, metrics, label keys, and a series as a whole. Freestanding:
// devices judge what they send by the same rules as the cloud what it gets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace tributary {

inline constexpr size_t kTopicNameBytesMax = 64;
inline constexpr size_t kDeviceBytesMax = 128;
inline constexpr size_t kMetricBytesMax = 64;
inline constexpr size_t kLabelsMax = 8;
inline constexpr size_t kLabelKeyBytesMax = 32;
inline constexpr size_t kLabelValueBytesMax = 64;
inline constexpr size_t kLabelsBytesMax = 256;  // keys and values together

// A tenant's or gateway's name: one level of MQTT topics, a client id and a user name at once. It holds no '/' and
// begins with a letter or digit, so that it is never "." or ".." where it becomes part of a path.
inline constexpr const char* kTopicNameGrammar = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}";
bool is_topic_name(std::string_view text);

inline constexpr const char* kMetricNameGrammar = "[A-Za-z_][A-Za-z0-9_.:-]*";
bool is_metric_byte(char c);                 // anywhere in a metric's name
bool is_metric_start(char c);                // at its beginning
bool is_metric_name(std::string_view text);  // 1 to kMetricBytesMax bytes

inline constexpr const char* kLabelKeyGrammar = "[a-z_][a-z0-9_]{0,31}";
bool is_label_key(std::string_view text);

// 1 to bytes_max bytes of UTF-8 without control characters: devices (kDeviceBytesMax), values of labels.
bool is_plain_text(std::string_view text, size_t bytes_max);

struct LabelView {
  std::string_view key, value;
};

// The first thing wrong with a series, in the order of its parts.
enum class SeriesFault : uint8_t {
  kNone,
  kOverflowDevice,  // an overflow series has no device
  kDevice,
  kMetric,
  kLabelCount,
  kLabelKey,
  kLabelValue,
  kLabelOrder,  // not after the label before it: sorted by key, each once
  kLabelBytes,
};
struct SeriesVerdict {
  SeriesFault fault = SeriesFault::kNone;
  size_t label = 0;  // its index, for kLabelKey, kLabelValue and kLabelOrder
};
SeriesVerdict judge_labels(std::span<const LabelView> labels);
SeriesVerdict judge_series(std::string_view device, std::string_view metric, std::span<const LabelView> labels,
                           bool overflow);

}  // namespace tributary
