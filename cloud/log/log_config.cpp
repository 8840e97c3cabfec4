// SPDX-License-Identifier: Apache-2.0
// Reads [log]: see log_config.h.
#include "cloud/log/log_config.h"

#include "cloud/log/kafka_client.h"

namespace tributary::log {

LogConfig read_log_config(runtime::ConfigTable table) {
  constexpr int64_t kHourMs = 3600 * 1000;
  constexpr int64_t kHoursMax = 24 * 365 * 100;
  constexpr int64_t kMibMax = 1 << 26;
  LogConfig log;
  log.url = table.required_text("url");
  if (table.has("partitions")) log.partitions = static_cast<uint32_t>(table.integer("partitions", 1, 1, 1024));
  log.retention_ms = table.integer("retention_hours", log.retention_ms / kHourMs, 1, kHoursMax) * kHourMs;
  log.retention_bytes =
      static_cast<uint64_t>(table.integer("retention_mib", static_cast<int64_t>(log.retention_bytes >> 20), 1, kMibMax))
      << 20;
  log.replicas = static_cast<int>(table.integer("replicas", 0, 0, 100));
  runtime::ConfigTable kafka = table.table("kafka");
  for (const auto& [name, value] : kafka.properties()) {
    if (Status fits = check_kafka_properties({{name, value}}); !fits) {
      // The value stays out of sight: it may be a secret.
      kafka.complain(name, "(not shown)", "a property of librdkafka that may be set here: " + fits.error().message);
    } else {
      log.kafka[name] = value;
    }
  }
  constexpr std::string_view kEmbedded = "lmdb://";
  if (!log.url.starts_with("kafka:") && !log.url.empty() &&
      !(log.url.starts_with(kEmbedded) && log.url.size() > kEmbedded.size())) {
    table.complain("url", "\"" + log.url + "\"", "lmdb:///path/of/a/folder or kafka://host:port");
  }
  if (log.url.starts_with("kafka:")) {
    if (auto url = parse_kafka_url(log.url); !url) {
      table.complain("url", "\"" + log.url + "\"", "kafka://host:port[,host:port][/prefix of topics]");
    }
  }
  return log;
}

}  // namespace tributary::log
