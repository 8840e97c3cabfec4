// SPDX-License-Identifier: Apache-2.0
// The whole bridge: a real Mosquitto, a real log, a plain Paho client as the gateway, HTTP through its port.
#include <gtest/gtest.h>
#include <mqtt/client.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>

#include "cloud/bridge/bridge.h"
#include "cloud/bridge/http_port.h"
#include "cloud/tenants/keys.h"
#include "common/runtime/program.h"
#include "common/runtime/sha256.h"
#include "tests/cloud/bridge/messages.h"
#include "tests/support/broker.h"

namespace tributary::bridge {
namespace {

using test::Broker;
using test::eventually;
using test::kNowS;
using test::message_of;
using test::MessageShape;

// A gateway that knows nothing of our client: publishes bytes, collects the seqs acknowledged.
class PlainGateway {
 public:
  PlainGateway(const Broker& broker, const std::string& name)
      : base_("tributary/v1/demo/" + name), client_(broker.url(), name, ::mqtt::create_options(MQTTVERSION_3_1_1)) {
    client_.set_message_callback([this](const ::mqtt::const_message_ptr& message) {
      wire::Ack ack;
      if (!wire::decode_ack(as_bytes(message->get_payload_str()), ack)) {
        ++broken_acks;
        return;
      }
      std::lock_guard lock(mutex_);
      ++acks_;
      for (uint32_t i = 0; i < ack.range_count; ++i) {
        for (uint64_t seq = ack.ranges[i].first; seq <= ack.ranges[i].last; ++seq) acked_.insert(seq);
      }
    });
  }
  ~PlainGateway() {
    try {
      client_.disable_callbacks();
      if (client_.is_connected()) client_.disconnect()->wait();
    } catch (const std::exception&) {
      // The broker may be dead by now.
    }
  }
  void connect() {
    ::mqtt::connect_options options;
    options.set_clean_session(true);
    client_.connect(options)->wait();
    client_.subscribe(base_ + "/ack", 1)->wait();
  }
  void publish(const std::string& leaf, const std::string& payload, bool retained = false) {
    client_.publish(base_ + "/" + leaf, payload.data(), payload.size(), 1, retained)->wait();
  }
  std::set<uint64_t> acked() {
    std::lock_guard lock(mutex_);
    return acked_;
  }
  int acks() {
    std::lock_guard lock(mutex_);
    return acks_;
  }
  std::atomic<int> broken_acks{0};

 private:
  const std::string base_;
  ::mqtt::async_client client_;
  std::mutex mutex_;
  std::set<uint64_t> acked_;
  int acks_ = 0;
};

class RealBroker : public ::testing::Test {
 protected:
  void SetUp() override {
    log_config_.url = "lmdb://" + folder_.file("log");
    auto writer = log::open_writer(log_config_);
    ASSERT_TRUE(writer.ok());
    writer_ = std::move(*writer);
    open();
  }
  void open() {
    BridgeConfig config;
    config.mqtt.url = broker_.url();
    config.mqtt.client_id = "bridge";
    config.mqtt.reconnect_min_ms = 20;
    config.mqtt.reconnect_max_ms = 200;
    auto bridge = Bridge::open(config, *writer_, [] {
      return Instant{kNowS * kNanosPerSecond, runtime::now().mono_ns};
    });
    ASSERT_TRUE(bridge.ok());
    bridge_ = std::move(*bridge);
    bridge_->start();
    ASSERT_TRUE(eventually([&] {
      const BridgeStats stats = bridge_->stats();
      return stats.subscriber_connected && stats.publisher_connected;
    }));
  }
  static std::string numbered(uint64_t seq) {
    MessageShape shape;
    shape.first_seq = seq;
    shape.starts_s = {kNowS - 60};
    return message_of(shape);
  }
  std::vector<log::Record> records() {
    auto reader = log::open_reader(log_config_);
    EXPECT_TRUE(reader.ok());
    std::vector<log::Record> out;
    for (;;) {
      auto some = (*reader)->read(0, out.size(), 1000, 16 << 20, 0);
      EXPECT_TRUE(some.ok());
      if (!some.ok() || some->empty()) return out;
      for (auto& stored : *some) out.push_back(std::move(stored.record));
    }
  }

