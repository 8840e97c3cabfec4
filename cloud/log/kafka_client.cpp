// SPDX-License-Identifier: Apache-2.0
// Topics: asked for, made, read: see kafka_client.h. A consumer without a group, since positions are never Kafka's.
#include "cloud/log/kafka_client.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "cloud/log/kafka_handle.h"

namespace tributary::log {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kTopicRetryInterval = 100ms;
constexpr int kReplicasWanted = 3;
constexpr auto kPassingMax = 2s;

int timeout_ms_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return std::max<int>(1, static_cast<int>(left));
}

bool is_missing(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
}

// What a topic made a moment ago, or a broker that has just come back, may answer for a while.
bool is_passing(rd_kafka_resp_err_t code) {
  return is_missing(code) || code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
         code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
         code == RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE ||
         code == RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH ||
         code == RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR;
}

}  // namespace

struct KafkaClient::Impl {
  explicit Impl(KafkaConfig config_given) : config(std::move(config_given)) {}

  Status open() {
    auto conf = make_conf(config, {{"enable.auto.commit", "false"},
                                   {"auto.offset.reset", "error"},
                                   {"enable.partition.eof", "true"},
                                   {"fetch.wait.max.ms", "10"}});
    if (!conf) return conf.error();
    rd_kafka_conf_set_opaque(conf->get(), this);
    rd_kafka_conf_set_error_cb(conf->get(), [](rd_kafka_t*, int code, const char* reason, void* opaque) {
      static_cast<Impl*>(opaque)->complaint.note(static_cast<rd_kafka_resp_err_t>(code), reason);
    });
    char why[512];
    handle.reset(rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), why, sizeof why));
    if (!handle) return Error{ErrorCode::kInvalid, std::string("log.kafka: ") + why};
    (void)conf->release();
    return {};
  }

  Error error(rd_kafka_resp_err_t code) {
    rd_kafka_poll(handle.get(), 0);  // brings the reason
    return kafka_error(config, code, complaint);
  }

  struct Found {
    KafkaTopic topic;
    int brokers = 0;
    bool led = true;  // every partition has its leader
  };

  Result<Found> find(const std::string& name, int timeout_ms) {
    const KafkaTopicHandle topic(rd_kafka_topic_new(handle.get(), name.c_str(), nullptr));
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto code = rd_kafka_metadata(handle.get(), 0, topic.get(), &metadata, timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return error(code);
    const std::unique_ptr<const rd_kafka_metadata_t, void (*)(const rd_kafka_metadata_t*)> owned(
        metadata, &rd_kafka_metadata_destroy);
    complaint.forget();
    Found found;
    found.brokers = metadata->broker_cnt;
    for (int i = 0; i < metadata->topic_cnt; ++i) {
      const rd_kafka_metadata_topic_t& one = metadata->topics[i];
      if (name != one.topic) continue;
      if (is_missing(one.err)) break;
      if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        Error why = error(one.err);
        why.message = "topic " + name + ": " + why.message;
        return why;
      }
      found.topic.partitions = static_cast<uint32_t>(one.partition_cnt);
      for (int p = 0; p < one.partition_cnt; ++p) {
        const auto replicas = static_cast<uint32_t>(one.partitions[p].replica_cnt);
        found.led = found.led && one.partitions[p].leader >= 0;
        found.topic.replicas = p == 0 ? replicas : std::min(found.topic.replicas, replicas);
      }
    }
    return found;
  }

  Status create(const std::string& name, uint32_t partitions, int replicas, std::map<std::string, std::string> configs,
                int timeout_ms) {
    // Three replicas are worth something only if an acknowledgement stands for two.
    if (replicas >= kReplicasWanted) configs.emplace("min.insync.replicas", "2");
    char why[512];
    const std::unique_ptr<rd_kafka_NewTopic_t, void (*)(rd_kafka_NewTopic_t*)> topic(
        rd_kafka_NewTopic_new(name.c_str(), static_cast<int>(partitions), replicas, why, sizeof why),
        &rd_kafka_NewTopic_destroy);
    if (!topic) return Error{ErrorCode::kInvalid, "topic " + name + ": " + why};
    for (const auto& [key, value] : configs) rd_kafka_NewTopic_set_config(topic.get(), key.c_str(), value.c_str());
    rd_kafka_NewTopic_t* topics[] = {topic.get()};
    const KafkaEvent event =
        ask([&](rd_kafka_AdminOptions_t* options,
                rd_kafka_queue_t* queue) { rd_kafka_CreateTopics(handle.get(), topics, 1, options, queue); },
            RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout_ms);
    if (!event) return error(RD_KAFKA_RESP_ERR__TIMED_OUT);
    if (const auto code = rd_kafka_event_error(event.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR) return error(code);
    size_t count = 0;
    const rd_kafka_topic_result_t** results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
    for (size_t i = 0; i < count; ++i) {
      const auto code = rd_kafka_topic_result_error(results[i]);
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
      const char* text = rd_kafka_topic_result_error_string(results[i]);
      return Error{ErrorCode::kIo, "Kafka at " + config.brokers + " did not make topic " + name + ": " +
                                       (text != nullptr ? text : rd_kafka_err2str(code))};
    }
    return {};
  }

  // One administrative request and its answer; nothing when none came.
  template <class Request>
  KafkaEvent ask(const Request& request, rd_kafka_admin_op_t operation, int timeout_ms) {
    const std::unique_ptr<rd_kafka_AdminOptions_t, void (*)(rd_kafka_AdminOptions_t*)> options(
        rd_kafka_AdminOptions_new(handle.get(), operation), &rd_kafka_AdminOptions_destroy);
    char why[256];
    (void)rd_kafka_AdminOptions_set_request_timeout(options.get(), timeout_ms, why, sizeof why);
    const KafkaQueue queue(rd_kafka_queue_new(handle.get()));
    request(options.get(), queue.get());
    return KafkaEvent(rd_kafka_queue_poll(queue.get(), timeout_ms + 500));
  }

  // The oldest or the next offset. (rd_kafka_query_watermark_offsets of librdkafka 2.0.2 does not keep its timeout:
  // with the broker away it waits for ever.)
  rd_kafka_resp_err_t find_offset(const std::string& topic, uint32_t partition, int64_t which, int64_t& found,
                                  int timeout_ms) {
    const std::unique_ptr<rd_kafka_topic_partition_list_t, void (*)(rd_kafka_topic_partition_list_t*)> asked(
        rd_kafka_topic_partition_list_new(1), &rd_kafka_topic_partition_list_destroy);
    rd_kafka_topic_partition_t* one =
        rd_kafka_topic_partition_list_add(asked.get(), topic.c_str(), static_cast<int32_t>(partition));
    one->offset = which;
    const auto code = rd_kafka_offsets_for_times(handle.get(), asked.get(), timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
    found = asked->elems[0].offset;
    return asked->elems[0].err;
  }

  const KafkaConfig config;
  LastComplaint complaint;
  KafkaConsumer handle;
  std::mutex reading;  // a partition can be consumed once at a time
};

KafkaClient::KafkaClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KafkaClient::~KafkaClient() = default;

Result<std::unique_ptr<KafkaClient>> KafkaClient::open(const KafkaConfig& config) {
  auto impl = std::make_unique<Impl>(config);
  if (Status opened = impl->open(); !opened) return opened.error();
  return std::unique_ptr<KafkaClient>(new KafkaClient(std::move(impl)));
}

Result<KafkaTopic> KafkaClient::find_topic(const std::string& name, int timeout_ms) {
  auto found = impl_->find(name, timeout_ms);
  if (!found) return found.error();
  if (found->topic.partitions == 0) {
    return Error{ErrorCode::kNotFound, "Kafka at " + impl_->config.brokers + " has no topic " + name};
  }
  return found->topic;
}

Result<KafkaTopic> KafkaClient::ensure_topic(const std::string& name, uint32_t partitions,
                                             const std::map<std::string, std::string>& configs, int timeout_ms) {
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  bool made = false;
  for (;;) {
    auto found = impl_->find(name, timeout_ms_until(deadline));
    if (!found) return found.error();
    const KafkaTopic topic = found->topic;
    if (topic.partitions > 0 && (found->led || Clock::now() >= deadline)) {
      if (partitions == 0 || topic.partitions == partitions) return topic;
      return Error{ErrorCode::kMismatch, "topic " + name + " of Kafka at " + impl_->config.brokers + " has " +
                                             std::to_string(topic.partitions) + " partitions, expected " +
                                             std::to_string(partitions)};
    }
    if (Clock::now() >= deadline) {
      return Error{ErrorCode::kIo, "topic " + name + " was made and did not appear"};
    }
    if (!made && topic.partitions == 0) {
      const int replicas =
          impl_->config.replicas > 0 ? impl_->config.replicas : std::clamp(found->brokers, 1, kReplicasWanted);
      Status created = impl_->create(name, std::max(1U, partitions), replicas, configs, timeout_ms_until(deadline));
      if (!created) return created.error();
      made = true;
    } else {
      std::this_thread::sleep_for(kTopicRetryInterval);  // it becomes known broker by broker
    }
  }
}

Result<std::map<std::string, std::string>> KafkaClient::topic_settings(const std::string& name, int timeout_ms) {
  const std::unique_ptr<rd_kafka_ConfigResource_t, void (*)(rd_kafka_ConfigResource_t*)> resource(
      rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str()), &rd_kafka_ConfigResource_destroy);
  rd_kafka_ConfigResource_t* asked[] = {resource.get()};
  const KafkaEvent event = impl_->ask(
      [&](rd_kafka_AdminOptions_t* options, rd_kafka_queue_t* queue) {
        rd_kafka_DescribeConfigs(impl_->handle.get(), asked, 1, options, queue);
      },
      RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms);
  if (!event) return impl_->error(RD_KAFKA_RESP_ERR__TIMED_OUT);
  if (const auto code = rd_kafka_event_error(event.get()); code != RD_KAFKA_RESP_ERR_NO_ERROR)
    return impl_->error(code);
  size_t count = 0;
  const rd_kafka_ConfigResource_t** found =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event.get()), &count);
  std::map<std::string, std::string> settings;
  for (size_t i = 0; i < count; ++i) {
    if (const auto code = rd_kafka_ConfigResource_error(found[i]); code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return impl_->error(code);
    }
    size_t entries = 0;
    const rd_kafka_ConfigEntry_t** configs = rd_kafka_ConfigResource_configs(found[i], &entries);
    for (size_t e = 0; e < entries; ++e) {
      const char* value = rd_kafka_ConfigEntry_value(configs[e]);
      settings[rd_kafka_ConfigEntry_name(configs[e])] = value != nullptr ? value : "";
    }
  }
  return settings;
}

