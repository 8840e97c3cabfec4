// SPDX-License-Identifier: Apache-2.0
// Producer, topics and properties against a real Kafka.
#include "cloud/log/kafka_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <set>
#include <thread>

#include "cloud/log/kafka_handle.h"
#include "common/base/bytes.h"
#include "common/base/murmur2.h"
#include "tests/support/kafka.h"

namespace tributary::log {
namespace {

using test::KafkaBroker;
using namespace std::chrono_literals;

KafkaConfig config_of(const std::string& address) {
  KafkaConfig config;
  config.brokers = address;
  return config;
}

std::string fresh_topic() { return parse_kafka_url(KafkaBroker::fresh_url())->prefix; }

template <class T>
T must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
  return std::move(result).value();
}

TEST(KafkaUrl, BrokersPortsAndPrefixAreRead) {
  const auto plain = parse_kafka_url("kafka://host:9093");
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(plain->brokers, "host:9093");
  EXPECT_EQ(plain->prefix, "tributary");
  const auto several = parse_kafka_url("kafka://a,b:1,[::1]:2/fleet.north");
  ASSERT_TRUE(several.ok());
  EXPECT_EQ(several->brokers, "a:9092,b:1,[::1]:2");
  EXPECT_EQ(several->prefix, "fleet.north");
  for (const char* wrong : {"kafka://", "kafka://:9092", "kafka://a:", "kafka://a:0", "kafka://a:70000", "kafka://a,,b",
                            "kafka://a/", "kafka://a/b/c", "kafka://a/ü", "kafka://user@a", "http://a"}) {
    const auto parsed = parse_kafka_url(wrong);
    ASSERT_FALSE(parsed.ok()) << wrong;
    EXPECT_NE(parsed.error().message.find(wrong), std::string::npos) << parsed.error().message;
  }
}

TEST(KafkaProperties, WhatThePromisesRestOnCannotBeConfigured) {
  for (const char* name : {"acks", "enable.idempotence", "group.id", "enable.auto.commit", "auto.offset.reset",
                           "retries", "bootstrap.servers", "transactional.id"}) {
    const Status status = check_kafka_properties({{name, "1"}});
    ASSERT_FALSE(status.ok()) << name;
    EXPECT_NE(status.error().message.find(name), std::string::npos) << status.error().message;
  }
  EXPECT_TRUE(check_kafka_properties({{"compression.type", "lz4"}, {"security.protocol", "SASL_SSL"}}).ok());
  const Status unknown = check_kafka_properties({{"compresion.type", "lz4"}});
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message.find("compresion.type"), std::string::npos) << unknown.error().message;
}

TEST(KafkaProperties, ASecretIsNeverShown) {
  const Status status = check_kafka_properties({{"ssl.key.pem", "hush-hush"},
                                                {"sasl.oauthbearer.config", "hush-hush"},
                                                {"ssl.keystore.passwordd", "hush-hush"}});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message.find("hush"), std::string::npos) << status.error().message;
}

TEST(KafkaTopics, ATopicIsMadeOnceAndItsCountIsHeldTo) {
  auto client = must(KafkaClient::open(config_of(KafkaBroker::shared_address())));
  const std::string name = fresh_topic();
  auto missing = client->find_topic(name);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  std::vector<std::future<Result<KafkaTopic>>> racing;
  for (int i = 0; i < 4; ++i) {
    racing.push_back(std::async(std::launch::async, [&] {
      auto own = must(KafkaClient::open(config_of(KafkaBroker::shared_address())));
      return own->ensure_topic(name, 3, {{"retention.ms", "123456789"}});
    }));
  }
  for (auto& one : racing) {
    auto made = one.get();
    ASSERT_TRUE(made.ok()) << made.error().message;
    EXPECT_EQ(made->partitions, 3U);
    EXPECT_EQ(made->replicas, 1U);
  }
  EXPECT_EQ(must(client->topic_settings(name)).at("retention.ms"), "123456789");
  auto other = client->ensure_topic(name, 5, {});
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kMismatch);
  EXPECT_NE(other.error().message.find("has 3 partitions, expected 5"), std::string::npos) << other.error().message;
  EXPECT_EQ(must(client->ensure_topic(name, 0, {})).partitions, 3U);
}

TEST(KafkaProducer, KeysValuesHeadersAndTombstonesComeBackInOrder) {
  const std::string name = fresh_topic();
  auto client = must(KafkaClient::open(config_of(KafkaBroker::shared_address())));
  must(client->ensure_topic(name, 4, {}));
  auto producer = must(KafkaProducer::open(config_of(KafkaBroker::shared_address()), {}));
  std::atomic<int> delivered{0};
  for (int i = 0; i < 500; ++i) {
    KafkaMessage message;
    message.topic = name;
    message.key = "demo/attic";
    message.value = std::to_string(i);
    message.headers = {{"log", "0123"}, {"n", std::to_string(i)}};
    message.has_value = i != 499;
    ASSERT_TRUE(producer->produce(message, [&](const Status& status) { delivered += status.ok(); }).ok());
  }
  producer->flush();
  EXPECT_EQ(delivered, 500);
  const uint32_t partition = (murmur2(as_bytes(std::string_view("demo/attic"))) & 0x7fffffff) % 4;
  std::vector<KafkaMessage> found;
  ASSERT_TRUE(
      client->read(name, partition, 0, [&](KafkaMessage message) { found.push_back(std::move(message)); }).ok());
  ASSERT_EQ(found.size(), 500U);
  for (int i = 0; i < 500; ++i) {
    const KafkaMessage& one = found[static_cast<size_t>(i)];
    EXPECT_EQ(one.offset, i);
    EXPECT_EQ(one.key, "demo/attic");
    EXPECT_EQ(one.value, i == 499 ? "" : std::to_string(i));
    EXPECT_EQ(one.has_value, i != 499);
    ASSERT_EQ(one.headers.size(), 2U);
    EXPECT_EQ(one.headers[1].value, std::to_string(i));
  }
  EXPECT_EQ(must(client->bounds(name, partition)).end, 500U);
}

TEST(KafkaProducer, NobodyThereIsNamedAndEveryRecordIsSettled) {
  int failed = 0;
  {
    auto producer = must(KafkaProducer::open(config_of("127.0.0.1:9"), {}));
    KafkaMessage message;
    message.topic = "nowhere";
    message.value = "x";
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(producer->produce(message, [&](const Status& status) { failed += !status.ok(); }).ok());
    }
    producer->flush();  // returns, since there is trouble
    EXPECT_NE(producer->trouble().find("Kafka at 127.0.0.1:9 does not answer"), std::string::npos)
        << producer->trouble();
    EXPECT_NE(producer->trouble().find("refused"), std::string::npos) << producer->trouble();
  }
  EXPECT_EQ(failed, 10);
  auto client = must(KafkaClient::open(config_of("127.0.0.1:9")));
  auto found = client->find_topic("x", 1000);
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, ErrorCode::kIo);
  EXPECT_NE(found.error().message.find("refused"), std::string::npos) << found.error().message;
}

}  // namespace
}  // namespace tributary::log
