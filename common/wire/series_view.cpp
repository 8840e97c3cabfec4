// SPDX-License-Identifier: Apache-2.0
// Limits and alphabet of series names on the wire. They are the contract's, as in common/reading/series.cpp, which
// needs a heap; tests/common/wire proves that both decide alike.
#include "common/stats/kinds.h"
#include "common/wire/message.h"

namespace tributary::wire {
namespace {

constexpr size_t kDeviceBytesMax = 128;
constexpr size_t kMetricBytesMax = 64;
constexpr size_t kLabelKeyBytesMax = 32;
constexpr size_t kLabelValueBytesMax = 64;
constexpr size_t kLabelsBytesMax = 256;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

// Decodes the code point at text[at] and moves at behind it; false unless it is well-formed UTF-8 (RFC 3629).
bool next_code_point(std::string_view text, size_t& at, uint32_t& code) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t lead = byte(at++);
  if (lead < 0x80) {
    code = lead;
    return true;
  }
  int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  if (lead < 0xc0 || lead >= 0xf8) return false;
  code = lead & (0x3f >> more);
  for (int i = 0; i < more; ++i, ++at) {
    if (at == text.size() || (byte(at) & 0xc0) != 0x80) return false;
    code = code << 6 | (byte(at) & 0x3f);
  }
  constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  return code >= kLeast[more] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

// Well-formed UTF-8 without control characters (Unicode category Cc), 1 to bytes_max bytes.
bool is_text(std::string_view text, size_t bytes_max) {
  if (text.empty() || text.size() > bytes_max) return false;
  uint32_t code = 0;
  for (size_t at = 0; at < text.size();) {
    if (!next_code_point(text, at, code)) return false;
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
  }
  return true;
}

bool is_metric(std::string_view metric) {
  if (metric.empty() || metric.size() > kMetricBytesMax || is_digit(metric[0])) return false;
  if (metric[0] == '.' || metric[0] == ':' || metric[0] == '-') return false;
  for (char c : metric) {
    if (!is_letter(c) && !is_digit(c) && c != '_' && c != '.' && c != ':' && c != '-') return false;
  }
  return true;
}

bool is_label_key(std::string_view key) {
  if (key.empty() || key.size() > kLabelKeyBytesMax || is_digit(key[0])) return false;
  for (char c : key) {
    if (!is_lower(c) && !is_digit(c) && c != '_') return false;
  }
  return true;
}

}  // namespace

DecodeError check_series_view(const SeriesView& series) {
  bool device_fits = series.overflow ? series.device.empty() : is_text(series.device, kDeviceBytesMax);
  if (!device_fits || !is_metric(series.metric) || !kind_from(series.kind)) return DecodeError::kBadSeries;
  if (series.label_count > series.labels.size()) return DecodeError::kBadSeries;
  size_t bytes = 0;
  for (size_t i = 0; i < series.label_count; ++i) {
    const LabelView& label = series.labels[i];
    if (!is_label_key(label.key) || !is_text(label.value, kLabelValueBytesMax)) return DecodeError::kBadSeries;
    if (i > 0 && label.key <= series.labels[i - 1].key) return DecodeError::kBadSeries;
    bytes += label.key.size() + label.value.size();
  }
  return bytes <= kLabelsBytesMax ? DecodeError::kNone : DecodeError::kBadSeries;
}

}  // namespace tributary::wire
