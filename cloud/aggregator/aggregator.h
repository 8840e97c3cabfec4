// SPDX-License-Identifier: Apache-2.0
// Aggregator: the states of the partitions this process owns, their mergers, and the API over them and, where there
// are several, those of the other aggregators.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/aggregator/cluster_port.h"
#include "cloud/aggregator/config.h"
#include "cloud/aggregator/merge_watch.h"
#include "cloud/aggregator/merger.h"
#include "cloud/aggregator/own_system.h"
#include "cloud/api/api.h"
#include "cloud/feed/feed.h"
#include "cloud/otlp/exporter.h"
#include "cloud/query/question/system.h"

namespace tributary::api {

// What stands outside the process. The log is asked for when it is needed first; the sink only if the feed is
// configured.
struct AggregatorAdapters {
  std::function<Result<std::unique_ptr<log::Reader>>(const log::LogConfig&)> open_log;
  std::function<Result<std::unique_ptr<feed::Sink>>(const feed::KafkaSinkConfig&)> open_feed_sink;
};

class Aggregator {
 public:
  // Opens states and port; the log need not be there yet. Errors name what is in the way.
  static Result<std::unique_ptr<Aggregator>> open(const AggregatorConfig& config, AggregatorAdapters adapters);
  ~Aggregator();

  Status start();
  // Streams and requests first, then the batch being merged.
  void stop();
  uint16_t port() const { return server_->port(); }
  // REQUIRES: there are several aggregators.
  uint16_t cluster_port() const { return cluster_->port(); }

 private:
  Aggregator(const AggregatorConfig& config, AggregatorAdapters adapters);
  Status open_states();
  // A state that is damaged: moved aside if the log can make it again, else why not. The sentence says what was done.
  Result<std::string> set_aside(const std::string& path, uint32_t partition, const std::string& damage);
  Status open_state(uint32_t partition, std::string& damage);
  Status open_feed();
  Status open_cluster();
  void open_exporters();
  Status open_server();
  void make_mergers();
  uint64_t log_id() const;
  Result<log::Reader*> reader();
  // "power", "process", or "unknown" before the log was seen. Never waits for the log.
  std::string durability() const;
  std::string trouble() const;
  void families(Exposition& text) const;
  void merge_families(Exposition& text) const;
  void feed_families(Exposition& text) const;
  uint32_t partition_of(size_t index) const {
    return config_.ordinal + static_cast<uint32_t>(index) * config_.replicas;
  }
  query::ServiceInfo service();

  const AggregatorConfig config_;
  const AggregatorAdapters adapters_;
  const Instant started_;
  runtime::Recoveries recoveries_{recovery_kinds()};
  Traffic traffic_;
  mutable std::mutex reader_mutex_;
  std::unique_ptr<log::Reader> reader_;
  mutable std::mutex durability_mutex_;
  std::string durability_ = "unknown";
  Error reader_failure_;  // of the last attempt to open it, and when it may be tried again
  std::chrono::steady_clock::time_point reader_retry_{};
  std::vector<std::unique_ptr<merge::StateWriter>> writers_;  // by partition, ascending
  std::vector<std::unique_ptr<query::LogEndNote>> log_ends_;  // the same
  std::unique_ptr<MergeWatch> watch_;
  uint32_t partitions_ = 1;  // of the log, all aggregators together
  std::unique_ptr<query::LocalQuery> query_;
  std::unique_ptr<OwnSystem> own_system_;
  std::unique_ptr<AggregatorCluster> cluster_;  // nothing if there is one aggregator
  std::unique_ptr<Auth> auth_;
  std::unique_ptr<http::HttpServer> server_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<feed::Sink> feed_sink_;
  std::unique_ptr<feed::Feed> feed_;  // nothing unless configured
  std::vector<std::unique_ptr<OtlpExporter>> otlp_;
  std::vector<std::unique_ptr<Merger>> mergers_;
};

}  // namespace tributary::api
