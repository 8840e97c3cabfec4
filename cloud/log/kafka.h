// SPDX-License-Identifier: Apache-2.0
// The log over Kafka: topic prefix.partials holds the records, prefix.log says what log it is. Layout: FORMAT.md.
#pragma once

#include <memory>
#include <string>

#include "cloud/log/kafka_client.h"
#include "cloud/log/log.h"

namespace tributary::log {

inline constexpr uint32_t kKafkaPartitions = 16;  // of a log that is made without a configured count
inline constexpr const char* kLogIdHeader = "tributary-log";

struct KafkaLog {
  KafkaUrl url;
  KafkaConfig kafka;
  std::string records_topic, birth_topic;
};
Result<KafkaLog> kafka_log(const LogConfig& config);

// What log lies in these topics. make: it is made if there is none; several programs may do so at once and agree.
// kNotFound: there is none; kMismatch: another partition count, or topics that do not belong together; kIo.
Result<LogSettings> settle_kafka_log(KafkaClient& client, const KafkaLog& log, const LogConfig& config, bool make);

// Whether the log is still the one that settings describe, by its topics and its id. kMismatch: it is gone or
// another one; kIo: nobody answers.
Status verify_kafka_log(KafkaClient& client, const KafkaLog& log, const LogSettings& settings, int timeout_ms);

// With the brokers away the writer comes up all the same, in trouble, and its settings have id 0 and no partitions
// until they answer; until then append is kBusy.
Result<std::unique_ptr<Writer>> open_kafka_writer(const LogConfig& config);
// kIo with the brokers away.
Result<std::unique_ptr<Reader>> open_kafka_reader(const LogConfig& config);

std::string log_id_text(uint64_t log_id);  // 16 hexadecimal digits

}  // namespace tributary::log
