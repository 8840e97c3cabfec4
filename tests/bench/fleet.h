// SPDX-License-Identifier: Apache-2.0
// Uplink messages as a fleet of gateways would send them, each with the windows of all its series that closed together,
// for benchmarks.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "cloud/state/tables.h"
#include "common/base/check.h"
#include "common/stats/summary.h"
#include "common/wire/message.h"

namespace tributary::bench {

constexpr WidthS kWindow = 10;

class Fleet {
 public:
  struct Message {
    std::string gateway, topic, payload;
    int64_t start_s = 0;
    // What a bare store would put for it: a key and the encoded summary for each partial.
    std::vector<std::pair<std::string, std::string>> puts;
  };

  Fleet(int gateways, int devices, int metrics, int64_t begin_s)
      : gateways_(gateways), devices_(devices), metrics_(metrics), begin_s_(begin_s) {}

  int partials_a_message() const { return devices_ * metrics_; }
  static std::string device(int gateway, int device) {
    return "device-" + std::to_string(gateway) + "-" + std::to_string(device);
  }
  static std::string metric(int metric) { return "metric_" + std::to_string(metric); }

  // One gateway after another, window after window. The first message of each gateway has its opening.
  Message next() {
    const int gateway = static_cast<int>(number_ % gateways_);
    const int64_t round = number_ / gateways_;
    ++number_;
    const auto series_count = static_cast<uint64_t>(partials_a_message());
    Message out;
    out.gateway = "gateway-" + std::to_string(gateway);
    out.topic = "tributary/v1/demo/" + out.gateway + "/partials";
    out.start_s = begin_s_ + round * kWindow;
    std::vector<uint8_t> buffer(wire::kMessageBytesMax);
    wire::MessageBuilder builder(buffer);
    wire::Header header;
    header.epoch = 1000 + static_cast<uint64_t>(gateway);
    header.first_seq = round == 0 ? 1 : 2 + static_cast<uint64_t>(round) * series_count;
    header.frontier_ns = header.mark_ns = out.start_s * kNanosPerSecond;
    if (round == 0) CHECK(builder.add(wire::Opening{}));
    for (int device = 0; device < devices_; ++device) {
      for (int metric = 0; metric < metrics_; ++metric) add(gateway, device, metric, builder, out);
    }
    out.payload = as_text(builder.finish(header));
    return out;
  }

 private:
  void add(int gateway, int device, int metric, wire::MessageBuilder& builder, Message& out) {
    const std::string device_name = Fleet::device(gateway, device), metric_name = Fleet::metric(metric);
    wire::SeriesView series;
    series.device = device_name;
    series.metric = metric_name;
    series.labels[0] = {"unit", "°C"};
    series.label_count = 1;
    stats::Summary summary;
    std::normal_distribution<double> noise(0, 0.3);
    for (int i = 0; i < 10; ++i) {
      const double value = 20.0 + 2 * metric + noise(random_);
      summary.add((out.start_s + i) * kNanosPerSecond, std::round(value * 100) / 100);
    }
    std::vector<uint8_t> bytes(stats::kSummaryBytesMax);
    wire::Partial partial;
    partial.series = builder.add_series(series).value();
    partial.start_s = out.start_s;
    partial.width_s = kWindow;
    partial.summary = Bytes(bytes.data(), summary.encode(bytes));
    CHECK(builder.add(partial));
    const auto no = static_cast<uint32_t>((gateway * devices_ + device) * metrics_ + metric);
    out.puts.emplace_back(std::string(state::fresh_key(out.start_s, kWindow, no).view()),
                          std::string(as_text(partial.summary)));
  }

  const int64_t gateways_;
  const int devices_, metrics_;
  const int64_t begin_s_;
  int64_t number_ = 0;
  std::mt19937_64 random_{1};
};

}  // namespace tributary::bench
