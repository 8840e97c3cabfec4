// SPDX-License-Identifier: Apache-2.0
// Families: an exposition of samples that come in any order, as text (0.0.4) or as Prometheus' delimited protobuf,
// which alone carries native histograms. Names and labels are made fit for both.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/series/series.h"
#include "common/stats/distribution.h"

namespace tributary::api {

using SampleLabels = std::vector<std::pair<std::string, std::string>>;

// A metric's name as part of Prometheus names. ASCII that does not fit becomes '_' (a label metric tells such names
// apart, see series_labels). Names of other scripts, names that end as Prometheus' own do ("door_count" beside a
// histogram of "door") and names that look escaped are escaped as Prometheus itself escapes UTF-8 (U__, each '_'
// doubled, any other character as its code point in hexadecimal between two '_'), which can be read back. So no name of
// a family can be that of another's samples.
std::string prometheus_name(std::string_view metric);
// A label's key: those that mean something else in Prometheus (device, metric, le, quantile, and what begins with __
// or label_) get label_ before them, so no two keys become one.
std::string prometheus_key(std::string_view key);
// device and the series' own labels. A metric whose name had to be changed is named by a label metric besides, so no
// two metrics become one.
SampleLabels series_labels(const Series& series);

class Families {
 public:
  static constexpr const char* kProtobuf =
      "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

  enum class Type { kCounter = 0, kGauge = 1, kHistogram = 4, kGaugeHistogram = 5 };  // Prometheus' numbers
  struct Family {
    std::string name, help;
    Type type = Type::kGauge;
    std::string body;
  };

  // classic_max: bounds of a classic histogram, see classic_buckets(); 0: +Inf alone.
  Families(bool protobuf, int classic_max) : protobuf_(protobuf), classic_max_(classic_max) {}

  // The same name gives the same family again, as it was the first time.
  Family& family(const std::string& name, Type type, std::string_view help);
  // REQUIRES: a counter or a gauge.
  void add(Family& family, const SampleLabels& labels, double value) const;
  // REQUIRES: a histogram. sum: NaN where there is none. The text has no gauge histograms: they are left out.
  void add(Family& family, const SampleLabels& labels, const stats::Distribution& distribution, double sum) const;

  size_t bytes() const;
  // By name; families without samples are left out. Empty again.
  std::string take();

 private:
  void add_text(Family& family, const SampleLabels& labels, const stats::Distribution& distribution, double sum) const;

  const bool protobuf_;
  const int classic_max_;
  std::map<std::string, Family> families_;
};

// Whether an Accept header prefers the protobuf to text (RFC 9110, section 12.5.1).
bool prefers_protobuf(std::string_view accept);

}  // namespace tributary::api
