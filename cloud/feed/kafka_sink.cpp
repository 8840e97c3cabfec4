// SPDX-License-Identifier: Apache-2.0
// KafkaSink, see kafka_sink.h.
#include "cloud/feed/kafka_sink.h"

#include <utility>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/murmur2.h"

namespace tributary::feed {

Result<std::unique_ptr<KafkaSink>> KafkaSink::open(const KafkaSinkConfig& config) {
  auto url = log::parse_kafka_url(config.log.url);
  if (!url) return url.error();
  auto kafka = log::kafka_config(config.log);
  if (!kafka) return kafka.error();
  std::unique_ptr<KafkaSink> sink(new KafkaSink(config, url.value().prefix));
  auto client = log::KafkaClient::open(*kafka);
  if (!client) return client.error();
  sink->client_ = std::move(client).value();
  auto producer = log::KafkaProducer::open(*kafka, {.records_max = 8192, .bytes_max = 32ULL << 20});
  if (!producer) return producer.error();
  sink->producer_ = std::move(producer).value();
  return sink;
}

Status KafkaSink::prepare() {
  const auto ensure = [&](const char* name, const char* policy, int64_t retention_ms,
                          std::atomic<uint32_t>& partitions) -> Status {
    const std::string topic = prefix_ + name;
    auto found = client_->find_topic(topic);
    if (!found && found.error().code == ErrorCode::kNotFound) {
      // Somebody else may make it first, with a number of partitions of their own: any will do.
      found = client_->ensure_topic(topic, config_.partitions,
                                    {{"cleanup.policy", policy}, {"retention.ms", std::to_string(retention_ms)}});
      if (!found && found.error().code == ErrorCode::kMismatch) found = client_->find_topic(topic);
    }
    if (!found) return found.error();
    partitions = found->partitions;
    return {};
  };
  if (Status made = ensure(".windows", "compact,delete", config_.windows_retention_ms, windows_partitions_); !made) {
    return made;
  }
  return ensure(".deadletter", "delete", config_.dead_letters_retention_ms, dead_letters_partitions_);
}

Status KafkaSink::put(const FeedRecord& message, Done done) {
  const bool windows = message.topic == Topic::kWindows;
  const uint32_t partitions = windows ? windows_partitions_ : dead_letters_partitions_;
  CHECK(partitions > 0);
  log::KafkaMessage out;
  out.topic = prefix_ + (windows ? ".windows" : ".deadletter");
  out.partition = static_cast<int32_t>((murmur2(as_bytes(message.placed_by)) & 0x7fffffff) % partitions);
  out.key = message.key;
  out.value = message.value;
  if (!message.reason.empty()) out.headers.push_back({"reason", message.reason});
  return producer_->produce(out, std::move(done));
}

}  // namespace tributary::feed
