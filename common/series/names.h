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
inline constexpr size_t kMetricBytesMax = 128;
inline constexpr size_t kLabelsMax = 8;
inline constexpr size_t kLabelKeyBytesMax = 32;
inline constexpr size_t kLabelValueBytesMax = 64;
inline constexpr size_t kLabelsBytesMax = 256;    // keys and values together
inline constexpr size_t kSeriesIdBytesMax = 480;  // all of a series' names, as its id has them (Series::id)

// A tenant's or gateway's name: one level of MQTT topics, a client id and a user name at once. It holds no '/' and
// begins with a letter or digit, so that it is never "." or ".." where it becomes part of a path.
inline constexpr const char* kTopicNameGrammar = "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}";
bool is_topic_name(std::string_view text);

// A metric's name: UTF-8 as it came. Of ASCII it has letters, digits and _ . : - alone, and begins with a letter or _;
// of everything else any character that is no control character, so that a name may be of any script.
inline constexpr const char* kMetricNameGrammar =
    "letters of any script, digits and _ . : -, with a letter or _ at the beginning";
bool is_metric_name(std::string_view text);  // 1 to kMetricBytesMax bytes

// How a character of a sender's field name gets into the name of a metric. ASCII that the alphabet lacks (blanks,
// brackets, %) is folded to '_'. Everything else stays, control characters and broken UTF-8 too, for is_metric_name to
// refuse.
char folded_for_metric(char c);
bool needs_metric_start(char first);  // a digit, '.', ':' or '-': fits a metric's name, but not at its beginning

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
  kSeriesBytes,  // each fits, but not all together
};
struct SeriesVerdict {
  SeriesFault fault = SeriesFault::kNone;
  size_t label = 0;  // its index, for kLabelKey, kLabelValue and kLabelOrder
};
SeriesVerdict judge_labels(std::span<const LabelView> labels);
SeriesVerdict judge_series(std::string_view device, std::string_view metric, std::span<const LabelView> labels,
                           bool overflow);

}  // namespace tributary
