// SPDX-License-Identifier: Apache-2.0
// KafkaSink: the topics PREFIX.windows and PREFIX.deadletter, made when they are missing. Settings: FORMAT.md.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "cloud/feed/sink.h"
#include "cloud/log/kafka_client.h"

namespace tributary::feed {

struct KafkaSinkConfig {
  log::LogConfig log;        // its url is kafka://…; brokers, prefix, properties and replicas are taken from it
  uint32_t partitions = 16;  // of topics that are made
  int64_t windows_retention_ms = 7LL * 24 * 3600 * 1000;
  int64_t dead_letters_retention_ms = 90LL * 24 * 3600 * 1000;
};

class KafkaSink final : public Sink {
 public:
  // Does not wait for a connection.
  static Result<std::unique_ptr<KafkaSink>> open(const KafkaSinkConfig& config);
  Status prepare() override;
  Status put(const FeedRecord& message, Done done) override;
  std::string trouble() const override { return producer_->trouble(); }

 private:
  KafkaSink(const KafkaSinkConfig& config, std::string prefix) : config_(config), prefix_(std::move(prefix)) {}

  const KafkaSinkConfig config_;
  const std::string prefix_;
  std::unique_ptr<log::KafkaClient> client_;
  std::unique_ptr<log::KafkaProducer> producer_;
  std::atomic<uint32_t> windows_partitions_{0}, dead_letters_partitions_{0};
};

}  // namespace tributary::feed
