// SPDX-License-Identifier: Apache-2.0
// One function a table of the file.
#include "edge/config.h"

#include <algorithm>

#include "common/mqtt/client_config.h"
#include "common/runtime/config.h"
#include "common/series/names.h"

namespace tributary::edge {
namespace {

using runtime::ConfigTable;

// Tenant and gateway are levels of MQTT topics, client ids and user names at once; the bridge takes the same names.
std::string read_name(ConfigTable& table, const char* key) {
  std::string name = table.required_text(key);
  if (!name.empty() && !is_topic_name(name)) {
    table.complain(key, runtime::quoted(name), std::string("a name of ") + kTopicNameGrammar);
  }
  return name;
}

WidthS read_width(ConfigTable& table, const char* key, WidthS otherwise) {
  const auto width = static_cast<WidthS>(table.integer(key, otherwise, 1, 3600));
  if (!is_width(width)) table.complain(key, std::to_string(width), "a divisor of 60, or 900 or 3600 seconds");
  return width;
}

constexpr int64_t kYearS = int64_t{366} * 86'400;
constexpr int64_t kMinTimeMaxS = 200 * kYearS;

void read_windows(ConfigTable table, GatewayConfig& gateway) {
  gateway.base_width_s = read_width(table, "base_width_s", gateway.base_width_s);
  gateway.grace_ms = table.integer("grace_ms", gateway.grace_ms, 0, 3'600'000);
  gateway.checkpoint_interval_ms =
      table.integer("checkpoint_interval_ms", gateway.checkpoint_interval_ms, 10, 3'600'000);
  gateway.max_future_ms = table.integer("max_future_s", gateway.max_future_ms / 1000, 0, 86'400) * 1000;
  gateway.min_time_s = table.integer("min_time", kYearS, 0, kMinTimeMaxS);
  gateway.series_max = static_cast<uint32_t>(table.integer("series_max", gateway.series_max, 1, 10'000'000));
}

// No clock that is right can show an earlier time to this program.
constexpr int64_t kClockEarliestNs = 1'767'225'600 * kNanosPerSecond;  // 2026-01-01

void read_clock(ConfigTable table, EdgeConfig& config) {
  config.gateway.clock_earliest_ns = kClockEarliestNs;
  const std::string trust = table.text("trust", "plausible");
  if (trust == "plausible") {
    config.gateway.clock_trust = ClockTrust::kPlausible;
  } else if (trust == "synchronised") {
    config.gateway.clock_trust = ClockTrust::kSynchronised;
  } else if (trust == "always") {
    config.gateway.clock_trust = ClockTrust::kAlways;
  } else {
    table.complain("trust", runtime::quoted(trust), R"("plausible", "synchronised" or "always")");
  }
  config.clock_synchronised_file = table.text("synchronised_file");
}

void read_labels(ConfigTable table, GatewayConfig& gateway) {
  for (const std::string& key : table.keys()) {
    gateway.labels.push_back({key, table.text(key)});
    const Status one = check_series({.device = "device", .metric = "metric", .labels = {gateway.labels.back()}});
    if (!one.ok())
      table.complain(key, runtime::quoted(gateway.labels.back().value) + " (" + one.error().message + ")",
                     "a label within the limits");
  }
  std::sort(gateway.labels.begin(), gateway.labels.end());
  if (gateway.labels.size() >= kLabelsMax) {
    table.complain(gateway.labels.front().key, std::to_string(gateway.labels.size()) + " labels",
                   "at most 7 beside unit");
  }
}

// A "*" elsewhere than at the end would be taken for a name, and exclude what it was meant to cover.
void read_serves(ConfigTable& root, GatewayConfig& gateway) {
  constexpr size_t kServesMax = 256;
  gateway.serves = root.texts("serves");
  for (const std::string& pattern : gateway.serves) {
    const bool fine = !pattern.empty() && pattern.size() <= kDeviceBytesMax + kMetricBytesMax &&
                      pattern.find('*') >= pattern.size() - 1 && is_plain_text(pattern, pattern.size());
    if (!fine) root.complain("serves", runtime::quoted(pattern), "DEVICE or DEVICE/METRIC, with * at most at the end");
  }
  if (gateway.serves.size() > kServesMax)
    root.complain("serves", std::to_string(gateway.serves.size()) + " entries",
                  "at most " + std::to_string(kServesMax));
}

void read_metrics(ConfigTable table, GatewayConfig& gateway) {
  for (const std::string& name : table.keys()) {
    ConfigTable metric = table.table(name);
    if (const Status fits = check_series({.device = "device", .metric = name}); !fits.ok()) {
      table.complain(name, runtime::quoted(name) + " (" + fits.error().message + ")", "the name of a metric");
    }
    if (metric.has("unit")) {
      const std::string unit = metric.text("unit");
      const Status fits = check_series({.device = "device", .metric = "metric", .labels = {{"unit", unit}}});
      if (!fits.ok()) metric.complain("unit", runtime::quoted(unit), "1 to 64 bytes of text");
      gateway.unit_by_metric[name] = unit;
    }
    if (metric.has("kind")) {
      const auto kind = kind_from(metric.text("kind"));
      if (!kind) metric.complain("kind", runtime::quoted(metric.text("kind")), std::string(kKindNames));
      gateway.kind_by_metric[name] = kind.value_or(MetricKind::kGauge);
    }
    if (metric.has("reset_below")) {
      const double share = metric.number("reset_below", 1);
      if (!(share > 0 && share <= 1))
        metric.complain("reset_below", std::to_string(share), "a share above 0, at most 1");
      if (gateway.kind_by_metric.count(name) == 0 || gateway.kind_by_metric[name] != MetricKind::kCounter) {
        metric.complain("reset_below", "it without kind = \"counter\"", "it for a counter");
      }
      gateway.reset_below_by_metric[name] = share;
    }
    if (metric.has("base_width_s"))
      gateway.base_width_by_metric[name] = read_width(metric, "base_width_s", gateway.base_width_s);
  }
}

Result<EdgeConfig> read(runtime::Config& file) {
  EdgeConfig config;
  ConfigTable root = file.root();
  config.gateway.tenant = read_name(root, "tenant");
  config.gateway.gateway = read_name(root, "gateway");
  read_serves(root, config.gateway);
  config.gateway.state_dir = root.text("state_dir", "/var/lib/tributary-edge");

  ConfigTable uplink = root.table("uplink");
  if (!root.has("uplink")) root.complain("uplink", "nothing", "a table [uplink] with url");
  config.uplink.tenant = config.gateway.tenant;
  config.uplink.gateway = config.gateway.gateway;
  if (root.has("uplink")) config.uplink.client = mqtt::read_client_config(uplink);
  if (config.uplink.client.username.empty()) config.uplink.client.username = config.gateway.gateway;

  ConfigTable outbox = root.table("outbox");
  config.gateway.budget_bytes = static_cast<uint64_t>(outbox.integer("budget_mib", 64, 1, 1 << 20)) << 20;
  read_windows(root.table("windows"), config.gateway);
  read_clock(root.table("clock"), config);
  read_labels(root.table("labels"), config.gateway);
  read_metrics(root.table("metrics"), config.gateway);

  config.http.on = root.has("http");
  ConfigTable http = root.table("http");
  config.http.host = http.text("host", config.http.host);
  config.http.port = static_cast<uint16_t>(http.integer("port", config.http.port, 0, 65535));

  config.sources = read_sources(root.table("source"), {config.gateway.gateway, config.uplink.client});
  if (Status fine = file.finish(); !fine.ok()) return fine.error();
  return config;
}

}  // namespace

Result<EdgeConfig> load_config(const std::string& file) {
  Result<runtime::Config> loaded = runtime::Config::load(file);
  if (!loaded.ok()) return loaded.error();
  return read(loaded.value());
}

Result<EdgeConfig> parse_config(const std::string& text, const std::string& name) {
  Result<runtime::Config> parsed = runtime::Config::parse(text, name);
  if (!parsed.ok()) return parsed.error();
  return read(parsed.value());
}

}  // namespace tributary::edge
