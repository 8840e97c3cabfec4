// SPDX-License-Identifier: Apache-2.0
// OTLP requests, see otlp.h. Field numbers are those of opentelemetry-proto 1.x.
#include "cloud/render/otlp.h"

#include <algorithm>
#include <array>

#include "cloud/render/buckets.h"
#include "cloud/render/prometheus.h"
#include "cloud/render/stats.h"
#include "common/base/bytes.h"
#include "common/runtime/program.h"

namespace tributary::api {
namespace {

constexpr uint64_t kCumulative = 2;
constexpr size_t kMessageBytesMax = 200;

// KeyValue { key = 1; value = 2 }, AnyValue { string_value = 1 }.
ProtoWriter attribute(std::string_view key, std::string_view value) {
  return std::move(ProtoWriter().bytes(1, key).message(2, ProtoWriter().bytes(1, value)));
}

std::string_view unit_of(const Series& series) {
  for (const Label& label : series.labels) {
    if (label.key == "unit") return label.value;
  }
  return {};
}

// device and the labels, as field of a data point.
void add_attributes(ProtoWriter& point, uint32_t field, const Series& series) {
  if (!series.device.empty()) point.message(field, attribute("device", series.device));
  for (const Label& label : series.labels) point.message(field, attribute(prometheus_key(label.key), label.value));
}

// Buckets { offset = 1; bucket_counts = 2 }.
ProtoWriter side(const DenseSide& dense) {
  return std::move(ProtoWriter().sint(1, dense.offset).uints(2, dense.counts));
}

}  // namespace

ProtoWriter& OtlpRequest::points_of(const std::string& name, const Series& series, Data data,
                                    std::string_view description) {
  ++points_;
  Points& points = metrics_[{name, std::string(unit_of(series)), data}];
  points.description = description;
  return points.points;
}

void OtlpRequest::add_gauge(const std::string& name, const Series& series, std::string_view description,
                            int64_t time_ns, double value) {
  ProtoWriter point;  // NumberDataPoint { time = 3; as_double = 4; attributes = 7 }
  point.fixed(3, static_cast<uint64_t>(time_ns)).number(4, value);
  add_attributes(point, 7, series);
  points_of(name, series, Data::kGauge, description).message(1, point);
}

void OtlpRequest::add_total(const Series& series, const stats::Summary& total, int64_t time_ns) {
  const auto& numeric = total.numeric();
  const DenseHistogram dense = dense_histogram(total.distribution());
  // ExponentialHistogramDataPoint { attributes = 1; time = 3; count = 4; sum = 5; scale = 6; zero_count = 7;
  // positive = 8; negative = 9; min = 12; max = 13 }
  ProtoWriter point;
  add_attributes(point, 1, series);
  point.fixed(3, static_cast<uint64_t>(time_ns)).fixed(4, total.distribution().count());
  if (numeric.count() > 0) {
    const stats::Answer sum = numeric.sum();
    if (sum.kind == stats::Answer::Kind::kValue && numeric.min() >= 0) point.number(5, sum.value);
  }
  point.sint(6, dense.scale).fixed(7, dense.zero_count);
  point.message(8, side(dense.positive)).message(9, side(dense.negative));
  if (numeric.count() > 0) point.number(12, numeric.min()).number(13, numeric.max());
  points_of("tributary.readings." + series.metric, series, Data::kExponentialHistogram,
            "The readings merged since the beginning.")
      .message(1, point);
}

void OtlpRequest::add_window(const query::RowKey& key, const stats::Summary& window, int64_t now_ns) {
  if (window.numeric().count() == 0) return;
  const std::string name = "tributary.window." + key.series.metric;
  const int64_t end_ns = (key.row.start_s + static_cast<int64_t>(key.row.width_s)) * kNanosPerSecond;
  const int64_t time_ns = std::min(end_ns, now_ns);
  const RateBasis basis;
  for (const Stat& stat : gauge_stats()) {
    const WindowGauge& told = stat.statistic->gauge;
    if (told.otlp.empty()) continue;
    const stats::Answer answer = told.value({window, basis}, stat);
    if (answer.kind != stats::Answer::Kind::kValue) continue;
    add_gauge(name + "." + std::string(told.otlp), key.series, told.otlp_help,
              told.time_ns ? told.time_ns({window, basis}) : time_ns, answer.value);
  }
}

std::string OtlpRequest::take() const {
  ProtoWriter scope;  // ScopeMetrics { scope = 1 { name = 1; version = 2 }; metrics = 2 }
  scope.message(1, ProtoWriter().bytes(1, "tributary").bytes(2, runtime::kVersion));
  for (const auto& [key, points] : metrics_) {
    const auto& [name, unit, data] = key;
    ProtoWriter body = points.points;  // Gauge or ExponentialHistogram { data_points = 1; aggregation_temporality = 2 }
    if (data == Data::kExponentialHistogram) body.uint(2, kCumulative);
    ProtoWriter metric;  // Metric { name = 1; description = 2; unit = 3; gauge = 5 or exponential_histogram = 10 }
    metric.bytes(1, name).bytes(2, points.description).bytes(3, unit).message(static_cast<uint32_t>(data), body);
    scope.message(2, metric);
  }
  ProtoWriter resource;  // Resource { attributes = 1 }
  resource.message(1, attribute("service.name", "tributary"));
  resource.message(1, attribute("service.namespace", tenant_));
  resource.message(1, attribute("service.instance.id", instance_));
  // ExportMetricsServiceRequest { resource_metrics = 1 { resource = 1; scope_metrics = 2 } }
  return ProtoWriter().message(1, ProtoWriter().message(1, resource).message(2, scope)).take();
}

std::optional<OtlpAnswer> parse_otlp_answer(std::string_view body) {
  OtlpAnswer answer;
  // Fields of a message one by one: (number, value of a varint, bytes). Other wire types than these are stepped over.
  const auto each = [](std::string_view text, const auto& visit) {
    ByteReader reader(as_bytes(text));
    while (!reader.done()) {
      const uint64_t tag = reader.varint();
      uint64_t number = 0;
      std::string_view bytes;
      switch (tag & 7) {
        case 0:
          number = reader.varint();
          break;
        case 1:
          reader.bytes(8);
          break;
        case 2:
          bytes = as_text(reader.bytes(reader.varint()));
          break;
        case 5:
          reader.bytes(4);
          break;
        default:
          return false;
      }
      if (!reader.ok()) return false;
      visit(tag >> 3, number, bytes);
    }
    return true;
  };
  bool good = true;
  good = each(body,
              [&](uint64_t field, uint64_t, std::string_view partial) {
                if (field != 1) return;
                good = each(partial, [&](uint64_t inner, uint64_t number, std::string_view message) {
                  if (inner == 1) answer.rejected = number > INT64_MAX ? 0 : number;
                  if (inner == 2) answer.message = std::string(message.substr(0, kMessageBytesMax));
                });
              }) &&
         good;
  if (!good) return std::nullopt;
  return answer;
}

}  // namespace tributary::api
