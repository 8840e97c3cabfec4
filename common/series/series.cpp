// SPDX-License-Identifier: Apache-2.0
// What is wrong with a series in words, its identity as bytes, and the way back.
#include "common/series/series.h"

#include <algorithm>
#include <array>
#include <span>

#include "common/base/utf8.h"

namespace tributary {
namespace {

// What was found, fit for a message: printable, at most 40 bytes.
std::string shown(std::string_view text) {
  if (text.size() <= 40 && is_printable_utf8(text)) return '"' + std::string(text) + '"';
  std::string out = "\"";
  for (char c : text.substr(0, 40))
    out += (static_cast<uint8_t>(c) >= 0x20 && static_cast<uint8_t>(c) < 0x7f) ? c : '?';
  out += text.size() > 40 ? "…\"" : "\"";
  return out;
}

Error invalid(std::string what) { return Error{ErrorCode::kInvalid, std::move(what)}; }

Error bad_text(const char* what, std::string_view text, size_t bytes_max) {
  if (text.empty())
    return invalid(std::string("found an empty ") + what + ", expected 1 to " + std::to_string(bytes_max) + " bytes");
  if (text.size() > bytes_max) {
    return invalid(std::string("found a ") + what + " of " + std::to_string(text.size()) + " bytes (" + shown(text) +
                   "), expected at most " + std::to_string(bytes_max));
  }
  return invalid(std::string("found ") + what + " " + shown(text) + ", expected UTF-8 without control characters");
}

Error bad_metric(std::string_view metric) {
  if (metric.empty() || metric.size() > kMetricBytesMax) {
    return invalid("found a metric name of " + std::to_string(metric.size()) + " bytes (" + shown(metric) +
                   "), expected 1 to " + std::to_string(kMetricBytesMax));
  }
  return invalid("found metric " + shown(metric) + ", expected " + kMetricNameGrammar);
}

Error bad_label_bytes(const std::vector<Label>& labels) {
  size_t bytes = 0;
  for (const Label& label : labels) bytes += label.key.size() + label.value.size();
  return invalid("found labels of " + std::to_string(bytes) + " bytes, expected at most " +
                 std::to_string(kLabelsBytesMax));
}

// Of so many labels that there is one too many, the first of them: their count is all that matters.
struct Views {
  explicit Views(const std::vector<Label>& labels) : size(std::min(labels.size(), kLabelsMax + 1)) {
    for (size_t i = 0; i < size; ++i) views[i] = {labels[i].key, labels[i].value};
  }
  operator std::span<const LabelView>() const { return {views.data(), size}; }
  std::array<LabelView, kLabelsMax + 1> views;
  size_t size;
};

}  // namespace

std::string Series::id() const {
  std::string out;
  append_series_id(out, device, metric, labels, overflow);
  return out;
}

Series Series::fleet() const {
  // The overflow series belongs to the fleet as every device does: its readings count in the fleet's totals.
  return Series{.device = "", .metric = metric, .labels = labels, .kind = kind, .overflow = false};
}

Status check_series(const Series& series) {
  const SeriesVerdict verdict = judge_series(series.device, series.metric, Views(series.labels), series.overflow);
  switch (verdict.fault) {
    case SeriesFault::kNone:
      return {};
    case SeriesFault::kOverflowDevice:
      return invalid("found device " + shown(series.device) + " in an overflow series, expected none");
    case SeriesFault::kDevice:
      return bad_text("device", series.device, kDeviceBytesMax);
    case SeriesFault::kMetric:
      return bad_metric(series.metric);
    case SeriesFault::kLabelCount:
      return invalid("found " + std::to_string(series.labels.size()) + " labels, expected at most " +
                     std::to_string(kLabelsMax));
    case SeriesFault::kLabelKey:
      return invalid("found label key " + shown(series.labels[verdict.label].key) + ", expected " + kLabelKeyGrammar);
    case SeriesFault::kLabelValue:
      return bad_text("label value", series.labels[verdict.label].value, kLabelValueBytesMax);
    case SeriesFault::kLabelOrder:
      return invalid("found label " + shown(series.labels[verdict.label].key) + " after " +
                     shown(series.labels[verdict.label - 1].key) + ", expected sorted keys, each once");
    case SeriesFault::kLabelBytes:
      return bad_label_bytes(series.labels);
    case SeriesFault::kSeriesBytes:
      return invalid("found names of " + std::to_string(series.id().size()) +
                     " bytes in all, expected a device, a metric and labels of at most " +
                     std::to_string(kSeriesIdBytesMax) + " together");
  }
  return {};
}

std::string metric_name(std::string_view field) {
  std::string name;
  name.reserve(field.size() + 1);
  if (!field.empty() && needs_metric_start(field.front())) name.push_back('_');
  for (const char c : field) name.push_back(folded_for_metric(c));
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
    if (!is_metric_name(series.metric) || judge_labels(Views(series.labels)).fault != SeriesFault::kNone) {
      return corrupt();
    }
  } else if (!check_series(series).ok()) {
    return corrupt();
  }
  return series;
}

}  // namespace tributary
