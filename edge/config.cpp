// SPDX-License-Identifier: Apache-2.0
// One function a table of the file.
#include "edge/config.h"

#include <algorithm>
#include <cmath>

#include "common/mqtt/client_config.h"
#include "common/runtime/config.h"

namespace tributary::edge {
namespace {

using runtime::ConfigTable;

std::string quoted(const std::string& text) { return '"' + text + '"'; }

// Tenant and gateway are levels of MQTT topics, client ids and user names at once; the bridge takes the same names.
std::string read_name(ConfigTable& table, const char* key) {
  std::string name = table.required_text(key);
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  bool fits = name.size() <= 64 && !name.empty() && plain(name.front());
  for (char c : name) fits = fits && (plain(c) || c == '_' || c == '-' || c == '.');
  if (!name.empty() && !fits) {
    table.complain(key, quoted(name), "1 to 64 letters, digits, '_', '-' or '.', a letter or digit first");
  }
  return name;
}

WidthS read_width(ConfigTable& table, const char* key, WidthS otherwise) {
  const auto width = static_cast<WidthS>(table.integer(key, otherwise, 1, 3600));
  if (!is_width(width)) table.complain(key, std::to_string(width), "a divisor of 60, or 900 or 3600 seconds");
  return width;
}

void read_windows(ConfigTable table, GatewayConfig& gateway) {
  gateway.base_width_s = read_width(table, "base_width_s", gateway.base_width_s);
  gateway.grace_ms = table.integer("grace_ms", gateway.grace_ms, 0, 3'600'000);
  gateway.checkpoint_interval_ms =
      table.integer("checkpoint_interval_ms", gateway.checkpoint_interval_ms, 10, 3'600'000);
  gateway.max_future_ms = table.integer("max_future_s", gateway.max_future_ms / 1000, 0, 86'400) * 1000;
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
    table.complain("trust", quoted(trust), R"("plausible", "synchronised" or "always")");
  }
  config.clock_synchronised_file = table.text("synchronised_file");
}

void read_labels(ConfigTable table, GatewayConfig& gateway) {
  for (const std::string& key : table.keys()) {
    gateway.labels.push_back({key, table.text(key)});
    const Status one = check_series({.device = "device", .metric = "metric", .labels = {gateway.labels.back()}});
    if (!one.ok())
      table.complain(key, quoted(gateway.labels.back().value) + " (" + one.error().message + ")",
                     "a label within the limits");
  }
  std::sort(gateway.labels.begin(), gateway.labels.end());
  if (gateway.labels.size() >= kLabelsMax) {
    table.complain(gateway.labels.front().key, std::to_string(gateway.labels.size()) + " labels",
                   "at most 7 beside unit");
  }
}

void read_metrics(ConfigTable table, GatewayConfig& gateway) {
  for (const std::string& name : table.keys()) {
    ConfigTable metric = table.table(name);
    if (const Status fits = check_series({.device = "device", .metric = name}); !fits.ok()) {
      table.complain(name, quoted(name) + " (" + fits.error().message + ")", "the name of a metric");
    }
    if (metric.has("unit")) {
      const std::string unit = metric.text("unit");
      const Status fits = check_series({.device = "device", .metric = "metric", .labels = {{"unit", unit}}});
      if (!fits.ok()) metric.complain("unit", quoted(unit), "1 to 64 bytes of text");
      gateway.unit_by_metric[name] = unit;
    }
    if (metric.has("kind")) {
      const std::string kind = metric.text("kind");
      if (kind != "gauge" && kind != "counter") metric.complain("kind", quoted(kind), "\"gauge\" or \"counter\"");
      gateway.kind_by_metric[name] = kind == "counter" ? MetricKind::kCounter : MetricKind::kGauge;
    }
    if (metric.has("base_width_s"))
      gateway.base_width_by_metric[name] = read_width(metric, "base_width_s", gateway.base_width_s);
  }
}

// An MQTT topic filter: + and # stand alone in their level, # only in the last.
bool is_filter(std::string_view filter) {
  if (filter.empty() || filter.size() > 65535) return false;
  for (size_t i = 0; i < filter.size(); ++i) {
    if (filter[i] != '+' && filter[i] != '#') continue;
    const bool alone = (i == 0 || filter[i - 1] == '/') && (i + 1 == filter.size() || filter[i + 1] == '/');
    if (!alone || (filter[i] == '#' && i + 1 != filter.size())) return false;
  }
  return filter.find('\0') == std::string_view::npos;
}

MqttSourceConfig read_mqtt_source(ConfigTable table, size_t index, const EdgeConfig& config) {
  MqttSourceConfig source;
  source.client = mqtt::read_client_config(table);
  const mqtt::ClientConfig& uplink = config.uplink.client;
  const bool anonymous = source.client.username.empty() && source.client.password.empty();
  if (anonymous && source.client.url == uplink.url) {
    source.client = uplink;  // the same broker: the same credentials and certificates
  } else if (source.client.username.empty() && !source.client.password.empty()) {
    source.client.username = config.gateway.gateway;
  }
  source.client.client_id = config.gateway.gateway + "-source" + (index == 0 ? "" : std::to_string(index + 1));
  source.topics = table.texts("topics", source.topics);
  if (source.topics.empty()) table.complain("topics", "[]", "at least one topic filter");
  for (const std::string& topic : source.topics) {
    if (!is_filter(topic)) table.complain("topics", quoted(topic), "an MQTT topic filter");
  }
  source.qos = static_cast<int>(table.integer("qos", source.qos, 0, 1));
  const std::string retained = table.text("retained", "reject");
  if (retained != "reject" && retained != "accept")
    table.complain("retained", quoted(retained), "\"reject\" or \"accept\"");
  source.reader.accept_retained = retained == "accept";
  ConfigTable rename = table.table("rename");
  for (const std::string& from : rename.keys()) {
    const std::string to = rename.text(from);
    if (!check_series({.device = "device", .metric = to}).ok())
      rename.complain(from, quoted(to), "the name of a metric");
    source.reader.rename[from] = to;
  }
  for (std::string& metric : table.texts("ignore")) source.reader.ignore.insert(std::move(metric));
  return source;
}

FileSourceConfig read_file_source(ConfigTable table) {
  FileSourceConfig source;
  source.path = table.required_text("path");
  source.device = table.required_text("device");
  source.metric = table.required_text("metric");
  if (std::count(source.path.begin(), source.path.end(), '*') > 1)
    table.complain("path", quoted(source.path), "at most one *");
  const std::string device = source.device.empty() ? "device" : source.device;
  const std::string metric = source.metric.empty() ? "metric" : source.metric;
  if (!check_series({.device = device, .metric = "metric"}).ok())
    table.complain("device", quoted(device), "1 to 128 bytes of text");
  if (!check_series({.device = "device", .metric = metric}).ok())
    table.complain("metric", quoted(metric), "the name of a metric");
  source.key = table.text("key");
  source.scale = table.number("scale", 1);
  if (!std::isfinite(source.scale) || source.scale == 0)
    table.complain("scale", std::to_string(source.scale), "a finite number other than 0");
  source.interval_ms = table.integer("interval_ms", source.interval_ms, 100, 86'400'000);
  return source;
}

Result<EdgeConfig> read(runtime::Config& file) {
  EdgeConfig config;
  ConfigTable root = file.root();
  config.gateway.tenant = read_name(root, "tenant");
  config.gateway.gateway = read_name(root, "gateway");
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

  ConfigTable source = root.table("source");
  for (const ConfigTable& table : source.tables("mqtt")) {
    config.mqtt_sources.push_back(read_mqtt_source(table, config.mqtt_sources.size(), config));
  }
  for (const ConfigTable& table : source.tables("file")) config.file_sources.push_back(read_file_source(table));
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
