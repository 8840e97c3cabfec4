// SPDX-License-Identifier: Apache-2.0
// A request of OTLP/HTTP with a tenant's series (opentelemetry.proto.collector.metrics.v1,
// ExportMetricsServiceRequest):
//   tributary.readings.METRIC     ExponentialHistogram, cumulative: all readings since the beginning, as they are
//   merged tributary.window.METRIC.STAT  Gauge: count, mean, min, max, last of the newest window, at its end (last: at
//   its time)
// Cumulative, because late readings change windows that were told before and lost requests must not matter: each
// request stands for itself, and any later one holds what an earlier one said. There is no start time: readings may
// come that are older than all so far. Attributes are device and the labels; unit is the metric's unit besides.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "cloud/query/query.h"
#include "cloud/render/proto_writer.h"

namespace tributary::api {

class OtlpRequest {
 public:
  // instance tells apart who tells a tenant's partitions: each is a writer of its own.
  OtlpRequest(std::string tenant, std::string instance) : tenant_(std::move(tenant)), instance_(std::move(instance)) {}

  // sum is left out where a reading is negative, as OTLP wants it. Not more than kDenseBucketsMax buckets a sign: the
  // scale is made coarser until they fit.
  void add_total(const Series& series, const stats::Summary& total, int64_t time_ns);
  // A window that is not over is told at now_ns.
  void add_window(const query::RowKey& key, const stats::Summary& window, int64_t now_ns);

  uint64_t points() const { return points_; }
  std::string take() const;

 private:
  enum class Data { kGauge = 5, kExponentialHistogram = 10 };  // Metric's field numbers
  struct Points {
    std::string description;
    ProtoWriter points;
  };
  ProtoWriter& points_of(const std::string& name, const Series& series, Data data, std::string_view description);
  void add_gauge(const std::string& name, const Series& series, std::string_view description, int64_t time_ns,
                 double value);

  const std::string tenant_, instance_;
  std::map<std::tuple<std::string, std::string, Data>, Points> metrics_;  // name, unit
  uint64_t points_ = 0;
};

// What a collector answered: ExportMetricsServiceResponse's partial_success. nullopt: no such message.
struct OtlpAnswer {
  uint64_t rejected = 0;
  std::string message;
};
std::optional<OtlpAnswer> parse_otlp_answer(std::string_view body);

}  // namespace tributary::api
