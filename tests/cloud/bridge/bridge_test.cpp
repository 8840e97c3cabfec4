// SPDX-License-Identifier: Apache-2.0
// The bridge's thread between a log and a broker that the test leads: overload, stalls, stopping.
#include "cloud/bridge/bridge.h"

#include <gtest/gtest.h>

#include "common/runtime/program.h"
#include "tests/cloud/bridge/fakes.h"
#include "tests/cloud/bridge/messages.h"
#include "tests/support/broker.h"

namespace tributary::bridge {
namespace {

using test::eventually;
using test::message_of;
using test::MessageShape;

constexpr const char* kPartials = "tributary/v1/demo/attic/partials";

class BridgeTest : public ::testing::Test {
 protected:
  void open(BridgeConfig config = {}) {
    int made = 0;
    auto bridge = Bridge::open(
        config, log_,
        [] {
          return Instant{test::kNowS * kNanosPerSecond, runtime::now().mono_ns};
        },
        [&](mqtt::ClientConfig client, mqtt::Client::Handlers handlers) -> Result<std::unique_ptr<mqtt::Client>> {
          client_ids_.push_back(client.client_id);
          if (made++ == 0) broker_.subscriber = std::move(handlers);
          return std::unique_ptr<mqtt::Client>(std::make_unique<test::FakeClient>(broker_));
        });
    ASSERT_TRUE(bridge.ok());
    bridge_ = std::move(*bridge);
    bridge_->start();
  }
  static std::string numbered(uint64_t first_seq) {
    MessageShape shape;
    shape.first_seq = first_seq;
    return message_of(shape);
  }

  test::FakeLog log_;
  test::FakeBroker broker_;
  std::vector<std::string> client_ids_;
  std::unique_ptr<Bridge> bridge_;
};

TEST_F(BridgeTest, SubscribesToPartialsOfItsGroupAndToEveryStatus) {
  BridgeConfig config;
  config.mqtt.client_id = "bridge";
  config.share_group = "bridges";
  open(config);
  EXPECT_EQ(broker_.filters,
            (std::vector<std::string>{"$share/bridges/tributary/v1/+/+/partials", "tributary/v1/+/+/status"}));
  EXPECT_EQ(client_ids_, (std::vector<std::string>{"bridge", "bridge-acks"}));
}

TEST_F(BridgeTest, AMessageBecomesARecordAndAnAck) {
  open();
  broker_.deliver(kPartials, numbered(2));
  ASSERT_TRUE(eventually([&] { return broker_.published_count() == 1; }));
  ASSERT_EQ(log_.records().size(), 1U);
  EXPECT_EQ(log_.records()[0].payload, numbered(2));
  EXPECT_EQ(broker_.published[0].first, "tributary/v1/demo/attic/ack");
}

TEST_F(BridgeTest, NothingIsAcknowledgedBeforeTheLogHasIt) {
  log_.hold(1000);
  open();
  for (uint64_t seq = 2; seq < 42; seq += 2) broker_.deliver(kPartials, numbered(seq));
  ASSERT_TRUE(eventually([&] { return log_.waiting() == 20; }));
  EXPECT_EQ(broker_.published_count(), 0U);
  log_.release();
  ASSERT_TRUE(eventually([&] { return bridge_->stats().core.acked_messages_total == 20; }));
}

TEST_F(BridgeTest, OverloadDropsCountedAndWhatWasTakenIsStillAppended) {
  log_.hold(5);
  BridgeConfig config;
  config.queue_messages_max = 10;
  open(config);
  for (uint64_t seq = 2; seq < 402; seq += 2) broker_.deliver(kPartials, numbered(seq));
  ASSERT_TRUE(eventually([&] { return log_.waiting() == 5; }));
  const uint64_t dropped = bridge_->stats().inbox.dropped_total;
  EXPECT_GT(dropped, 150U);
  log_.release();
  ASSERT_TRUE(eventually([&] { return bridge_->stats().core.acked_messages_total == 200 - dropped; }));
  EXPECT_EQ(log_.records().size(), 200 - dropped);
  // And it goes on as before.
  broker_.deliver(kPartials, numbered(1000));
  EXPECT_TRUE(eventually([&] { return log_.records().size() == 201 - dropped; }));
}

TEST_F(BridgeTest, TheQueueIsBoundedInBytesToo) {
  log_.hold(0);
  BridgeConfig config;
  config.queue_bytes_max = 100'000;
  open(config);
  for (int i = 0; i < 100; ++i) broker_.deliver(kPartials, std::string(50'000, 'x'));
  EXPECT_TRUE(eventually([&] { return bridge_->stats().inbox.messages == 0; })) << "garbage needs no room in the log";
  broker_.deliver(kPartials, numbered(2));
  broker_.deliver(kPartials, numbered(4));  // waits behind the first
  for (int i = 0; i < 100; ++i) broker_.deliver(kPartials, std::string(50'000, 'x'));
  EXPECT_GE(bridge_->stats().inbox.dropped_total, 97U);
  EXPECT_LE(bridge_->stats().inbox.bytes, 100'000U);
  log_.release();
  EXPECT_TRUE(eventually([&] { return bridge_->stats().core.acked_messages_total == 2; }));
}

TEST_F(BridgeTest, AcksWaitForABrokerThatIsAway) {
  open();
  broker_.set_up(false);
  broker_.deliver(kPartials, numbered(2));
  ASSERT_TRUE(eventually([&] { return bridge_->stats().core.acks_waiting == 1; }));
  broker_.set_up(true);
  EXPECT_TRUE(eventually([&] { return broker_.published_count() == 1; }));
}

TEST_F(BridgeTest, StoppingAppendsAndAcknowledgesWhatHadCome) {
  log_.hold(1000);
  open();
  for (uint64_t seq = 2; seq < 42; seq += 2) broker_.deliver(kPartials, numbered(seq));
  ASSERT_TRUE(eventually([&] { return log_.waiting() == 20; }));
  log_.release();
  bridge_->stop();
  EXPECT_EQ(bridge_->stats().core.acked_messages_total, 20U);
  EXPECT_EQ(bridge_->stats().core.acks_waiting, 0U);
}

TEST_F(BridgeTest, StoppingDoesNotWaitForALogInTrouble) {
  log_.hold(0);
  open();
  broker_.deliver(kPartials, numbered(2));
  broker_.deliver(kPartials, numbered(4));
  log_.set_trouble("disk full: no space");
  const auto begin = std::chrono::steady_clock::now();
  bridge_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  EXPECT_EQ(broker_.published_count(), 0U);
}

TEST_F(BridgeTest, ALogThatSettlesAfterTheBridgeIsGoneDisturbsNothing) {
  log_.hold(1000);
  open();
  broker_.deliver(kPartials, numbered(2));
  ASSERT_TRUE(eventually([&] { return log_.waiting() == 1; }));
  bridge_.reset();
  log_.release();
  EXPECT_EQ(log_.records().size(), 1U);
}

}  // namespace
}  // namespace tributary::bridge
