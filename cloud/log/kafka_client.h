// SPDX-License-Identifier: Apache-2.0
// Kafka through librdkafka, without the log's meaning: a producer, topics that are made if they are missing, a topic
// read from its beginning. The log over Kafka (kafka.h) is made of these, and so is whatever else writes topics. Names
// and promises of our topics: FORMAT.md beside this file.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/log/log.h"
#include "common/runtime/result.h"

namespace tributary::log {

inline constexpr int kKafkaAnswerMsMax = 5000;

// kafka://host:port[,host:port][/prefix]: topics are named prefix.partials and so on.
struct KafkaUrl {
  std::string brokers;
  std::string prefix = "tributary";
};
Result<KafkaUrl> parse_kafka_url(const std::string& url);

struct KafkaConfig {
  std::string brokers;                            // host:port[,host:port]
  std::map<std::string, std::string> properties;  // librdkafka's, as configured; may hold passwords: never logged
  int replicas = 0;                               // of topics made; 0: 3, or as many as there are brokers
};
Result<KafkaConfig> kafka_config(const LogConfig& config);

// kInvalid: librdkafka does not know a property or its value, or the property would break what the log promises.
Status check_kafka_properties(const std::map<std::string, std::string>& properties);

struct KafkaHeader {
  std::string name, value;
};

struct KafkaMessage {
  std::string topic;
  int32_t partition = -1;  // -1: by the key's murmur2 hash, as in Kafka's own clients
  std::string key, value;
  std::vector<KafkaHeader> headers;
  int64_t offset = -1;  // when read
  bool has_value = true;
};

// Idempotent, acks=all, pipelined. A producer that Kafka declares dead (a fatal error) is replaced by a new one; what
// it had not delivered is reported as failed. Thread-safe.
class KafkaProducer {
 public:
  struct Limits {
    uint64_t records_max = 16384;
    uint64_t bytes_max = 64ULL << 20;
  };
  using Done = std::function<void(const Status&)>;

  // Does not wait for a connection. kInvalid: a property is refused.
  static Result<std::unique_ptr<KafkaProducer>> open(const KafkaConfig& config, const Limits& limits);
  // Flushes for up to ten seconds (one in trouble); what is not delivered then is reported as failed.
  ~KafkaProducer();
  KafkaProducer(const KafkaProducer&) = delete;
  KafkaProducer& operator=(const KafkaProducer&) = delete;

  // In order of the calls a partition. done runs once, on the producer's thread: the record is acknowledged by all
  // replicas in sync, or it failed (then it may be in the topic all the same). kBusy at once when the queue is full;
  // then done is not called.
  Status produce(const KafkaMessage& message, Done done);
  // Waits until everything produced is settled, or there is trouble.
  void flush();
  // Empty when well; otherwise one sentence.
  std::string trouble() const;
  uint64_t renewals() const;  // how often a fatal error was survived

  struct Impl;

 private:
  explicit KafkaProducer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct KafkaTopic {
  uint32_t partitions = 0;
  uint32_t replicas = 0;  // of the partition with the fewest
};

// Topics: asked for, made, read. Thread-safe. Every call takes timeout_ms at most. Errors: kIo (no answer: says why),
// kNotFound (no such topic).
class KafkaClient {
 public:
  static Result<std::unique_ptr<KafkaClient>> open(const KafkaConfig& config);
  ~KafkaClient();
  KafkaClient(const KafkaClient&) = delete;
  KafkaClient& operator=(const KafkaClient&) = delete;

  Result<KafkaTopic> find_topic(const std::string& name, int timeout_ms = kKafkaAnswerMsMax);
  // Makes the topic if it is missing; somebody else may be making it at the same time. kMismatch: it has another number
  // of partitions (0: any will do, 1 is made). configs (retention.ms …) count only when it is made here.
  Result<KafkaTopic> ensure_topic(const std::string& name, uint32_t partitions,
                                  const std::map<std::string, std::string>& configs,
                                  int timeout_ms = kKafkaAnswerMsMax);
  // The settings in force: the topic's own and what it takes from its broker.
  Result<std::map<std::string, std::string>> topic_settings(const std::string& name,
                                                            int timeout_ms = kKafkaAnswerMsMax);
  Result<Bounds> bounds(const std::string& topic, uint32_t partition, int timeout_ms = kKafkaAnswerMsMax);
  // Everything a partition holds at the time of the call, in order, from `from` or the oldest kept on.
  Status read(const std::string& topic, uint32_t partition, Offset from,
              const std::function<void(KafkaMessage)>& on_message, int timeout_ms = kKafkaAnswerMsMax);

  struct Impl;

 private:
  explicit KafkaClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace tributary::log
