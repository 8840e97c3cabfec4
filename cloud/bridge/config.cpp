// SPDX-License-Identifier: Apache-2.0
// Reads the bridge's TOML file: see config.h.
#include "cloud/bridge/config.h"

#include <limits>

#include "cloud/http/delivery.h"
#include "cloud/log/log_config.h"
#include "common/mqtt/client_config.h"
#include "common/runtime/config.h"
#include "common/runtime/program.h"
#include "common/series/names.h"

namespace tributary::bridge {
namespace {

using runtime::ConfigTable;

std::string default_client_id() {
  // Two bridges of one name would throw each other out of the broker.
  return "tributary-bridge-" + std::to_string(runtime::random_bits() % 1'000'000'000);
}

void read_mqtt(ConfigTable table, BridgeConfig& bridge) {
  mqtt::ClientConfig& mqtt = bridge.mqtt;
  mqtt = mqtt::read_client_config(table);
  mqtt.client_id = table.text("client_id");
  if (mqtt.client_id.empty()) mqtt.client_id = default_client_id();
  mqtt.keepalive_s = static_cast<int>(table.integer("keepalive_s", mqtt.keepalive_s, 5, 3600));
  bridge.share_group = table.text("share_group");
  if (!bridge.share_group.empty() && !is_topic_name(bridge.share_group)) {
    table.complain("share_group", bridge.share_group, std::string("a name of ") + kTopicNameGrammar);
  }
}

void read_metrics(ConfigTable table, IngestConfig& ingest) {
  for (const std::string& name : table.keys()) {
    ConfigTable metric = table.table(name);
    Series series;
    series.device = "d";
    series.metric = name;
    if (Status fits = check_series(series); !fits) table.complain(name, name, "a metric's name");
    const std::string unit = metric.text("unit");
    if (!unit.empty()) {
      series.labels.push_back({"unit", unit});
      if (Status fits = check_series(series); !fits) metric.complain("unit", unit, "a unit of at most 64 bytes");
      ingest.unit_by_metric[name] = unit;
    }
    const std::string text = metric.text("kind", "gauge");
    const auto kind = kind_from(text);
    if (!kind) metric.complain("kind", text, std::string(kKindNames));
    if (kind && *kind != MetricKind::kGauge) ingest.kind_by_metric[name] = *kind;
  }
}

}  // namespace

Result<ProgramConfig> read_config(const std::string& file) {
  auto loaded = runtime::Config::load(file);
  if (!loaded) return loaded.error();
  ConfigTable root = loaded->root();
  ProgramConfig config;
  if (!root.has("mqtt")) root.complain("mqtt", "nothing", "a table [mqtt] with url");
  if (root.has("mqtt")) read_mqtt(root.table("mqtt"), config.bridge);
  config.log = log::read_log_config(root.table("log"));

  ConfigTable http = root.table("http");
  config.http.host = http.text("host", config.http.host);
  config.http.port = static_cast<uint16_t>(http.integer("port", 8081, 0, std::numeric_limits<uint16_t>::max()));
  config.http.body_bytes_max = config.ingest.body_bytes_max;
  config.delivery.cors_origins = http::read_cors_origins(http);
  config.keys_file = root.table("keys").readable_file("file");

  ConfigTable ingest = root.table("ingest");
  config.ingest.base_width_s = static_cast<WidthS>(ingest.integer("base_width_s", config.ingest.base_width_s, 1, 3600));
  if (!is_width(config.ingest.base_width_s)) {
    ingest.complain("base_width_s", std::to_string(config.ingest.base_width_s), "a divisor of 60, 900 or 3600");
  }
  config.ingest.max_future_s = ingest.integer("max_future_s", config.ingest.max_future_s, 0, 366 * 86400);
  config.bridge.core.max_future_s = config.ingest.max_future_s;
  constexpr int64_t kYearS = int64_t{366} * 86'400;
  config.ingest.min_time_s = ingest.integer("min_time", kYearS, 0, 200 * kYearS);
  read_metrics(root.table("metrics"), config.ingest);

  if (Status finished = loaded->finish(); !finished) return finished.error();
  return config;
}

}  // namespace tributary::bridge
