// SPDX-License-Identifier: Apache-2.0
// Claims about the MQTT source, against a real broker.
#include "edge/source/mqtt_source.h"

#include <gtest/gtest.h>

#include "tests/support/broker.h"
#include "tests/support/fake_gateway.h"
#include "tests/support/wakes.h"

namespace tributary::edge {
namespace {

using test::Broker;
using test::eventually;
using test::FakeGateway;
using test::Wakes;

struct Bench {
  Broker broker;
  Wakes wakes;
  FakeGateway gateway;
  std::unique_ptr<MqttSource> source;
  std::unique_ptr<mqtt::Client> sensor;

  explicit Bench(MqttSourceConfig config = {}) {
    config.client.url = broker.url();
    config.client.client_id = "attic-source";
    config.client.reconnect_min_ms = 20;
    config.client.reconnect_max_ms = 100;
    source = std::move(MqttSource::make(config, wakes.wake()).value());
    sensor = std::move(mqtt::Client::make({.url = broker.url(), .client_id = "sensor"}, {}).value());
    sensor->start();
    source->start();
  }
  ~Bench() { sensor->stop(0); }
  bool publish(const std::string& topic, const std::string& payload, bool retain = false) {
    return eventually([&] { return sensor->publish(topic, payload, 1, retain); });
  }
  // Sends until one came through: before that the source may not have subscribed.
  bool ready() {
    return eventually([&] {
      publish("sensors/ready/x", "1");
      drain();
      return !gateway.readings.empty();
    });
  }
  void drain() { source->drain(gateway, {0, 0}); }
};

TEST(MqttSource, ReadingsArriveOnceEach) {
  Bench bench;
  ASSERT_TRUE(bench.ready());
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(bench.publish("sensors/d" + std::to_string(i), R"({"a":1,"b":2})"));
  EXPECT_TRUE(eventually([&] {
    bench.drain();
    return bench.gateway.values().size() == 1001;
  }));
  std::map<std::string, int> count;
  for (const auto& one : bench.gateway.readings) ++count[one.device + one.metric];
  count.erase("readyx");
  for (const auto& [name, times] : count) EXPECT_EQ(times, 1) << name;
}

TEST(MqttSource, ARetainedValueIsNotCountedAgainAtEachConnect) {
  Bench bench;
  ASSERT_TRUE(bench.publish("sensors/d/m", "5", true));
  for (int round = 1; round <= 2; ++round) {
    EXPECT_TRUE(eventually([&] {
      bench.drain();
      return bench.gateway.rejected["retained"] + bench.gateway.values().count("d/m") >= 1;
    }));
    bench.broker.kill9();
    bench.broker.start();
    ASSERT_TRUE(bench.publish("sensors/d/m", "5", true));
  }
  EXPECT_TRUE(bench.ready());
  int live = 0;
  for (const auto& one : bench.gateway.readings) live += one.device == "d" ? 1 : 0;
  EXPECT_LE(live, 3);
}

TEST(MqttSource, WhatArrivedBeforeTheStopCanStillBeDrainedAndNothingComesAfter) {
  Bench bench;
  ASSERT_TRUE(bench.ready());
  auto count = [&] {
    bench.drain();
    size_t found = 0;
    for (const auto& one : bench.gateway.readings) found += one.device == "d" ? 1 : 0;
    return found;
  };
  ASSERT_TRUE(bench.publish("sensors/d/first", "1"));
  // The broker delivers in order: once the second message is seen, the first is in the inbox or was drained.
  ASSERT_TRUE(bench.publish("sensors/d/second", "1"));
  ASSERT_TRUE(eventually([&] { return count() == 2; }));
  ASSERT_TRUE(bench.publish("sensors/d/third", "1"));
  bench.source->stop();
  const size_t after_stop = count();
  ASSERT_TRUE(bench.publish("sensors/d/late", "1"));
  ASSERT_TRUE(eventually([&] { return bench.sensor->inflight() == 0; }));
  EXPECT_EQ(count(), after_stop);
}

TEST(MqttSource, ASlowLoopDropsWithACountAndGoesOn) {
  Bench bench({.inbox = {.bytes_max = 500, .full_wait_ms = 1}});
  ASSERT_TRUE(bench.ready());
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(bench.publish("sensors/d/m", "1"));
  ASSERT_TRUE(eventually([&] { return bench.sensor->inflight() == 0; }));
  EXPECT_TRUE(eventually([&] {
    bench.drain();
    return bench.gateway.rejected["overload"] > 0;
  }));
  bench.gateway.readings.clear();
  EXPECT_TRUE(bench.ready());
}

}  // namespace
}  // namespace tributary::edge
