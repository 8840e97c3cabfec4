// SPDX-License-Identifier: Apache-2.0
// Claims about the MQTT client, against a real broker that is killed, frozen and restarted.
#include "common/mqtt/client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "tests/support/broker.h"

namespace tributary::mqtt {
namespace {

using test::Broker;
using test::eventually;
using test::TempDir;

// A client that remembers what it was told.
struct Probe {
  std::mutex mutex;
  std::vector<std::string> messages;  // "topic payload", "R" in front if retained
  std::vector<std::string> failures;
  std::atomic<int> connects{0}, published{0};
  std::unique_ptr<Client> client;

  explicit Probe(ClientConfig config, std::vector<std::string> filters = {}) {
    config.reconnect_min_ms = 20;
    config.reconnect_max_ms = 200;
    Client::Handlers handlers;
    handlers.on_message = [this](const Message& message) {
      std::lock_guard lock(mutex);
      messages.push_back((message.retained ? "R " : "") + std::string(message.topic) + " " +
                         std::string(message.payload));
    };
    handlers.on_connected = [this] { ++connects; };
    handlers.on_disconnected = [this](const std::string& why) {
      std::lock_guard lock(mutex);
      failures.push_back(why);
    };
    handlers.on_published = [this] { ++published; };
    Result<std::unique_ptr<Client>> made = Client::make(std::move(config), std::move(handlers));
    CHECK(made.ok());
    client = std::move(made.value());
    for (std::string& filter : filters) client->subscribe(std::move(filter), 1);
    client->start();
  }
  ~Probe() { client->stop(0); }
  bool connected() const {
    return eventually([this] { return client->connected(); });
  }
  std::vector<std::string> seen() {
    std::lock_guard lock(mutex);
    return messages;
  }
  size_t failure_count() {
    std::lock_guard lock(mutex);
    return failures.size();
  }
  bool saw(const std::string& message) {
    return eventually([&] {
      std::lock_guard lock(mutex);
      return std::find(messages.begin(), messages.end(), message) != messages.end();
    });
  }
};

ClientConfig config_for(const Broker& broker, const char* id) { return {.url = broker.url(), .client_id = id}; }

TEST(Client, WhatIsPublishedArrives) {
  Broker broker;
  Probe receiver(config_for(broker, "receiver"), {"a/+"});
  Probe sender(config_for(broker, "sender"));
  ASSERT_TRUE(receiver.connected() && sender.connected());
  EXPECT_TRUE(sender.client->publish("a/b", std::string("x\0y", 3), 1, false));
  EXPECT_TRUE(receiver.saw(std::string("a/b x\0y", 7)));
  EXPECT_TRUE(eventually([&] { return sender.client->inflight() == 0 && sender.published == 1; }));
}

TEST(Client, ReconnectsAndSubscribesAgainAfterTheBrokerWasKilled) {
  Broker broker;
  Probe receiver(config_for(broker, "receiver"), {"a", "b/#", "$share/group/c"});
  Probe sender(config_for(broker, "sender"));
  for (int round = 1; round <= 3; ++round) {
    ASSERT_TRUE(receiver.connected() && sender.connected());
    ASSERT_TRUE(eventually([&] { return receiver.connects == round && sender.connects == round; }));
    const std::string number = std::to_string(round);
    for (const char* topic : {"a", "b/x", "c"}) {
      ASSERT_TRUE(sender.client->publish(topic, number, 1, false));
      ASSERT_TRUE(receiver.saw(std::string(topic) + " " + number));
    }
    broker.kill9();
    ASSERT_TRUE(eventually([&] { return !receiver.client->connected() && !sender.client->connected(); }));
    EXPECT_FALSE(sender.client->publish("a", "lost", 1, false));
    broker.start();
  }
}

TEST(Client, ConnectsWhenTheBrokerComesLater) {
  Broker broker;
  broker.kill9();
  Probe late(config_for(broker, "late"));
  ASSERT_TRUE(eventually([&] { return late.failure_count() >= 3; }));
  broker.start();
  EXPECT_TRUE(late.connected());
}

TEST(Client, TheWindowOfPublishesIsBoundedAndFreedByTheBroker) {
  Broker broker;
  Probe sender(config_for(broker, "sender"));
  ASSERT_TRUE(sender.connected());
  broker.freeze();
  int accepted = 0;
  while (sender.client->publish("a", "x", 1, false)) ++accepted;
  EXPECT_EQ(accepted, 20);
  EXPECT_EQ(sender.client->inflight(), 20);
  broker.thaw();
  EXPECT_TRUE(eventually([&] { return sender.client->inflight() == 0; }));
  // The window is free a moment before the last one is told.
  EXPECT_TRUE(eventually([&] { return sender.published >= 20; }));
  EXPECT_EQ(sender.published, 20);
}

TEST(Client, TheWindowIsBoundedInBytesButAlwaysTakesOne) {
  Broker broker;
  ClientConfig config = config_for(broker, "sender");
  config.inflight_bytes_max = 100'000;
  Probe sender(config);
  ASSERT_TRUE(sender.connected());
  broker.freeze();
  EXPECT_TRUE(sender.client->publish("a", std::string(30'000, 'x'), 1, false));
  EXPECT_TRUE(sender.client->publish("a", std::string(30'000, 'x'), 1, false));
  EXPECT_FALSE(sender.client->publish("a", std::string(60'000, 'x'), 1, false));
  broker.thaw();
  EXPECT_TRUE(eventually([&] { return sender.client->inflight() == 0; }));
  EXPECT_TRUE(sender.client->publish("a", std::string(200'000, 'x'), 1, false));
  EXPECT_TRUE(eventually([&] { return sender.client->inflight() == 0; }));
}

TEST(Client, AConnectionLostWithAFullWindowStartsWithAnEmptyOne) {
  Broker broker;
  Probe sender(config_for(broker, "sender"));
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(sender.connected());
    broker.freeze();
    while (sender.client->publish("a", "x", 1, false)) {
    }
    broker.kill9();
    ASSERT_TRUE(eventually([&] { return !sender.client->connected(); }));
    EXPECT_EQ(sender.client->inflight(), 0);
    broker.start();
  }
  ASSERT_TRUE(sender.connected());
  EXPECT_TRUE(sender.client->publish("a", "x", 1, false));
  EXPECT_TRUE(eventually([&] { return sender.client->inflight() == 0; }));
}

TEST(Client, RetainedIsToldAndACleanStopLeavesNoWill) {
  Broker broker;
  ClientConfig config = config_for(broker, "sender");
  config.will_topic = "state";
  config.will_payload = "died";
  {
    Probe sender(config);
    ASSERT_TRUE(sender.connected());
    ASSERT_TRUE(sender.client->publish("state", "fine", 1, true));
    sender.client->stop(5000);
    EXPECT_EQ(sender.client->inflight(), 0);
    EXPECT_FALSE(sender.client->publish("state", "late", 1, true));
  }
  Probe receiver(config_for(broker, "receiver"), {"state"});
  EXPECT_TRUE(receiver.saw("R state fine"));
  EXPECT_EQ(receiver.seen().size(), 1u);
}

TEST(Client, TheWillIsPublishedWhenTheConnectionIsTakenAway) {
  Broker broker;
  ClientConfig config = config_for(broker, "twin");
  config.will_topic = "state";
  config.will_payload = "died";
  config.reconnect_min_ms = 60'000;
  Probe receiver(config_for(broker, "receiver"), {"state"});
  Probe sender(config);
  ASSERT_TRUE(receiver.connected() && sender.connected());
  Probe usurper(config_for(broker, "twin"));  // the same client id: the broker drops the first
  EXPECT_TRUE(receiver.saw("state died"));
}

TEST(Client, AHandlerMayPublish) {
  Broker broker;
  std::unique_ptr<Client> echo;
  Client::Handlers handlers;
  handlers.on_message = [&](const Message& message) { echo->publish("answer", message.payload, 1, false); };
  echo = std::move(Client::make(config_for(broker, "echo"), handlers).value());
  echo->subscribe("question", 1);
  echo->start();
  Probe asker(config_for(broker, "asker"), {"answer"});
  ASSERT_TRUE(asker.connected() && eventually([&] { return echo->connected(); }));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(eventually([&] { return asker.client->publish("question", std::to_string(i), 1, false); }));
    ASSERT_TRUE(asker.saw("answer " + std::to_string(i)));
  }
  echo->stop(1000);
}

TEST(Client, AWrongPasswordIsTriedAgainAndNeverTold) {
  Broker broker("allow_anonymous false\n");
  ClientConfig config = config_for(broker, "stranger");
  config.username = "stranger";
  config.password = "open sesame";
  Probe probe(config);
  ASSERT_TRUE(eventually([&] { return probe.failure_count() >= 2; }));
  std::lock_guard lock(probe.mutex);
  for (const std::string& why : probe.failures) EXPECT_EQ(why.find("sesame"), std::string::npos) << why;
}

TEST(Client, MutualTlsIsSpoken) {
  TempDir dir;
  const std::string make =
      "cd " + dir.path() +
      " && openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca"
      " && for n in server client; do openssl req -newkey rsa:2048 -nodes -keyout $n.key -out $n.csr -subj "
      "/CN=127.0.0.1"
      " -addext subjectAltName=IP:127.0.0.1 && openssl x509 -req -in $n.csr -CA ca.crt -CAkey ca.key -CAcreateserial"
      " -copy_extensions copy -days 2 -out $n.crt; done && chmod a+rX . *.key";
  ASSERT_EQ(std::system(("(" + make + ") >/dev/null 2>&1").c_str()), 0) << "needs the openssl command";
  Broker broker("allow_anonymous true\ncafile " + dir.file("ca.crt") + "\ncertfile " + dir.file("server.crt") +
                "\nkeyfile " + dir.file("server.key") + "\nrequire_certificate true\n");
  ClientConfig config{.url = "mqtts://127.0.0.1:" + std::to_string(broker.port()),
                      .client_id = "tls",
                      .ca_file = dir.file("ca.crt"),
                      .cert_file = dir.file("client.crt"),
                      .key_file = dir.file("client.key")};
  Probe probe(config, {"a"});
  ASSERT_TRUE(probe.connected());
  EXPECT_TRUE(probe.client->publish("a", "x", 1, false));
  EXPECT_TRUE(probe.saw("a x"));
  ClientConfig bare = config;
  bare.client_id = "bare";
  bare.cert_file = bare.key_file = "";
  Probe refused(bare);
  EXPECT_TRUE(eventually([&] { return refused.failure_count() >= 2; }));
  EXPECT_EQ(refused.connects, 0);
}

TEST(Client, SettingsThatCannotWorkAreRefused) {
  auto refused = [](ClientConfig config) {
    Result<std::unique_ptr<Client>> made = Client::make(std::move(config), {});
    return !made.ok() && made.error().code == ErrorCode::kInvalid;
  };
  EXPECT_TRUE(refused({.url = "http://host", .client_id = "x"}));
  EXPECT_TRUE(refused({.url = "", .client_id = "x"}));
  EXPECT_TRUE(refused({.url = "tcp://", .client_id = "x"}));
  EXPECT_TRUE(refused({.url = "tcp://host:1883", .client_id = ""}));
  EXPECT_TRUE(refused({.url = "tcp://host:1883", .client_id = "x", .ca_file = "ca.crt"}));
}

}  // namespace
}  // namespace tributary::mqtt
