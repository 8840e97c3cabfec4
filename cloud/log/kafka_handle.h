// SPDX-License-Identifier: Apache-2.0
// What the files around librdkafka share: handles that close themselves, configurations, and its errors as sentences.
// Included by kafka*.cpp only.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cloud/log/kafka_client.h"

namespace tributary::log {

template <class T, void (*close)(T*)>
struct Closer {
  void operator()(T* handle) const { close(handle); }
};
using KafkaConf = std::unique_ptr<rd_kafka_conf_t, Closer<rd_kafka_conf_t, rd_kafka_conf_destroy>>;
// Once a topic that it has read from was deleted, librdkafka 2.0.2 may wait for ever while a consumer is destroyed.
// Waits two seconds, then leaves it to a thread of its own; nothing of the caller's is used there.
void destroy_consumer(rd_kafka_t* handle);

using KafkaHandle = std::unique_ptr<rd_kafka_t, Closer<rd_kafka_t, rd_kafka_destroy>>;
using KafkaConsumer = std::unique_ptr<rd_kafka_t, Closer<rd_kafka_t, destroy_consumer>>;
using KafkaTopicHandle = std::unique_ptr<rd_kafka_topic_t, Closer<rd_kafka_topic_t, rd_kafka_topic_destroy>>;
using KafkaQueue = std::unique_ptr<rd_kafka_queue_t, Closer<rd_kafka_queue_t, rd_kafka_queue_destroy>>;
using KafkaEvent = std::unique_ptr<rd_kafka_event_t, Closer<rd_kafka_event_t, rd_kafka_event_destroy>>;
using KafkaFetched = std::unique_ptr<rd_kafka_message_t, Closer<rd_kafka_message_t, rd_kafka_message_destroy>>;

// The last thing librdkafka complained of ("Connection refused", "SASL authentication failed …"): why there is no
// answer. Thread-safe.
class LastComplaint {
 public:
  void note(rd_kafka_resp_err_t code, const std::string& text);
  void forget();
  std::string text() const;
  // The brokers refuse our user or our certificate.
  bool refused() const;

 private:
  mutable std::mutex mutex_;
  std::string text_;
  rd_kafka_resp_err_t code_ = RD_KAFKA_RESP_ERR_NO_ERROR;
};

// A configuration with the broker list, the configured properties, then ours, which win.
Result<KafkaConf> make_conf(const KafkaConfig& config, const std::vector<std::pair<const char*, std::string>>& ours);

// A fetched record with its key, value and headers.
KafkaMessage take_message(const rd_kafka_message_t& got, const std::string& topic);

// One sentence: who did not do what, and why.
Error kafka_error(const KafkaConfig& config, rd_kafka_resp_err_t code, const LastComplaint& complaint);

}  // namespace tributary::log
