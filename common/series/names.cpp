// SPDX-License-Identifier: Apache-2.0
// Names, see names.h.
#include "common/series/names.h"

#include "common/base/utf8.h"

namespace tributary {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool is_topic_name(std::string_view text) {
  if (text.empty() || text.size() > kTopicNameBytesMax) return false;
  if (!is_letter(text.front()) && !is_digit(text.front())) return false;
  for (const char c : text) {
    if (!is_letter(c) && !is_digit(c) && c != '_' && c != '.' && c != '-') return false;
  }
  return true;
}

bool is_metric_name(std::string_view text) {
  if (text.empty() || text.size() > kMetricBytesMax || needs_metric_start(text.front())) return false;
  for (const char c : text) {
    if (folded_for_metric(c) != c) return false;
  }
  return is_printable_utf8(text);
}

char folded_for_metric(char c) {
  const auto byte = static_cast<uint8_t>(c);
  const bool foreign = byte < 0x20 || byte >= 0x7f;
  return foreign || is_letter(c) || is_digit(c) || c == '_' || c == '.' || c == ':' || c == '-' ? c : '_';
}

bool needs_metric_start(char first) { return is_digit(first) || first == '.' || first == ':' || first == '-'; }

bool is_label_key(std::string_view text) {
  if (text.empty() || text.size() > kLabelKeyBytesMax || is_digit(text.front())) return false;
  for (const char c : text) {
    if (!is_lower(c) && !is_digit(c) && c != '_') return false;
  }
  return true;
}

bool is_plain_text(std::string_view text, size_t bytes_max) {
  return !text.empty() && text.size() <= bytes_max && is_printable_utf8(text);
}

SeriesVerdict judge_labels(std::span<const LabelView> labels) {
  if (labels.size() > kLabelsMax) return {SeriesFault::kLabelCount};
  size_t bytes = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const LabelView& label = labels[i];
    if (!is_label_key(label.key)) return {SeriesFault::kLabelKey, i};
    if (!is_plain_text(label.value, kLabelValueBytesMax)) return {SeriesFault::kLabelValue, i};
    if (i > 0 && label.key <= labels[i - 1].key) return {SeriesFault::kLabelOrder, i};
    bytes += label.key.size() + label.value.size();
  }
  return {bytes > kLabelsBytesMax ? SeriesFault::kLabelBytes : SeriesFault::kNone};
}

SeriesVerdict judge_series(std::string_view device, std::string_view metric, std::span<const LabelView> labels,
                           bool overflow) {
  if (overflow && !device.empty()) return {SeriesFault::kOverflowDevice};
  if (!overflow && !is_plain_text(device, kDeviceBytesMax)) return {SeriesFault::kDevice};
  if (!is_metric_name(metric)) return {SeriesFault::kMetric};
  if (const SeriesVerdict verdict = judge_labels(labels); verdict.fault != SeriesFault::kNone) return verdict;
  size_t bytes = device.size() + metric.size() + 2 + (overflow ? 1 : 0);
  for (const LabelView& label : labels) bytes += label.key.size() + label.value.size() + 2;
  return {bytes > kSeriesIdBytesMax ? SeriesFault::kSeriesBytes : SeriesFault::kNone};
}

}  // namespace tributary
