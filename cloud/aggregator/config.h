// SPDX-License-Identifier: Apache-2.0
// The aggregator's configuration file, see config.cpp for its keys.
#pragma once

#include <string>
#include <vector>

#include "cloud/aggregator/cluster_port.h"
#include "cloud/api/api.h"
#include "cloud/feed/kafka_sink.h"
#include "cloud/http/server.h"
#include "cloud/log/log.h"
#include "cloud/merge/writer.h"
#include "cloud/otlp/exporter.h"
#include "common/runtime/result.h"

namespace tributary::api {

struct AggregatorConfig {
  log::LogConfig log;
  std::string state_dir;      // one folder a partition below it: partition-N
  merge::WriterConfig state;  // path and partition are filled for each
  uint32_t ordinal = 0;       // partition p belongs to ordinal p mod replicas
  uint32_t replicas = 1;
  ClusterConfig cluster;  // replicas > 1
  http::HttpConfig http;
  ApiConfig api;
  std::string keys_file;
  // [feed]: changed rows and dead letters into Kafka topics (cloud/feed/FORMAT.md).
  bool feed_windows = false, feed_dead_letters = false;
  feed::KafkaSinkConfig feed;
  std::vector<OtlpConfig> otlp;
};

// Errors: kNotFound, kInvalid with "file:line: found X, expected Y", one a line.
Result<AggregatorConfig> read_aggregator_config(const std::string& file);

}  // namespace tributary::api
