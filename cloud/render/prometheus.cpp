// SPDX-License-Identifier: Apache-2.0
// Families, see prometheus.h. The field numbers are those of Prometheus' client model (tests/data/foreign/).
#include "cloud/render/prometheus.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "cloud/http/families.h"
#include "cloud/render/buckets.h"
#include "cloud/render/proto_writer.h"
#include "common/base/utf8.h"

namespace tributary::api {
namespace {

constexpr std::string_view kProtobufType = "application/vnd.google.protobuf";

// message LabelPair { name = 1; value = 2 } as Metric.label = 1.
void write_labels(ProtoWriter& metric, const SampleLabels& labels) {
  for (const auto& [key, value] : labels) metric.message(1, ProtoWriter().bytes(1, key).bytes(2, value));
}

// A Metric as MetricFamily.metric = 4.
void append_metric(std::string& body, const ProtoWriter& metric) { body += ProtoWriter().message(4, metric).text(); }

void write_side(ProtoWriter& histogram, uint32_t spans_field, uint32_t deltas_field, const NativeSide& side) {
  for (const auto& [offset, length] : side.spans)
    histogram.message(spans_field, ProtoWriter().sint(1, offset).uint(2, length));
  histogram.sints(deltas_field, side.deltas);
}

const char* type_word(Families::Type type) {
  switch (type) {
    case Families::Type::kCounter:
      return "counter";
    case Families::Type::kHistogram:
      return "histogram";
    default:
      return "gauge";
  }
}

// Endings under which Prometheus keeps parts of another family.
constexpr std::array<std::string_view, 9> kEndings = {"_count", "_sum",    "_bucket", "_created",     "_total",
                                                      "_info",  "_gcount", "_gsum",   "_distribution"};

bool plain(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

// Prometheus' escaping of UTF-8 names ("values" in its specification of escaping schemes).
std::string escaped_name(std::string_view metric) {
  std::string out = "U__";
  while (!metric.empty()) {
    const size_t length = std::max<size_t>(utf8_length(metric), 1);
    const char first = metric.front();
    if (first == '_') {
      out += "__";
    } else if (length == 1 && plain(first)) {
      out += first;
    } else {
      uint32_t code = static_cast<uint8_t>(first);
      if (length > 1) code &= 0x7fU >> length;
      for (size_t i = 1; i < length; ++i) code = code << 6 | (static_cast<uint8_t>(metric[i]) & 0x3fU);
      char text[16];
      const auto end = std::to_chars(text, text + sizeof text, code, 16).ptr;
      out.append("_").append(text, end).append("_");
    }
    metric.remove_prefix(length);
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  return out;
}

}  // namespace

std::string prometheus_name(std::string_view metric) {
  std::string name(metric);
  bool foreign = false;
  for (char& c : name) {
    foreign = foreign || static_cast<uint8_t>(c) >= 0x80;
    c = plain(c) ? c : '_';
  }
  const bool taken = name.starts_with("U__") || std::any_of(kEndings.begin(), kEndings.end(),
                                                            [&](std::string_view end) { return name.ends_with(end); });
  return foreign || taken ? escaped_name(metric) : name;
}

std::string prometheus_key(std::string_view key) {
  const bool taken = key == "device" || key == "metric" || key == "le" || key == "quantile" || key.starts_with("__") ||
                     key.starts_with("label_");
  return (taken ? "label_" : "") + std::string(key);
}

SampleLabels series_labels(const Series& series) {
  SampleLabels labels;
  if (!series.device.empty()) labels.emplace_back("device", series.device);
  for (const Label& label : series.labels) labels.emplace_back(prometheus_key(label.key), label.value);
  if (prometheus_name(series.metric) != series.metric) labels.emplace_back("metric", series.metric);
  return labels;
}

Families::Family& Families::family(const std::string& name, Type type, std::string_view help) {
  const auto [found, added] = families_.try_emplace(name);
  if (added) found->second = {.name = name, .help = std::string(help), .type = type};
  return found->second;
}

void Families::add(Family& family, const SampleLabels& labels, double value) const {
  if (!protobuf_) return append_sample(family.body, family.name, labels, value);
  ProtoWriter metric;
  write_labels(metric, labels);
  // Gauge gauge = 2, Counter counter = 3; each has value = 1.
  metric.message(family.type == Type::kCounter ? 3 : 2, ProtoWriter().number(1, value));
  append_metric(family.body, metric);
}

void Families::add(Family& family, const SampleLabels& labels, const stats::Distribution& distribution,
                   double sum) const {
  if (!protobuf_) return add_text(family, labels, distribution, sum);
  const NativeHistogram native = native_histogram(distribution);
  ProtoWriter histogram;
  histogram.uint(1, distribution.count()).number(2, sum);
  if (family.type == Type::kHistogram) {
    for (const ClassicBucket& bucket : classic_buckets(distribution, classic_max_))
      histogram.message(3, ProtoWriter().uint(1, bucket.count).number(2, bucket.bound));
  }
  histogram.sint(5, native.schema).number(6, 0.0).uint(7, native.zero_count);
  write_side(histogram, 9, 10, native.negative);
  write_side(histogram, 12, 13, native.positive);
  // A histogram without any bucket says that it is a native one by an empty run.
  if (native.negative.spans.empty() && native.positive.spans.empty())
    histogram.message(12, ProtoWriter().sint(1, 0).uint(2, 0));
  ProtoWriter metric;
  write_labels(metric, labels);
  append_metric(family.body, metric.message(7, histogram));
}

void Families::add_text(Family& family, const SampleLabels& labels, const stats::Distribution& distribution,
                        double sum) const {
  if (family.type == Type::kGaugeHistogram) return;
  SampleLabels with_bound = labels;
  with_bound.emplace_back("le", "");
  const std::string bucket_name = family.name + "_bucket";
  for (const ClassicBucket& bucket : classic_buckets(distribution, classic_max_)) {
    with_bound.back().second = number_text(bucket.bound);
    append_sample(family.body, bucket_name, with_bound, bucket.count);
  }
  with_bound.back().second = "+Inf";
  append_sample(family.body, bucket_name, with_bound, distribution.count());
  append_sample(family.body, family.name + "_sum", labels, sum);
  append_sample(family.body, family.name + "_count", labels, distribution.count());
}

size_t Families::bytes() const {
  size_t bytes = 0;
  for (const auto& [name, family] : families_) bytes += family.body.size();
  return bytes;
}

std::string Families::take() {
  std::string out;
  out.reserve(bytes() + families_.size() * 200);
  for (auto& [name, family] : families_) {
    if (family.body.empty()) continue;
    if (protobuf_) {
      // MetricFamily { name = 1; help = 2; type = 3; metric = 4 }, its length before it.
      ProtoWriter head;
      head.bytes(1, name).bytes(2, family.help).uint(3, static_cast<uint64_t>(family.type));
      Appender(out).varint(head.size() + family.body.size());
      out += head.text();
    } else {
      append_family(out, name, family.help, type_word(family.type));
    }
    out += family.body;
    std::string().swap(family.body);
  }
  families_.clear();
  return out;
}

bool prefers_protobuf(std::string_view accept) {
  double protobuf = 0, text = 0;
  while (!accept.empty()) {
    const size_t end = std::min(accept.find(','), accept.size());
    std::string_view range = accept.substr(0, end);
    accept.remove_prefix(std::min(end + 1, accept.size()));
    std::string type;
    bool fits = true;
    double weight = 1;
    for (bool first = true; !range.empty() || first; first = false) {
      const size_t part_end = std::min(range.find(';'), range.size());
      const std::string part = lower(trimmed(range.substr(0, part_end)));
      range.remove_prefix(std::min(part_end + 1, range.size()));
      if (first) {
        type = part;
      } else if (part.starts_with("q=")) {
        const char* begin = part.data() + 2;
        double q = 0;
        const auto parsed = std::from_chars(begin, part.data() + part.size(), q);
        weight = parsed.ec == std::errc() && q >= 0 && q <= 1 ? q : 0;
      } else if (type == kProtobufType) {
        if (part.starts_with("proto=")) fits = fits && part == "proto=io.prometheus.client.metricfamily";
        if (part.starts_with("encoding=")) fits = fits && part == "encoding=delimited";
      }
    }
    if (type == kProtobufType && fits) protobuf = std::max(protobuf, weight);
    if (type == "text/plain" || type == "text/*" || type == "*/*") text = std::max(text, weight);
  }
  return protobuf > 0 && protobuf >= text;
}

}  // namespace tributary::api
