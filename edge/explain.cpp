// SPDX-License-Identifier: Apache-2.0
// A sink that tells what it is given: see explain.h.
#include "edge/explain.h"

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <vector>

#include "common/reading/payload.h"
#include "edge/outbox/outbox.h"
#include "edge/window/series_table.h"

namespace tributary::edge {
namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code ignored;
    std::string pattern = (std::filesystem::temp_directory_path(ignored) / "tributary-explain-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }  // empty: there is none

 private:
  std::string path_;
};

std::string number(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

class Explainer final : public reading::ReadingSink {
 public:
  Explainer(const GatewayConfig& config, Gateway& gateway)
      : gateway_(gateway),
        series_({config.base_width_s, config.base_width_by_metric, config.unit_by_metric, config.kind_by_metric,
                 config.labels, config.series_max, config.reset_below_by_metric}) {}

  bool accept(const reading::Reading& reading, Instant arrived) override {
    const auto before = gateway_.stats().rejected_total;
    const bool accepted = gateway_.accept(reading, arrived);
    out_ += accepted ? "reading: " : "refused (" + reason_since(before) + "): ";
    out_ += describe(reading) + ", ";
    out_ += reading.time_ns ? reading::format_timestamp(*reading.time_ns)
                            : reading::format_timestamp(arrived.wall_ns) + " (of arrival)";
    out_ += ": " + number(reading.value.number) + "\n";
    return accepted;
  }
  void reject(reading::Reject reason, std::string_view found, std::string_view expected, uint64_t) override {
    out_ += std::string("refused (") + reading::to_string(reason) + "): found " + std::string(found) + ", expected " +
            std::string(expected) + "\n";
  }
  void leave_out(reading::Reject reason, std::string_view field) override {
    out_ += std::string("left out (") + reading::to_string(reason) + "): field " + std::string(field) + "\n";
  }
  std::string take() { return std::move(out_); }

 private:
  std::string reason_since(const std::map<std::string, uint64_t>& before) const {
    for (const auto& [reason, count] : gateway_.stats().rejected_total) {
      const auto known = before.find(reason);
      if (known == before.end() || known->second < count) return reason;
    }
    return "unknown";
  }

  // Device and metric as they would be stored, with every label; as they came where they make no series.
  std::string describe(const reading::Reading& reading) {
    const auto index = series_.add(reading);
    const auto series = index ? series_from_id(series_[*index].id) : Result<Series>(index.error());
    if (!series) return std::string(reading.device) + " " + std::string(reading.metric);
    std::string out = series->device + " " + series->metric;
    const char* separator = "{";
    for (const Label& label : series->labels) {
      out += separator + label.key + "=\"" + label.value + "\"";
      separator = ",";
    }
    if (!series->labels.empty()) out += "}";
    return series_[*index].kind == MetricKind::kCounter ? out + " (counter: what is more than the last value counts)"
                                                        : out;
  }

  Gateway& gateway_;
  SeriesTable series_;
  std::string out_;
};

}  // namespace

Result<std::string> explain_message(const EdgeConfig& config, std::string_view topic, std::string_view payload,
                                    Instant now) {
  const TemporaryFolder folder;
  if (folder.path().empty()) return Error{ErrorCode::kIo, "cannot make a folder for temporary files"};
  GatewayConfig settings = config.gateway;
  settings.state_dir = folder.path();
  settings.budget_bytes = kBudgetBytesMin;
  settings.sync = false;
  settings.clock_trust = ClockTrust::kAlways;
  auto gateway = Gateway::open(
      settings, [next = uint64_t{1}]() mutable { return next++; }, now);
  if (!gateway.ok()) return gateway.error();
  Explainer explainer(settings, **gateway);
  bool heard = false;
  for (const MakeSource& make : config.sources) {
    auto source = make([] {});
    if (!source.ok()) return source.error();
    heard = (*source)->explain(topic, payload, now, explainer) || heard;
  }
  if (!heard) {
    return Error{ErrorCode::kNotFound,
                 "found topic " + std::string(topic) + ", expected one that a source of the configuration hears"};
  }
  std::string told = explainer.take();
  return told.empty() ? "nothing: every field of it is ignored\n" : told;
}

}  // namespace tributary::edge
