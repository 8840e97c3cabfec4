// SPDX-License-Identifier: Apache-2.0
// The identity of a log in Kafka: made once, read by everybody: see kafka.h and FORMAT.md.
#include "cloud/log/kafka.h"

#include <chrono>
#include <cstdio>
#include <future>
#include <optional>
#include <thread>

#include "cloud/log/record.h"
#include "common/base/hex.h"
#include "common/runtime/program.h"

namespace tributary::log {
namespace {

using namespace std::chrono_literals;

constexpr uint32_t kBirthFormat = 1;
constexpr uint32_t kPartitionsMax = 1024;
constexpr const char* kForEver = "-1";
// A record of 1 MiB with everything around it.
constexpr const char* kRecordBytesMax = "2097152";
constexpr auto kAppearInterval = 100ms;
constexpr int kAppearTries = 30;  // a topic becomes known broker by broker

struct Birth {
  uint64_t log_id = 0;
  uint32_t partitions = 0;
};

std::string encode_birth(const Birth& birth) {
  return "tributary-log format=" + std::to_string(kBirthFormat) + " id=" + hex16(birth.log_id) +
         " partitions=" + std::to_string(birth.partitions);
}

// Nothing: these bytes were written by something else. kUnsupported: a newer format.
Result<std::optional<Birth>> decode_birth(const std::string& text) {
  unsigned format = 0, partitions = 0;
  unsigned long long id = 0;
  int end = 0;
  if (std::sscanf(text.c_str(), "tributary-log format=%u", &format) == 1 && format > kBirthFormat) {
    return Error{ErrorCode::kUnsupported,
                 "found a log of format " + std::to_string(format) + ", expected " + std::to_string(kBirthFormat)};
  }
  Birth birth;
  if (std::sscanf(text.c_str(), "tributary-log format=%u id=%16llx partitions=%u%n", &format, &id, &partitions, &end) ==
      3) {
    birth.log_id = id;
    birth.partitions = partitions;
  }
  const bool whole = static_cast<size_t>(end) == text.size() && birth.log_id != 0 && birth.partitions > 0 &&
                     birth.partitions <= kPartitionsMax && encode_birth(birth) == text;
  if (!whole) return std::optional<Birth>();
  return std::optional<Birth>(birth);
}

// The first birth record wins, whoever wrote a second one in a race.
Result<std::optional<Birth>> read_birth(KafkaClient& client, const std::string& topic, int timeout_ms) {
  std::optional<Birth> birth;
  std::optional<Error> error;
  Status read = client.read(
      topic, 0, 0,
      [&](const KafkaMessage& message) {
        if (birth || error) return;
        auto decoded = decode_birth(message.value);
        if (!decoded) {
          error = Error{decoded.error().code, "topic " + topic + ": " + decoded.error().message};
        } else {
          birth = *decoded;
        }
      },
      timeout_ms);
  if (!read) return read.error();
  if (error) return *error;
  return birth;
}

Status write_birth(const KafkaLog& log, const Birth& birth) {
  auto producer = KafkaProducer::open(log.kafka, {});
  if (!producer) return producer.error();
  KafkaMessage message;
  message.topic = log.birth_topic;
  message.partition = 0;
  message.key = "log";
  message.value = encode_birth(birth);
  auto written = std::make_shared<std::promise<Status>>();
  auto answer = written->get_future();
  Status taken = (*producer)->produce(message, [written](const Status& status) { written->set_value(status); });
  if (!taken) return taken;
  (*producer)->flush();
  producer->reset();  // every record is settled now
  return answer.get();
}

Result<KafkaTopic> make_records_topic(KafkaClient& client, const KafkaLog& log, const LogConfig& config) {
  auto found = client.find_topic(log.records_topic);
  if (found.ok() || found.error().code != ErrorCode::kNotFound) return found;
  const uint32_t partitions = config.partitions.value_or(kKafkaPartitions);
  auto made = client.ensure_topic(log.records_topic, partitions,
                                  {{"cleanup.policy", "delete"},
                                   {"retention.ms", std::to_string(config.retention_ms)},
                                   {"retention.bytes", std::to_string(config.retention_bytes / partitions)},
                                   {"max.message.bytes", kRecordBytesMax}});
  // Somebody else made it a moment before, with another count.
  if (!made.ok() && made.error().code == ErrorCode::kMismatch) return client.find_topic(log.records_topic);
  return made;
}

Result<Birth> make_log(KafkaClient& client, const KafkaLog& log, const LogConfig& config) {
  auto topic = make_records_topic(client, log, config);
  if (!topic) return topic.error();
  if (config.partitions && *config.partitions != topic->partitions) {
    return Error{ErrorCode::kMismatch, "topic " + log.records_topic + " has " + std::to_string(topic->partitions) +
                                           " partitions, configured are " + std::to_string(*config.partitions)};
  }
  bool used = false;
  for (uint32_t partition = 0; partition < topic->partitions && !used; ++partition) {
    auto bounds = client.bounds(log.records_topic, partition);
    if (!bounds) return bounds.error();
    used = bounds->end > 0;
  }
  auto birth = read_birth(client, log.birth_topic, kKafkaAnswerMsMax);
  if (!birth) return birth.error();
  if (!*birth && used) {
    return Error{ErrorCode::kMismatch, "topic " + log.records_topic + " holds records, but topic " + log.birth_topic +
                                           " does not say of which log. Restore it, or delete both to begin a new log"};
  }
  if (!*birth) {
    const Birth mine{runtime::random_bits() | 1, topic->partitions};
    if (Status written = write_birth(log, mine); !written) return written.error();
    birth = read_birth(client, log.birth_topic, kKafkaAnswerMsMax);
    if (!birth) return birth.error();
    if (!*birth) return Error{ErrorCode::kIo, "topic " + log.birth_topic + " does not keep what is written to it"};
  }
  return **birth;
}

// "power": an acknowledged record survives a power cut of all brokers' site but one, or was synced before its ack.
std::string durability_of(KafkaClient& client, const KafkaLog& log, const KafkaTopic& topic) {
  const auto settings = client.topic_settings(log.records_topic);
  if (!settings) {
    runtime::log_warn("the durability of topic " + log.records_topic +
                      " is not known, so it counts as process: " + settings.error().message);
    return "process";
  }
  const auto number = [&](const char* name) {
    const auto found = settings->find(name);
    return found == settings->end() ? 0LL : std::atoll(found->second.c_str());
  };
  if (const auto bytes_max = number("max.message.bytes"); bytes_max > 0 && bytes_max < std::atoll(kRecordBytesMax)) {
    runtime::log_warn("topic " + log.records_topic + " takes records of " + std::to_string(bytes_max) +
                      " bytes at most (max.message.bytes), expected " + kRecordBytesMax);
  }
  const bool synced = number("flush.messages") == 1;
  const bool replicated = topic.replicas >= 3 && number("min.insync.replicas") >= 2;
  return synced || replicated ? "power" : "process";
}

Error gone(const KafkaLog& log, uint64_t log_id) {
  return {ErrorCode::kMismatch, "topic " + log.records_topic + " is gone, and with it what log " + log_id_text(log_id) +
                                    " held. Restore it, or delete topic " + log.birth_topic +
                                    " too to begin a new log"};
}

Status check_count(const KafkaLog& log, uint32_t found, uint32_t expected) {
  if (found == expected) return {};
  return Error{ErrorCode::kMismatch, "topic " + log.records_topic + " has " + std::to_string(found) +
                                         " partitions, the log was made with " + std::to_string(expected)};
}

}  // namespace

std::string log_id_text(uint64_t log_id) { return hex16(log_id); }

Result<KafkaLog> kafka_log(const LogConfig& config) {
  auto url = parse_kafka_url(config.url);
  if (!url) return url.error();
  auto kafka = kafka_config(config);
  if (!kafka) return kafka.error();
  KafkaLog log;
  log.url = *url;
  log.kafka = *kafka;
  log.records_topic = url->prefix + ".partials";
  log.birth_topic = url->prefix + ".log";
  return log;
}

Result<LogSettings> settle_kafka_log(KafkaClient& client, const KafkaLog& log, const LogConfig& config, bool make) {
  const Error missing{ErrorCode::kNotFound, "Kafka at " + log.url.brokers + " holds no log named " + log.url.prefix};
  if (make) {
    auto made = client.ensure_topic(
        log.birth_topic, 1, {{"cleanup.policy", "delete"}, {"retention.ms", kForEver}, {"retention.bytes", kForEver}});
    if (!made) return made.error();
  } else if (auto found = client.find_topic(log.birth_topic); !found) {
    return found.error().code == ErrorCode::kNotFound ? missing : found.error();
  }
  auto read = read_birth(client, log.birth_topic, kKafkaAnswerMsMax);
  if (!read) return read.error();
  std::optional<Birth> birth = *read;
  if (!birth) {
    if (!make) return missing;
    auto made = make_log(client, log, config);
    if (!made) return made.error();
    birth = *made;
  }
  auto topic = client.find_topic(log.records_topic);
  for (int i = 0; i < kAppearTries && !topic.ok() && topic.error().code == ErrorCode::kNotFound; ++i) {
    std::this_thread::sleep_for(kAppearInterval);
    topic = client.find_topic(log.records_topic);
  }
  if (!topic) return topic.error().code == ErrorCode::kNotFound ? gone(log, birth->log_id) : topic.error();
  if (Status same = check_count(log, topic->partitions, birth->partitions); !same) return same.error();
  if (config.partitions && *config.partitions != birth->partitions) {
    return Error{ErrorCode::kMismatch, config.url + " has " + std::to_string(birth->partitions) +
                                           " partitions, configured are " + std::to_string(*config.partitions)};
  }
  LogSettings settings;
  settings.log_id = birth->log_id;
  settings.partitions = birth->partitions;
  settings.durability = durability_of(client, log, *topic);
  return settings;
}

Status verify_kafka_log(KafkaClient& client, const KafkaLog& log, const LogSettings& settings, int timeout_ms) {
  auto topic = client.find_topic(log.records_topic, timeout_ms);
  if (!topic) return topic.error().code == ErrorCode::kNotFound ? gone(log, settings.log_id) : topic.error();
  if (Status same = check_count(log, topic->partitions, settings.partitions); !same) return same;
  auto birth = read_birth(client, log.birth_topic, timeout_ms);
  if (!birth && birth.error().code != ErrorCode::kNotFound) return birth.error();
  const uint64_t found = birth.ok() && *birth ? (*birth)->log_id : 0;
  if (found == settings.log_id) return {};
  return Error{ErrorCode::kMismatch, "log " + log_id_text(settings.log_id) + " in topic " + log.records_topic +
                                         (found == 0 ? " is no longer named in topic " + log.birth_topic
                                                     : " was replaced by log " + log_id_text(found))};
}

}  // namespace tributary::log