  test::TempDir folder_;
  Broker broker_;
  log::LogConfig log_config_;
  std::unique_ptr<log::Writer> writer_;
  std::unique_ptr<Bridge> bridge_;
};

TEST_F(RealBroker, AMessageIsInTheLogWhenItsAckComes) {
  PlainGateway gateway(broker_, "attic");
  gateway.connect();
  for (uint64_t seq = 2; seq < 102; ++seq) gateway.publish("partials", numbered(seq));
  ASSERT_TRUE(eventually([&] { return gateway.acked().size() == 100; }));
  EXPECT_EQ(records().size(), 100U);
  EXPECT_EQ(gateway.broken_acks, 0);
}

TEST_F(RealBroker, BadMessagesAmongGoodOnesAreSettledOrCountedAndDisturbNothing) {
  PlainGateway gateway(broker_, "attic");
  gateway.connect();
  gateway.publish("partials", "garbage");
  gateway.publish("partials", test::flipped(numbered(2), -3));
  gateway.publish("partials", numbered(3));
  gateway.publish("partials", std::string(1 << 20, 'x'));
  gateway.publish("status", "no json");
  gateway.publish("status", R"({"state":"online"})", true);
  gateway.publish("partials", numbered(4));
  ASSERT_TRUE(eventually([&] { return gateway.acked() == std::set<uint64_t>{2, 3, 4}; }));
  std::map<log::RecordKind, int> kinds;
  for (const auto& record : records()) ++kinds[record.kind];
  EXPECT_EQ(kinds[log::RecordKind::kMessage], 2);
  EXPECT_EQ(kinds[log::RecordKind::kRejected], 1);
  EXPECT_EQ(kinds[log::RecordKind::kStatus], 1);
}

TEST_F(RealBroker, RetainedStatusesComeAtEveryConnectionAndAreAppendedOnce) {
  PlainGateway gateway(broker_, "attic");
  gateway.connect();
  bridge_.reset();
  gateway.publish("status", R"({"state":"online"})", true);
  open();
  ASSERT_TRUE(eventually([&] { return bridge_->stats().core.appended_status_total == 1; }));
  EXPECT_EQ(records().size(), 1U);
}

TEST_F(RealBroker, ARetainedPartialIsRejectedAndItsRepetitionAcknowledged) {
  PlainGateway gateway(broker_, "attic");
  gateway.connect();
  bridge_.reset();
  gateway.publish("partials", numbered(2), true);
  open();
  ASSERT_TRUE(eventually([&] { return bridge_->stats().core.rejected_total.count("retained") == 1; }));
  EXPECT_TRUE(records().empty());
  gateway.publish("partials", numbered(2));
  EXPECT_TRUE(eventually([&] { return gateway.acked().size() == 1; }));
}

TEST_F(RealBroker, TheBrokerMayBeKilledAndEverythingUnacknowledgedComesThroughAfterwards) {
  for (int round = 0; round < 3; ++round) {
    {
      PlainGateway gateway(broker_, "attic");
      gateway.connect();
      gateway.publish("partials", numbered(2 + static_cast<uint64_t>(round)));
    }
    broker_.kill9();
    ASSERT_TRUE(eventually([&] {
      const BridgeStats stats = bridge_->stats();
      return !stats.subscriber_connected && !stats.publisher_connected;
    }));
    broker_.start();
    ASSERT_TRUE(eventually([&] {
      const BridgeStats stats = bridge_->stats();
      return stats.subscriber_connected && stats.publisher_connected;
    }));
  }
  // The gateway sends again what it has no ack for, as gateways do.
  PlainGateway gateway(broker_, "attic");
  gateway.connect();
  for (uint64_t seq = 2; seq < 5; ++seq) gateway.publish("partials", numbered(seq));
  EXPECT_TRUE(eventually([&] { return gateway.acked() == std::set<uint64_t>{2, 3, 4}; }));
}

TEST_F(RealBroker, ManyMessagesOfOneGatewayShareAcks) {
  PlainGateway gateway(broker_, "attic");
  gateway.connect();
  constexpr uint64_t kMessages = 3000;
  ::mqtt::async_client flood(broker_.url(), "flood");
  flood.connect()->wait();
  const auto begin = std::chrono::steady_clock::now();
  std::vector<::mqtt::delivery_token_ptr> tokens;
  for (uint64_t seq = 2; seq < 2 + kMessages; ++seq) {
    const std::string message = numbered(seq);
    tokens.push_back(flood.publish("tributary/v1/demo/attic/partials", message.data(), message.size(), 1, false));
    if (tokens.size() % 20 == 0) tokens[tokens.size() - 20]->wait();
  }
  ASSERT_TRUE(eventually([&] { return gateway.acked().size() == kMessages; }, 60'000));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%llu messages, appended durably and acknowledged in %.2f s, %d acks\n",
              static_cast<unsigned long long>(kMessages), seconds, gateway.acks());
  EXPECT_LT(gateway.acks(), static_cast<int>(kMessages));
  flood.disconnect()->wait();
}

// One HTTP request over a plain socket; the answer whole.
std::string http(uint16_t port, const std::string& head, const std::string& body) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0) {
    const std::string request =
        head + "\r\nHost: localhost\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
    EXPECT_EQ(::send(fd, request.data(), request.size(), MSG_NOSIGNAL), static_cast<ssize_t>(request.size()));
    char part[4096];
    for (ssize_t got = 0; (got = ::recv(fd, part, sizeof part, 0)) > 0;) answer.append(part, static_cast<size_t>(got));
  }
  ::close(fd);
  return answer;
}

class RealHttp : public RealBroker {
 protected:
  void SetUp() override {
    RealBroker::SetUp();
    if (IsSkipped()) return;
    key_ = api::make_key();
    api::KeysFile keys;
    keys.keys.push_back({"demo", runtime::sha256_hex(key_), "test", "2026-01-01T00:00:00Z"});
    keys.session_secret = runtime::random_hex(32);
    ASSERT_TRUE(api::write_keys_file(folder_.file("keys.json"), keys).ok());
    auth_ = std::make_unique<api::Auth>(folder_.file("keys.json"));
    port_ = std::make_unique<HttpPort>(
        *bridge_, *writer_, auth_.get(), IngestConfig{},
        [] {
          return Instant{kNowS * kNanosPerSecond, runtime::now().mono_ns};
        },
        http::DeliveryConfig{.cors_origins = {"https://app.example"}});
    auto server = http::HttpServer::open({});
    ASSERT_TRUE(server.ok());
    server_ = std::move(*server);
    port_->install(*server_);
    ASSERT_TRUE(server_->start().ok());
  }
  void TearDown() override {
    if (server_) server_->stop();
  }
  std::string get(const std::string& path) { return bridge::http(server_->port(), "GET " + path + " HTTP/1.1", ""); }
  std::string post(const std::string& body, const std::string& headers = "", const std::string& path = "/api/v1/data") {
    return bridge::http(server_->port(), "POST " + path + " HTTP/1.1\r\nX-API-Key: " + key_ + headers, body);
  }