Result<Bounds> KafkaClient::bounds(const std::string& topic, uint32_t partition, int timeout_ms) {
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  const Clock::time_point passing = std::min(deadline, Clock::now() + kPassingMax);
  int64_t low = 0, high = 0;
  for (;;) {
    auto code = impl_->find_offset(topic, partition, RD_KAFKA_OFFSET_BEGINNING, low, timeout_ms_until(deadline));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      code = impl_->find_offset(topic, partition, RD_KAFKA_OFFSET_END, high, timeout_ms_until(deadline));
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    if (!is_passing(code) || Clock::now() >= passing) return impl_->error(code);
    std::this_thread::sleep_for(kTopicRetryInterval);
  }
  return Bounds{static_cast<Offset>(std::max<int64_t>(low, 0)), static_cast<Offset>(std::max<int64_t>(high, 0))};
}

Status KafkaClient::read(const std::string& topic, uint32_t partition, Offset from,
                         const std::function<void(KafkaMessage)>& on_message, int timeout_ms) {
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  const auto bounds = this->bounds(topic, partition, timeout_ms);
  if (!bounds) return bounds.error();
  const Offset begin = std::max(from, bounds->begin), end = bounds->end;
  if (begin >= end) return {};
  std::lock_guard lock(impl_->reading);
  const KafkaTopicHandle handle(rd_kafka_topic_new(impl_->handle.get(), topic.c_str(), nullptr));
  const auto number = static_cast<int32_t>(partition);
  if (rd_kafka_consume_start(handle.get(), number, static_cast<int64_t>(begin)) != 0) {
    return impl_->error(rd_kafka_last_error());
  }
  Status status;
  for (Offset next = begin; next < end;) {
    const KafkaFetched got(rd_kafka_consume(handle.get(), number, timeout_ms_until(deadline)));
    if (!got) {
      if (Clock::now() < deadline) continue;
      status = impl_->error(RD_KAFKA_RESP_ERR__TIMED_OUT);
      break;
    }
    if (got->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) break;  // the last offsets hold no records
    if (is_passing(got->err) && Clock::now() < deadline) continue;
    if (got->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      status = impl_->error(got->err);
      break;
    }
    KafkaMessage message = take_message(*got, topic);
    next = static_cast<Offset>(message.offset) + 1;
    if (static_cast<Offset>(message.offset) < end) on_message(std::move(message));
  }
  rd_kafka_consume_stop(handle.get(), number);
  return status;
}

KafkaMessage take_message(const rd_kafka_message_t& got, const std::string& topic) {
  KafkaMessage message;
  message.topic = topic;
  message.partition = got.partition;
  message.offset = got.offset;
  if (got.key != nullptr) message.key.assign(static_cast<const char*>(got.key), got.key_len);
  message.has_value = got.payload != nullptr;
  if (got.payload != nullptr) message.value.assign(static_cast<const char*>(got.payload), got.len);
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&got, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
      message.headers.push_back({name, value == nullptr ? "" : std::string(static_cast<const char*>(value), size)});
    }
  }
  return message;
}

}  // namespace tributary::log
