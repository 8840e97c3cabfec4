// SPDX-License-Identifier: Apache-2.0
// The whole aggregator: embedded log, state, query, HTTP.
#include "cloud/aggregator/aggregator.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/runtime/program.h"
#include "common/runtime/sha256.h"
#include "tests/cloud/http/raw_client.h"
#include "tests/cloud/merge/support/support.h"

namespace tributary::api {
namespace {

using http::body_of;
using http::RawClient;
using http::status_of;
using Json = nlohmann::json;
using testing::GatewaySim;

Result<std::unique_ptr<feed::Sink>> no_sink(const feed::KafkaSinkConfig&) {
  return Error{ErrorCode::kUnsupported, "found a feed, expected none"};
}

class AggregatorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    key_ = make_key();
    KeysFile keys{.keys = {{"demo", runtime::sha256_hex(key_), "", ""}}, .session_secret = runtime::random_hex(32)};
    ASSERT_TRUE(write_keys_file(folder_.path("keys.json"), keys).ok());
    config_.log.url = "lmdb://" + folder_.path("log");
    config_.log.sync = config_.state.sync = false;
    config_.state_dir = folder_.path("state");
    config_.keys_file = folder_.path("keys.json");
  }
  void start() {
    aggregator_.reset();
    auto opened = Aggregator::open(config_, {.open_log = log::open_reader, .open_feed_sink = no_sink});
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    aggregator_ = std::move(opened).value();
    ASSERT_TRUE(aggregator_->start().ok());
  }
  std::string get(const std::string& target) {
    RawClient client(aggregator_->port());
    client.send("GET " + target + " HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key_ + "\r\n\r\n");
    return client.read_response();
  }
  Json ask(const std::string& target) {
    const std::string response = get(target);
    EXPECT_EQ(status_of(response), 200) << response;
    return Json::parse(body_of(response), nullptr, false);
  }
  template <class Condition>
  static bool soon(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
    return true;
  }
  bool ready() { return status_of(get("/ready")) == 200; }
  // One window of ten readings a call, each of its own value.
  log::Record window(GatewaySim& gateway, const std::string& device, int64_t start_s, double value) {
    stats::Summary summary;
    for (int i = 0; i < 10; ++i) summary.add((start_s + i) * kNanosPerSecond, value + i);
    testing::Part part{.series = testing::make_series(device, "temperature", {{"unit", "C"}}),
                       .start_s = start_s,
                       .width_s = 10,
                       .summary = testing::encoded(summary)};
    return gateway.send({part}, start_s + 15, start_s + 10);
  }
  void append(const std::vector<log::Record>& records) {
    if (!writer_) {
      auto opened = log::open_writer(config_.log);
      ASSERT_TRUE(opened.ok()) << opened.error().message;
      writer_ = std::move(opened).value();
    }
    for (const auto& record : records) ASSERT_TRUE(writer_->append(record, [](const Status&) {}).ok());
    writer_->flush();
  }

  testing::Folder folder_;
  std::string key_;
  AggregatorConfig config_;
  std::unique_ptr<log::Writer> writer_;
  std::unique_ptr<Aggregator> aggregator_;
  int64_t now_s_ = to_seconds_floor(runtime::now().wall_ns) / 10 * 10;
};

TEST_F(AggregatorTest, AnswersBeforeThereIsALogAndMergesItWhenItComes) {
  start();
  EXPECT_EQ(status_of(get("/health")), 200);
  EXPECT_FALSE(ready());
  EXPECT_EQ(status_of(get("/api/v1/summary?metric=temperature")), 404);
  EXPECT_EQ(ask("/api/v1/metrics")["metrics"].size(), 0u);

  GatewaySim gateway("demo", "attic", 77);
  append({gateway.open(now_s_ - 700)});
  for (int i = 0; i < 60; ++i)
    append({window(gateway, "a", now_s_ - 600 + i * 10, i), window(gateway, "b", now_s_ - 600 + i * 10, 100)});
  EXPECT_TRUE(soon([&] { return ready(); }));
  EXPECT_TRUE(soon([&] { return ask("/api/v1/summary?metric=temperature").value("count", 0) == 1200; }));

  const Json all = ask("/api/v1/summary?metric=temperature&device=a");
  EXPECT_EQ(all["count"], 600);
  EXPECT_EQ(all["sum"], 10.0 * (59 * 60 / 2) + 60 * 45);
  EXPECT_EQ(all["min"], 0.0);
  EXPECT_EQ(all["max"], 68.0);
  EXPECT_EQ(all["unit"], "C");
  const Json rows = ask("/api/v1/series?metric=temperature&by=device&from=-20m&step=10s");
  EXPECT_EQ(rows["series"].size(), 2u);
  EXPECT_EQ(rows["series"][0]["rows"].size(), 60u);
  const Json kpi = ask("/api/v1/kpi?metric=temperature&device=b&window=10s");
  EXPECT_EQ(kpi["count"], 10);
  EXPECT_EQ(kpi["rate"], 1.0);
  const Json devices = ask("/api/v1/devices");
  EXPECT_EQ(devices["gateways"][0]["gateway"], "attic");
  EXPECT_EQ(devices["devices"].size(), 2u);
}

TEST_F(AggregatorTest, TheSystemSaysWhatIsMergedAndHowFarTheLogGoes) {
  config_.api.operators = {"demo"};
  GatewaySim gateway("demo", "attic", 77);
  append({gateway.open(now_s_ - 700), window(gateway, "a", now_s_ - 600, 1), window(gateway, "b", now_s_ - 600, 1)});
  start();
  ASSERT_TRUE(soon([&] { return ask("/api/v1/system")["merged"]["readings"] == 20; }));
  const Json answer = ask("/api/v1/system");
  EXPECT_EQ(answer["log"]["durability"], "process");  // this log does not sync
  EXPECT_EQ(answer["log"]["partitions"], Json::parse(R"([{"partition":0,"aggregator":0,"position":3,"end":3}])"));
  EXPECT_EQ(answer["services"][0]["records"], 3);
  EXPECT_GT(answer["services"][0]["memory_bytes"], 0);
  uint64_t delays = 0;
  for (const auto& minute : answer["minutes"]) {
    for (const auto& bucket : minute["delays"]) delays += bucket[1].get<uint64_t>();
  }
  EXPECT_EQ(delays, 3u);
}

TEST_F(AggregatorTest, TheStreamGoesOnOverARestart) {
  GatewaySim gateway("demo", "attic", 77);
  append({gateway.open(now_s_ - 700), window(gateway, "a", now_s_ - 600, 1)});
  start();
  ASSERT_TRUE(soon([&] { return ready(); }));
  auto stream = [&](RawClient& client, const std::string& since, const std::string& wanted) {
    client.send("GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key_ +
                (since.empty() ? "" : "\r\nLast-Event-ID: " + since) + "\r\n\r\n");
    client.read_until([&](const std::string& seen) { return seen.find(wanted) != std::string::npos; });
    return client.seen().find(wanted) != std::string::npos;
  };
  RawClient client(aggregator_->port());
  ASSERT_TRUE(stream(client, "", "\n\n"));
  append({window(gateway, "a", now_s_ - 590, 2)});
  client.read_until([](const std::string& seen) { return seen.find("event: windows") != std::string::npos; });
  ASSERT_NE(client.seen().find("event: windows"), std::string::npos);
  const size_t at = client.seen().rfind("id: ") + 4;
  const std::string last = client.seen().substr(at, client.seen().find('\n', at) - at);
  const auto begin = std::chrono::steady_clock::now();
  aggregator_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
  append({window(gateway, "a", now_s_ - 580, 300)});
  start();
  RawClient again(aggregator_->port());
  EXPECT_TRUE(stream(again, last, "\"max\":309"));
  EXPECT_EQ(again.seen().find("event: reset"), std::string::npos);
}

TEST_F(AggregatorTest, RefusesAnotherLogButKeepsAnswering) {
  GatewaySim gateway("demo", "attic", 77);
  append({gateway.open(now_s_ - 700), window(gateway, "a", now_s_ - 600, 1)});
  start();
  ASSERT_TRUE(soon([&] { return ask("/api/v1/metrics")["metrics"].size() == 1; }));
  aggregator_.reset();
  writer_.reset();
  config_.log.url = "lmdb://" + folder_.path("another-log");
  append({gateway.open(now_s_ - 700)});
  start();
  ASSERT_TRUE(soon([&] { return get("/ready").find("refusing to go on") != std::string::npos; }));
  EXPECT_EQ(status_of(get("/ready")), 503);
  EXPECT_EQ(ask("/api/v1/summary?metric=temperature")["count"], 10);
}

TEST_F(AggregatorTest, TwoOfThemNeverShareAState) {
  start();
  const auto second = Aggregator::open(config_, {.open_log = log::open_reader, .open_feed_sink = no_sink});
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message, "");
}