  std::string key_;
  std::unique_ptr<api::Auth> auth_;
  std::unique_ptr<HttpPort> port_;
  std::unique_ptr<http::HttpServer> server_;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(RealHttp, ReadingsPostedAreInTheLogWhenTheyAreAccepted) {
  const std::string answer =
      post(R"([{"device_id":"a","x":1},{"device_id":"a","x":2},{"x":3}])", "\r\nIdempotency-Key: once", "/api/v1/data");
  EXPECT_TRUE(has(answer, " 202 ")) << answer;
  EXPECT_TRUE(has(answer, R"({"accepted":2,"rejected":{"no_device":1}})")) << answer;
  auto stored = records();
  ASSERT_EQ(stored.size(), 1U);
  EXPECT_EQ(stored[0].kind, log::RecordKind::kIngest);
  EXPECT_EQ(stored[0].tenant, "demo");
  EXPECT_EQ(stored[0].gateway, "a");
  EXPECT_EQ(stored[0].idempotency_key, "once");
  EXPECT_TRUE(has(post(R"({"device_id":"b","x":1})", "", "/api/data"), " 202 "));
}

TEST_F(RealHttp, AnotherBodyUnderAKeyIsRefused) {
  const std::string body = R"({"device_id":"a","x":1})", key = "\r\nIdempotency-Key: k";
  EXPECT_TRUE(has(post(body, key), " 202 "));
  EXPECT_TRUE(has(post(body, key), " 202 "));
  const std::string answer = post(R"({"device_id":"a","x":2})", key);
  EXPECT_TRUE(has(answer, " 422 ") && has(answer, "with another body than before")) << answer;
  EXPECT_TRUE(has(post(R"({"device_id":"a","x":2})", "\r\nIdempotency-Key: l"), " 202 "));
}

// A bridge that is started while Kafka is away does not know the partitions yet.
TEST_F(RealHttp, AReadingPostedBeforeTheLogWasFoundIsAskedForAgain) {
  log::LogConfig config;
  config.url = "kafka://127.0.0.1:1";
  auto nowhere = log::open_writer(config);
  ASSERT_TRUE(nowhere.ok()) << nowhere.error().message;
  ASSERT_EQ((*nowhere)->settings().partitions, 0U);
  HttpPort port(*bridge_, **nowhere, auth_.get(), IngestConfig{}, [] {
    return Instant{kNowS * kNanosPerSecond, runtime::now().mono_ns};
  });
  auto server = http::HttpServer::open({});
  ASSERT_TRUE(server.ok());
  port.install(**server);
  ASSERT_TRUE((*server)->start().ok());
  const std::string head = "POST /api/v1/data HTTP/1.1\r\nX-API-Key: " + key_;
  const std::string answer = bridge::http((*server)->port(), head, R"({"device_id":"a","x":1})");
  EXPECT_TRUE(has(answer, " 503 ") && has(answer, "has not been found yet")) << answer;
  EXPECT_TRUE(has(bridge::http((*server)->port(), head, "{broken"), " 400 "));
  (*server)->stop();
}

TEST_F(RealHttp, ARequestWithoutAKeyThatCountsTellsNothing) {
  key_ = "trib_wrong";
  const std::string answer = post(R"({"device_id":"a","x":1})");
  EXPECT_TRUE(has(answer, " 401 ")) << answer;
  EXPECT_TRUE(has(answer, "A valid key is needed")) << answer;
  EXPECT_TRUE(has(answer, "application/problem+json")) << answer;
  EXPECT_FALSE(has(answer, "demo"));
  EXPECT_TRUE(records().empty());
}

TEST_F(RealHttp, ARequestWithNothingUsableIsAProblemWithFoundAndExpected) {
  for (const char* body : {"", "{broken", "[]", R"({"device_id":"a","x":"high"})"}) {
    const std::string answer = post(body);
    EXPECT_TRUE(has(answer, " 400 ")) << answer;
    EXPECT_TRUE(has(answer, "\"found\"") && has(answer, "\"expected\"")) << answer;
  }
  EXPECT_TRUE(has(post(R"({"device_id":"a","x":1})", "\r\nIdempotency-Key: a b"), " 400 "));
  EXPECT_TRUE(records().empty());
}

TEST_F(RealHttp, PagesOfConfiguredOriginsMaySendReadings) {
  const std::string allowed = "Access-Control-Allow-Origin: https://app.example\r\n";
  const std::string known = "\r\nOrigin: https://app.example", unknown = "\r\nOrigin: https://evil.example";
  for (const char* path : {"/api/v1/data", "/api/data"}) {
    const auto preflight = [&](const std::string& origin) {
      return bridge::http(server_->port(),
                          "OPTIONS " + std::string(path) + " HTTP/1.1" + origin +
                              "\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: "
                              "x-api-key,content-type,idempotency-key",
                          "");
    };
    const std::string asked = preflight(known);
    EXPECT_TRUE(has(asked, " 204 ") && has(asked, allowed)) << asked;
    EXPECT_TRUE(has(asked, "Access-Control-Allow-Methods: GET, HEAD, POST\r\n")) << asked;
    for (const char* header : {"X-API-Key", "Content-Type", "Idempotency-Key"})
      EXPECT_TRUE(has(asked, header)) << asked;
    EXPECT_FALSE(has(asked, "Allow-Credentials"));
    EXPECT_FALSE(has(preflight(unknown), "Access-Control-Allow-Origin"));
    // The page sees the answer, and why there is none.
    const std::string body = R"({"device_id":"a","x":1})";
    const std::string taken = post(body, known, path), broken = post("{broken", known, path);
    EXPECT_TRUE(has(taken, " 202 ") && has(taken, allowed)) << taken;
    EXPECT_TRUE(has(broken, " 400 ") && has(broken, allowed)) << broken;
    EXPECT_FALSE(has(post(body, unknown, path), "Access-Control-Allow-Origin"));
    EXPECT_FALSE(has(post(body, "", path), "Access-Control-Allow-Origin"));
  }
  key_ = "trib_wrong";
  EXPECT_TRUE(has(post("{}", known), allowed));
}

TEST_F(RealHttp, ReadinessFollowsTheBroker) {
  EXPECT_TRUE(has(get("/health"), " 200 "));
  const std::string ready = get("/ready");
  EXPECT_TRUE(has(ready, " 200 ") && has(ready, R"({"status":"ready",)") && has(ready, R"("durability":"power")"))
      << ready;
  broker_.kill9();
  EXPECT_TRUE(eventually([&] {
    const std::string away = get("/ready");
    return has(away, " 503 ") && has(away, "application/problem+json") && has(away, "broker do not stand");
  }));
  EXPECT_TRUE(has(get("/health"), " 200 "));
  broker_.start();
  EXPECT_TRUE(eventually([&] { return has(get("/ready"), " 200 "); }));
}

TEST_F(RealHttp, MetricsCountWhatHappened) {
  PlainGateway gateway(broker_, "attic");
  gateway.connect();
  gateway.publish("partials", numbered(2));
  gateway.publish("partials", "garbage");
  ASSERT_TRUE(eventually([&] { return gateway.acked().size() == 1; }));
  post(R"({"device_id":"a","x":1})");
  ASSERT_TRUE(eventually([&] { return has(get("/metrics"), "tributary_bridge_acked_total 1\n"); }));
  const std::string text = get("/metrics");
  for (const char* line :
       {"tributary_bridge_messages_total 2\n", "tributary_bridge_rejected_total{reason=\"too_short\"} 1\n",
        "tributary_bridge_appended_total{kind=\"message\"} 1\n",
        "tributary_bridge_dropped_total{reason=\"overload\"} 0\n",
        "tributary_bridge_connected{client=\"subscriber\"} 1\n", "tributary_bridge_ingest_accepted_total 1\n"}) {
    EXPECT_TRUE(has(text, line)) << line << text;
  }
  EXPECT_FALSE(has(text, "demo")) << "no tenant is named";
}

}  // namespace
}  // namespace tributary::bridge
