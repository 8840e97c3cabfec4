// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/system: amounts are a tenant's own, delays are counted where they belong, the service is for operators.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cloud/api/api.h"
#include "common/runtime/sha256.h"
#include "common/wire/message.h"
#include "tests/cloud/api/fake_query.h"
#include "tests/cloud/http/raw_client.h"

namespace tributary::api {
namespace {

using http::body_of;
using http::RawClient;
using http::status_of;
using Json = nlohmann::json;

constexpr int64_t kNowS = 1'700'000'040;
constexpr int64_t kNowNs = kNowS * kNanosPerSecond;
constexpr int64_t kMillisecond = 1'000'000;

log::Record message(const std::string& tenant, int64_t mark_ns, int64_t append_ns) {
  std::array<uint8_t, 256> buffer{};
  wire::MessageBuilder builder(buffer);
  const Bytes bytes = builder.finish({.epoch = 7, .first_seq = 1, .frontier_ns = mark_ns, .mark_ns = mark_ns});
  return {.kind = log::RecordKind::kMessage,
          .tenant = tenant,
          .gateway = "attic",
          .append_ns = append_ns,
          .payload = std::string(bytes.begin(), bytes.end())};
}

TEST(Traffic, BucketsGrowByAFourthOfAnOctaveAndTakeEverything) {
  EXPECT_EQ(Traffic::bucket_of(-5), 0u);
  EXPECT_EQ(Traffic::bucket_of(kMillisecond), 0u);
  EXPECT_EQ(Traffic::bucket_of(2 * kMillisecond), 4u);
  EXPECT_EQ(Traffic::bucket_of(1000 * kMillisecond), 39u);  // 2^(39/4) ms = 861 ms, 2^(40/4) ms = 1,024 ms
  EXPECT_EQ(Traffic::bucket_of(INT64_MAX), Traffic::kBuckets - 1);
}

TEST(Traffic, DelaysRunFromTheGatewaysMarkAndOfAPostFromItsAppend) {
  Traffic traffic;
  traffic.add(message("demo", kNowNs - 512 * kMillisecond, kNowNs - 5 * kMillisecond), kNowNs);
  log::Record post = message("demo", 0, kNowNs - 16 * kMillisecond);
  post.kind = log::RecordKind::kIngest;
  traffic.add(post, kNowNs);
  log::Record rejected = message("demo", 0, kNowNs);
  rejected.kind = log::RecordKind::kRejected;
  traffic.add(rejected, kNowNs);
  rejected.kind = log::RecordKind::kStatus;
  traffic.add(rejected, kNowNs);

  const auto minutes = traffic.minutes("demo", kNowNs);
  ASSERT_EQ(minutes.size(), 1u);
  EXPECT_EQ(minutes[0].start_s, kNowS / 60 * 60);
  EXPECT_EQ(minutes[0].messages, 1u);
  EXPECT_EQ(minutes[0].posts, 1u);
  EXPECT_EQ(minutes[0].rejected, 1u);
  EXPECT_EQ(minutes[0].delays[36], 1u);
  EXPECT_EQ(minutes[0].delays[16], 1u);
  EXPECT_TRUE(traffic.minutes("other", kNowNs).empty());
}

TEST(Traffic, AnHourIsKeptAndNotMore) {
  Traffic traffic;
  for (int64_t k = 0; k < 200; ++k) {
    const int64_t at_ns = kNowNs + k * 60 * kNanosPerSecond;
    traffic.add(message("demo", at_ns, at_ns), at_ns);
  }
  const int64_t end_ns = kNowNs + 199 * 60 * kNanosPerSecond;
  EXPECT_EQ(traffic.minutes("demo", end_ns).size(), 60u);
  EXPECT_EQ(traffic.minutes("demo", end_ns + 30 * 60 * kNanosPerSecond).size(), 30u);
  EXPECT_TRUE(traffic.minutes("demo", end_ns + 2 * 3600 * kNanosPerSecond).empty());
}

TEST(Traffic, TheTenantsHeardOfLastAreKept) {
  Traffic traffic;
  for (size_t k = 0; k < Traffic::kTenantsMax; ++k)
    traffic.add(message("t" + std::to_string(k), kNowNs, kNowNs), kNowNs);
  traffic.add(message("t0", kNowNs, kNowNs), kNowNs);
  traffic.add(message("another", kNowNs, kNowNs), kNowNs);
  EXPECT_EQ(traffic.minutes("t0", kNowNs).size(), 1u);
  EXPECT_TRUE(traffic.minutes("t1", kNowNs).empty());
  EXPECT_EQ(traffic.minutes("another", kNowNs).size(), 1u);
}

class SystemTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::temp_directory_path() / ("tributary-system-" + std::to_string(::getpid()));
    std::filesystem::create_directories(dir_);
    demo_ = make_key();
    other_ = make_key();
    const KeysFile keys{
        .keys = {{"demo", runtime::sha256_hex(demo_), "", ""}, {"other", runtime::sha256_hex(other_), "", ""}},
        .session_secret = runtime::random_hex(32)};
    ASSERT_TRUE(write_keys_file((dir_ / "keys.json").string(), keys).ok());
    auth_ = std::make_unique<Auth>((dir_ / "keys.json").string());
    for (int i = 0; i < 7; ++i) query_.add("demo", "a", "temperature", kNowS - i, i);
    for (int i = 0; i < 5; ++i) query_.add("demo", "b", "humidity", kNowS - i, i);
    query_.add("other", "x", "secret_metric", kNowS, 1);
    query_.gateways_answer = {{.gateway = "attic", .first_seen_ns = (kNowS - 500) * kNanosPerSecond},
                              {.gateway = "hall", .first_seen_ns = (kNowS - 900) * kNanosPerSecond}};
    traffic_.add(message("demo", kNowNs - 512 * kMillisecond, kNowNs), kNowNs);
    ApiConfig config;
    config.hints = {.mqtt_host = "10.0.0.7",
                    .mqtt_username = "sensor",
                    .ingest_url = "http://x:9",
                    .mqtt_tenant = "demo",
                    .mqtt_port = 1884};
    config.operators = {"demo"};
    auto api = Api::make(config, {.query = &query_,
                                  .auth = auth_.get(),
                                  .now_ns = [] { return kNowNs; },
                                  .traffic = &traffic_,
                                  .service =
                                      [] {
                                        return ServiceInfo{.service = "aggregator 0",
                                                           .version = "1.2.3",
                                                           .durability = "power",
                                                           .started_ns = (kNowS - 60) * kNanosPerSecond,
                                                           .memory_bytes = 1000,
                                                           .records = 3,
                                                           .partials = 4,
                                                           .partitions = {{.partition = 2, .position = 5, .end = 9}}};
                                      }});
    ASSERT_TRUE(api.ok());
    api_ = std::move(api).value();
    auto server = http::HttpServer::open({});
    ASSERT_TRUE(server.ok());
    server_ = std::move(server).value();
    api_->attach(*server_);
    ASSERT_TRUE(server_->start().ok());
  }
  void TearDown() override {
    server_->stop();
    std::filesystem::remove_all(dir_);
  }
  std::string get(const std::string& target, const std::string& key) {
    RawClient client(server_->port());
    client.send("GET " + target + " HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key + "\r\n\r\n");
    return client.read_response();
  }

  std::filesystem::path dir_;
  std::string demo_, other_;
  FakeQuery query_;
  Traffic traffic_;
  std::unique_ptr<Auth> auth_;
  std::unique_ptr<http::HttpServer> server_;
  std::unique_ptr<Api> api_;
};

TEST_F(SystemTest, WhatIsMergedAndHowLongItTook) {
  const Json answer = Json::parse(body_of(get("/api/v1/system", demo_)));
  EXPECT_EQ(answer["merged"]["readings"], 12);
  EXPECT_EQ(answer["merged"]["since"], "2023-11-14T21:59:00Z");
  EXPECT_EQ(answer["delay_buckets"]["per_octave"], 4);
  ASSERT_EQ(answer["minutes"].size(), 1u);
  EXPECT_EQ(answer["minutes"][0]["messages"], 1);
  EXPECT_EQ(answer["minutes"][0]["delays"], Json::parse("[[36,1]]"));
}

TEST_F(SystemTest, TheLogAndTheServiceAreForOperatorsOnly) {
  const Json seen = Json::parse(body_of(get("/api/v1/system", demo_)));
  EXPECT_EQ(
      seen["log"],
      Json::parse(R"({"durability":"power","partitions":[{"partition":2,"aggregator":0,"position":5,"end":9}]})"));
  EXPECT_EQ(seen["services"][0]["service"], "aggregator 0");
  EXPECT_EQ(seen["services"][0]["state"], "ready");
  const Json other = Json::parse(body_of(get("/api/v1/system", other_)));
  EXPECT_FALSE(other.contains("log"));
  EXPECT_FALSE(other.contains("services"));
  EXPECT_EQ(other["merged"]["readings"], 1);
  EXPECT_TRUE(other["minutes"].empty());
  EXPECT_EQ(status_of(get("/api/v1/system?what=1", demo_)), 400);
}

TEST_F(SystemTest, ASessionSaysWhereReadingsCanBeSentTo) {
  EXPECT_EQ(body_of(get("/api/v1/session", demo_)),
            R"({"tenant":"demo","mqtt":{"host":"10.0.0.7","port":1884,"username":"sensor"},"ingest":"http://x:9"})");
}

}  // namespace
}  // namespace tributary::api