TEST_F(AggregatorTest, ConfigurationComplaintsNameFileLineFoundAndExpected) {
  const std::string file = folder_.path("a.toml");
  std::ofstream(file) << "[log]\nurl = 5\n[state]\ndir = \"s\"\nretention_base_hours = 0\n[http]\nport = 99999\nprot = "
                         "1\n[keys]\nfile = \"k\"\n"
                         "[aggregator]\nordinal = 1\n";
  const auto read = read_aggregator_config(file);
  ASSERT_FALSE(read.ok());
  for (const char* line :
       {"a.toml:2: found", "a.toml:5: found", "a.toml:7: found", "a.toml:8: found", "a.toml:12: found"}) {
    EXPECT_NE(read.error().message.find(line), std::string::npos) << line << "\n" << read.error().message;
  }
}

TEST_F(AggregatorTest, AClusterThatDoesNotFitIsRefused) {
  const std::string file = folder_.path("a.toml");
  const std::string secret = folder_.path("secret"), short_secret = folder_.path("short");
  std::ofstream(secret) << std::string(40, 's') << "\n";
  std::ofstream(short_secret) << "short\n";
  for (const std::string& one : {secret, short_secret}) {
    std::filesystem::permissions(one, std::filesystem::perms::owner_read);
  }
  auto read = [&](const std::string& rest) {
    std::ofstream(file) << "[log]\nurl = \"lmdb:///l\"\n[state]\ndir = \"s\"\n[keys]\nfile = \"" << secret << "\"\n"
                        << rest;
    return read_aggregator_config(file);
  };
  const std::string three = "[aggregator]\nordinal = 1\nreplicas = 3\n";
  auto cluster = [&](const std::string& peers, const std::string& secret_file) {
    return three + "[cluster]\npeers = [" + peers + "]\nsecret_file = \"" + secret_file + "\"\n";
  };
  const std::string two = R"("http://a:1", "http://b:2")";
  const auto good = read(cluster(two + R"(, "http://[::1]:3")", secret));
  ASSERT_TRUE(good.ok()) << good.error().message;
  EXPECT_EQ(good->cluster.http.port, 2);
  EXPECT_EQ(good->cluster.http.host, "127.0.0.1");
  const std::pair<std::string, std::string> wrong[] = {
      {three, "= 0 peers, expected as many as replicas, 3"},
      {cluster(two, secret), "= 2 peers, expected as many as replicas"},
      {"[cluster]\npeers = [" + two + "]\n", "= 2 peers, expected as many as replicas"},
      {cluster(two + R"(, "https://c:3")", secret), "http://host:port"},
      {cluster(two + R"(, "http://c")", secret), "http://host:port"},
      {cluster(two + R"(, "http://user@c:3")", secret), "http://host:port"},
      {cluster(two + R"(, "http://c:3")", short_secret), "a.toml:12: found cluster.secret_file = 5 bytes"},
      {cluster(two + R"(, "http://c:3")", folder_.path("none")), "missing"},
  };
  for (const auto& [text, complaint] : wrong) {
    const auto refused = read(text);
    ASSERT_FALSE(refused.ok()) << text;
    EXPECT_NE(refused.error().message.find(complaint), std::string::npos) << text << "\n" << refused.error().message;
    EXPECT_EQ(refused.error().message.find(std::string(40, 's')), std::string::npos);
  }
  // More aggregators than partitions: every one of them refuses.
  config_.replicas = 3;
  config_.log.partitions = 2;
  for (config_.ordinal = 0; config_.ordinal < 3; ++config_.ordinal) {
    const auto refused = Aggregator::open(config_, {.open_log = log::open_reader, .open_feed_sink = no_sink});
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().message.find("2 partitions"), std::string::npos) << refused.error().message;
  }
}

TEST_F(AggregatorTest, ALogWithOtherPartitionsThanItBeganWithIsNotMerged) {
  start();  // no log yet: one partition is what a log gets
  config_.log.partitions = 4;
  GatewaySim gateway("demo", "attic", 77);
  append({gateway.open(now_s_ - 700)});
  ASSERT_TRUE(soon([&] { return get("/ready").find("the log has 4 partitions") != std::string::npos; }));
  start();
  EXPECT_TRUE(soon([&] { return ready(); }));
}

}  // namespace
}  // namespace tributary::api
