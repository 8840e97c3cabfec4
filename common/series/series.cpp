// SPDX-License-Identifier: Apache-2.0
// Limits and alphabet of series names, their identity as bytes, and the way back.
#include "common/series/series.h"

#include <algorithm>

namespace tributary {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_metric_start(char c) { return is_letter(c) || c == '_'; }
bool is_metric_byte(char c) { return is_metric_start(c) || is_digit(c) || c == '.' || c == ':' || c == '-'; }

// Well-formed UTF-8 (Unicode 15, table 3-7) without C0 and C1 control characters and DEL.
bool is_printable_utf8(std::string_view text) {
  auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  size_t i = 0;
  while (i < text.size()) {
    uint8_t lead = at(i);
    if (lead < 0x80) {
      if (lead < 0x20 || lead == 0x7f) return false;
      ++i;
      continue;
    }
    size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - i <= more) return false;
    uint8_t second = at(i + 1);
    // The second byte alone decides about overlong forms, surrogates, what lies beyond U+10FFFF, and the C1 controls.
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : lead == 0xc2 ? 0xa0 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (size_t k = 2; k <= more; ++k) {
      if ((at(i + k) & 0xc0) != 0x80) return false;
    }
    i += more + 1;
  }
  return true;
}

// What was found, fit for a message: printable, at most 40 bytes.
std::string shown(std::string_view text) {
  std::string out = "\"";
  for (char c : text.substr(0, 40))
    out += (static_cast<uint8_t>(c) >= 0x20 && static_cast<uint8_t>(c) < 0x7f) ? c : '?';
  out += text.size() > 40 ? "…\"" : "\"";
  return out;
}

Error invalid(std::string what) { return Error{ErrorCode::kInvalid, std::move(what)}; }

Status check_text(const char* what, std::string_view text, size_t bytes_max) {
  if (text.empty())
    return invalid(std::string("found an empty ") + what + ", expected 1 to " + std::to_string(bytes_max) + " bytes");
  if (text.size() > bytes_max) {
    return invalid(std::string("found a ") + what + " of " + std::to_string(text.size()) + " bytes (" + shown(text) +
                   "), expected at most " + std::to_string(bytes_max));
  }
  if (!is_printable_utf8(text))
    return invalid(std::string("found ") + what + " " + shown(text) + ", expected UTF-8 without control characters");
  return {};
}

Status check_metric(std::string_view metric) {
  if (metric.empty() || metric.size() > kMetricBytesMax) {
    return invalid("found a metric name of " + std::to_string(metric.size()) + " bytes (" + shown(metric) +
                   "), expected 1 to " + std::to_string(kMetricBytesMax));
  }
  if (!is_metric_start(metric.front()) || !std::all_of(metric.begin(), metric.end(), is_metric_byte)) {
    return invalid("found metric " + shown(metric) + ", expected [A-Za-z_][A-Za-z0-9_.:-]*");
  }
  return {};
}

Status check_labels(const std::vector<Label>& labels) {
  if (labels.size() > kLabelsMax) {
    return invalid("found " + std::to_string(labels.size()) + " labels, expected at most " +
                   std::to_string(kLabelsMax));
  }
  size_t bytes = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::string& key = labels[i].key;
    bool fits = !key.empty() && key.size() <= kLabelKeyBytesMax && !is_digit(key.front());
    for (char c : key) fits = fits && ((c >= 'a' && c <= 'z') || is_digit(c) || c == '_');
    if (!fits) return invalid("found label key " + shown(key) + ", expected [a-z_][a-z0-9_]{0,31}");
    if (Status value = check_text("label value", labels[i].value, kLabelValueBytesMax); !value.ok()) return value;
    if (i > 0 && !(labels[i - 1].key < key)) {
      return invalid("found label " + shown(key) + " after " + shown(labels[i - 1].key) +
                     ", expected sorted keys, each once");
    }
    bytes += key.size() + labels[i].value.size();
  }
  if (bytes > kLabelsBytesMax) {
    return invalid("found labels of " + std::to_string(bytes) + " bytes, expected at most " +
                   std::to_string(kLabelsBytesMax));
  }
  return {};
}

}  // namespace

std::string Series::id() const {
  std::string out;
  size_t size = device.size() + metric.size() + 3;
  for (const Label& label : labels) size += label.key.size() + label.value.size() + 2;
  out.reserve(size);
  out.append(device).push_back('\0');
  out.append(metric).push_back('\0');
  for (const Label& label : labels) {
    out.append(label.key).push_back('\0');
    out.append(label.value).push_back('\0');
  }
  if (overflow) out.push_back('\x01');
  return out;
}

Series Series::fleet() const {
  // The overflow series belongs to the fleet as every device does: its readings count in the fleet's totals.
  return Series{.device = "", .metric = metric, .labels = labels, .kind = kind, .overflow = false};
}

Status check_series(const Series& series) {
  if (series.overflow) {
    if (!series.device.empty())
      return invalid("found device " + shown(series.device) + " in an overflow series, expected none");
  } else if (Status device = check_text("device", series.device, kDeviceBytesMax); !device.ok()) {
    return device;
  }
  if (Status metric = check_metric(series.metric); !metric.ok()) return metric;
  return check_labels(series.labels);
}

std::string metric_name(std::string_view field) {
  std::string name;
  name.reserve(field.size() + 1);
  if (!field.empty() && !is_metric_start(field.front()) && is_metric_byte(field.front())) name.push_back('_');
  for (char c : field) name.push_back(is_metric_byte(c) ? c : '_');
  return name;
}

Result<Series> series_from_id(std::string_view id) {
  auto corrupt = [&] { return Error{ErrorCode::kCorrupt, "found " + shown(id) + ", expected the id of a series"}; };
  std::string_view rest = id;
  auto take = [&](std::string& out) {
    size_t end = rest.find('\0');
    if (end == std::string_view::npos) return false;
    out.assign(rest.substr(0, end));
    rest.remove_prefix(end + 1);
    return true;
  };
  Series series;
  if (!take(series.device) || !take(series.metric)) return corrupt();
  while (!rest.empty() && rest != "\x01") {
    Label label;
    if (!take(label.key) || !take(label.value)) return corrupt();
    series.labels.push_back(std::move(label));
  }
  series.overflow = !rest.empty();
  // A fleet row's id has no device; everything else must be a series as from outside.
  if (series.device.empty() && !series.overflow) {
    if (!check_metric(series.metric).ok() || !check_labels(series.labels).ok()) return corrupt();
  } else if (!check_series(series).ok()) {
    return corrupt();
  }
  return series;
}

}  // namespace tributary
