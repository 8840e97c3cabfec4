// SPDX-License-Identifier: Apache-2.0
// The aggregator's configuration, see config.h.
#include "cloud/aggregator/config.h"

#include <algorithm>
#include <thread>

#include "cloud/log/log_config.h"
#include "common/runtime/config.h"

namespace tributary::api {
namespace {

constexpr size_t kSecretBytesMin = 32;
constexpr int64_t kHoursMax = 100LL * 366 * 24;

void read_state(runtime::ConfigTable state, AggregatorConfig& config) {
  config.state_dir = state.required_text("dir");
  constexpr int64_t kHours = 3600;
  constexpr const char* kRetention[4] = {"retention_base_hours", "retention_minute_hours", "retention_quarter_hours",
                                         "retention_hour_hours"};
  for (size_t level = 0; level < 4; ++level) {
    config.state.retention_s[level] =
        state.integer(kRetention[level], config.state.retention_s[level] / kHours, 1, kHoursMax) * kHours;
    if (level > 0 && config.state.retention_s[level] < config.state.retention_s[level - 1]) {
      state.complain(kRetention[level], std::to_string(config.state.retention_s[level] / kHours),
                     "at least " + std::string(kRetention[level - 1]) + ", " +
                         std::to_string(config.state.retention_s[level - 1] / kHours));
    }
  }
  config.state.max_future_s = state.integer("max_future_seconds", config.state.max_future_s, 0, 366 * 86400);
}

void read_cluster(runtime::ConfigTable root, runtime::ConfigTable table, AggregatorConfig& config) {
  ClusterConfig& cluster = config.cluster;
  cluster.peers.urls = table.texts("peers");
  cluster.peers.secret = table.secret("secret");
  cluster.peers.timeout_ms = static_cast<int>(table.integer("timeout_ms", cluster.peers.timeout_ms, 50, 60'000));
  cluster.http.host = table.text("host", cluster.http.host);
  cluster.http.threads = 16;
  uint16_t own_port = 0;
  for (uint32_t ordinal = 0; ordinal < cluster.peers.urls.size(); ++ordinal) {
    const auto url = cluster::parse_peer_url(cluster.peers.urls[ordinal]);
    if (!url) table.complain("peers", cluster.peers.urls[ordinal], "http://host:port");
    if (url && ordinal == config.ordinal) own_port = url->port;
  }
  cluster.http.port = static_cast<uint16_t>(table.integer("port", own_port, 0, 65535));
  if (cluster.peers.urls.size() != config.replicas && (config.replicas > 1 || !cluster.peers.urls.empty())) {
    auto& place = root.has("cluster") ? table : root;
    place.complain(root.has("cluster") ? "peers" : "cluster", std::to_string(cluster.peers.urls.size()) + " peers",
                   "as many as replicas, " + std::to_string(config.replicas) + ", by ordinal, the own one included");
  }
  if (config.replicas > 1 && cluster.peers.secret.size() < kSecretBytesMin) {
    table.complain("secret_file", std::to_string(cluster.peers.secret.size()) + " bytes",
                   "a file whose first line has at least " + std::to_string(kSecretBytesMin));
  }
  const auto unfit = [](char c) { return c <= ' ' || c > '~'; };
  if (std::any_of(cluster.peers.secret.begin(), cluster.peers.secret.end(), unfit)) {
    table.complain("secret_file", "a secret with spaces or control characters", "visible ASCII characters");
  }
}

SendHints read_send_hints(runtime::ConfigTable& dashboard) {
  return {.mqtt_host = dashboard.text("mqtt_host"),
          .mqtt_username = dashboard.text("mqtt_username"),
          .ingest_url = dashboard.text("ingest_url"),
          .mqtt_tenant = dashboard.text("mqtt_tenant"),
          .mqtt_port = static_cast<uint16_t>(dashboard.integer("mqtt_port", 0, 0, 65535))};
}

}  // namespace

Result<AggregatorConfig> read_aggregator_config(const std::string& file) {
  auto loaded = runtime::Config::load(file);
  if (!loaded) return loaded.error();
  AggregatorConfig config;
  auto root = loaded->root();

  config.log = log::read_log_config(root.table("log"));

  read_state(root.table("state"), config);
  auto http = root.table("http");
  config.http.host = http.text("host", config.http.host);
  config.http.port = static_cast<uint16_t>(http.integer("port", 8080, 0, 65535));
  config.http.threads =
      static_cast<size_t>(http.integer("threads", static_cast<int64_t>(config.http.threads), 1, 1024));
  config.http.streams_max =
      static_cast<size_t>(http.integer("streams_max", static_cast<int64_t>(config.http.streams_max), 0, 10'000));
  // No tenant takes the streams of all.
  config.api.tenant_streams_max = std::max<size_t>((config.http.streams_max + 1) / 2, 1);
  config.api.delivery.cors_origins = http::read_cors_origins(http);

  auto keys = root.table("keys");
  if (!keys.required_text("file").empty()) config.keys_file = keys.readable_file("file");
  auto dashboard = root.table("dashboard");
  config.api.dashboard_dir = dashboard.folder("dir");
  config.api.hints = read_send_hints(dashboard);
  config.api.operators = dashboard.texts("operators");

  auto aggregator = root.table("aggregator");
  config.replicas = static_cast<uint32_t>(aggregator.integer("replicas", 1, 1, 1024));
  config.ordinal = static_cast<uint32_t>(aggregator.integer("ordinal", 0, 0, 1023));
  if (config.ordinal >= config.replicas) {
    aggregator.complain("ordinal", std::to_string(config.ordinal),
                        "less than replicas, " + std::to_string(config.replicas));
  }
  // Alone, handlers only compute; with others they also wait for them.
  if (config.replicas == 1) config.http.busy_threads = 2 * std::max(2U, std::thread::hardware_concurrency());
  read_cluster(root, root.table("cluster"), config);

  auto feed = root.table("feed");
  config.feed_windows = feed.boolean("windows", false);
  config.feed_dead_letters = feed.boolean("dead_letters", config.feed_windows);
  config.feed.log = config.log;
  config.feed.log.url = feed.text("url", config.log.url);
  config.feed.partitions = static_cast<uint32_t>(feed.integer("partitions", config.feed.partitions, 1, 1024));
  constexpr int64_t kHourMs = 3'600'000;
  config.feed.windows_retention_ms =
      feed.integer("windows_retention_hours", config.feed.windows_retention_ms / kHourMs, 1, kHoursMax) * kHourMs;
  config.feed.dead_letters_retention_ms =
      feed.integer("dead_letters_retention_hours", config.feed.dead_letters_retention_ms / kHourMs, 1, kHoursMax) *
      kHourMs;
  if (config.feed_windows || config.feed_dead_letters) {
    if (const auto url = log::parse_kafka_url(config.feed.log.url); !url) {
      feed.complain("url", config.feed.log.url,
                    "kafka://host:port, which the log is not: the feed writes Kafka topics");
    }
  }
  config.otlp = read_otlp_config(root);
  if (Status status = loaded->finish(); !status) return status.error();
  return config;
}

}  // namespace tributary::api
