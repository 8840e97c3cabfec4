// SPDX-License-Identifier: Apache-2.0
// Claims about the uplink, against a real broker and a bridge played by the test.
#include "edge/uplink/uplink.h"

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

constexpr const char* kOnline = R"({"state":"online"})";
constexpr const char* kOffline = R"({"state":"offline"})";

struct Bench {
  Broker broker;
  Wakes wakes;
  FakeGateway gateway;
  std::mutex mutex;
  std::vector<std::string> partials, states;
  std::vector<bool> retained_states;
  std::unique_ptr<mqtt::Client> bridge;
  std::unique_ptr<Uplink> uplink;
  int64_t mono_ns = 1;

  Bench() {
    mqtt::Client::Handlers handlers;
    handlers.on_message = [this](const mqtt::Message& message) {
      std::lock_guard lock(mutex);
      (message.topic.ends_with("/status") ? states : partials).emplace_back(message.payload);
      if (message.topic.ends_with("/status")) retained_states.push_back(message.retained);
    };
    mqtt::ClientConfig config{
        .url = broker.url(), .client_id = "bridge", .reconnect_min_ms = 20, .reconnect_max_ms = 100};
    bridge = std::move(mqtt::Client::make(config, handlers).value());
    bridge->subscribe("tributary/v1/demo/attic/partials", 1);
    bridge->subscribe("tributary/v1/demo/attic/status", 1);
    bridge->start();
    config.client_id = "";
    uplink = std::move(
        Uplink::make({.client = config, .tenant = "demo", .gateway = "attic"}, kOffline, wakes.wake()).value());
    CHECK(eventually([this] { return bridge->connected(); }));
    uplink->start();
  }
  ~Bench() { bridge->stop(0); }

  bool pump_until(const std::function<bool()>& done) {
    return eventually([&] {
      uplink->pump(gateway, {0, mono_ns});
      std::lock_guard lock(mutex);
      return done();
    });
  }
};

TEST(Uplink, EveryMessageGoesOutOnceAndInOrder) {
  Bench bench;
  std::vector<std::string> sent;
  for (int i = 0; i < 500; ++i) sent.push_back("partial " + std::to_string(i));
  bench.gateway.outgoing.assign(sent.begin(), sent.end());
  EXPECT_TRUE(bench.pump_until([&] { return bench.partials.size() == sent.size(); }));
  EXPECT_EQ(bench.partials, sent);
}

TEST(Uplink, AcksReachTheGatewayAndRetainedOnesDoNot) {
  Bench bench;
  ASSERT_TRUE(eventually([&] { return bench.bridge->publish("tributary/v1/demo/attic/ack", "old", 1, true); }));
  ASSERT_TRUE(bench.pump_until([&] { return bench.uplink->ready(); }));
  ASSERT_TRUE(eventually([&] { return bench.bridge->publish("tributary/v1/demo/attic/ack", "new", 1, false); }));
  EXPECT_TRUE(bench.pump_until([&] { return !bench.gateway.acks.empty() && bench.gateway.acks.back() == "new"; }));
  for (const std::string& ack : bench.gateway.acks) EXPECT_TRUE(ack == "new" || bench.gateway.acks.size() == 2);
}

TEST(Uplink, AnAckWakesTheLoop) {
  Bench bench;
  ASSERT_TRUE(bench.pump_until([&] { return bench.uplink->ready(); }));
  bench.wakes.wait(0);
  ASSERT_TRUE(bench.bridge->publish("tributary/v1/demo/attic/ack", "x", 1, false));
  while (bench.gateway.acks.empty()) {
    ASSERT_TRUE(bench.wakes.wait());
    bench.uplink->pump(bench.gateway, {0, 1});
  }
}

TEST(Uplink, ANewConnectionMakesEverythingDueAgain) {
  Bench bench;
  ASSERT_TRUE(bench.pump_until([&] { return bench.gateway.connects == 1; }));
  bench.broker.kill9();
  ASSERT_TRUE(bench.pump_until([&] { return !bench.uplink->ready(); }));
  bench.gateway.outgoing = {"waits"};
  bench.uplink->pump(bench.gateway, {0, 1});
  EXPECT_EQ(bench.gateway.outgoing.size(), 1u);
  bench.broker.start();
  EXPECT_TRUE(bench.pump_until([&] { return bench.gateway.connects >= 2; }));
  EXPECT_TRUE(bench.pump_until([&] { return bench.gateway.outgoing.empty(); }));
}

TEST(Uplink, AFullWindowHoldsMessagesBackAndLosesNone) {
  Bench bench;
  ASSERT_TRUE(bench.pump_until([&] { return bench.uplink->ready() && !bench.states.empty(); }));
  bench.broker.freeze();
  for (int i = 0; i < 100; ++i) bench.gateway.outgoing.push_back(std::to_string(i));
  bench.uplink->pump(bench.gateway, {0, 1});
  EXPECT_GE(bench.gateway.outgoing.size(), 80u);
  bench.broker.thaw();
  EXPECT_TRUE(bench.pump_until([&] { return bench.partials.size() == 100; }));
}

TEST(Uplink, TheStatusIsRetainedRepeatedAndEndsOffline) {
  Bench bench;
  ASSERT_TRUE(bench.pump_until([&] { return bench.states == std::vector<std::string>{kOnline}; }));
  bench.mono_ns += 29'000'000'000;
  bench.uplink->pump(bench.gateway, {0, bench.mono_ns});
  bench.mono_ns += 2'000'000'000;
  ASSERT_TRUE(bench.pump_until([&] { return bench.states.size() == 2; }));
  bench.uplink->status_changed();
  ASSERT_TRUE(bench.pump_until([&] { return bench.states.size() == 3; }));
  bench.uplink->stop(kOffline, 5000);
  ASSERT_TRUE(eventually([&] {
    std::lock_guard lock(bench.mutex);
    return bench.states.size() == 4;
  }));
  EXPECT_EQ(bench.states.back(), kOffline);
}

TEST(Uplink, WhenItsConnectionIsTakenAwayTheBrokerSaysOffline) {
  Bench bench;
  ASSERT_TRUE(bench.pump_until([&] { return !bench.states.empty(); }));
  auto usurper = std::move(mqtt::Client::make({.url = bench.broker.url(), .client_id = "attic"}, {}).value());
  usurper->start();
  EXPECT_TRUE(eventually([&] {
    std::lock_guard lock(bench.mutex);
    return bench.states.back() == kOffline;
  }));
  usurper->stop(0);
}

}  // namespace
}  // namespace tributary::edge
