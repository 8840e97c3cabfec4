// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/system: parts of several aggregators add up, who tells none is named, the service is for operators.
#include "cloud/query/question/system.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "cloud/api/api.h"
#include "common/runtime/sha256.h"
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
    const query::ServiceInfo service{.service = "aggregator 0",
                                     .version = "1.2.3",
                                     .durability = "power",
                                     .started_ns = (kNowS - 60) * kNanosPerSecond,
                                     .memory_bytes = 1000,
                                     .records = 3,
                                     .partials = 4,
                                     .partitions = {{.partition = 2, .position = 5, .end = 9}}};
    const query::SystemPart one{.readings = 7,
                                .since_ns = (kNowS - 500) * kNanosPerSecond,
                                .minutes = {{.start_s = kNowS, .messages = 1, .delays = {{36, 1}}}},
                                .service = service};
    const query::SystemPart two{
        .readings = 5,
        .since_ns = (kNowS - 900) * kNanosPerSecond,
        .minutes = {{.start_s = kNowS, .messages = 2, .posts = 4, .delays = {{5, 2}, {36, 3}}}}};
    members_["demo"] = {{.ordinal = 0, .partitions = {2}, .part = one}, {.ordinal = 1, .partitions = {3}, .part = two}};
    members_["other"] = {
        {.ordinal = 0, .partitions = {2}, .part = query::SystemPart{.readings = 1, .service = service}},
        {.ordinal = 1, .partitions = {3}, .absence = query::kOtherVersion}};
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
                                  .members = [this](const std::string& tenant, int64_t) { return members_[tenant]; }});
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
  std::map<std::string, std::vector<query::SystemMember>> members_;
  std::unique_ptr<Auth> auth_;
  std::unique_ptr<http::HttpServer> server_;
  std::unique_ptr<Api> api_;
};

TEST_F(SystemTest, WhatSeveralToldIsAddedUp) {
  const Json answer = Json::parse(body_of(get("/api/v1/system", demo_)));
  EXPECT_EQ(answer["merged"]["readings"], 12);
  EXPECT_EQ(answer["merged"]["since"], "2023-11-14T21:59:00Z");
  EXPECT_EQ(answer["delay_buckets"]["per_octave"], 4);
  ASSERT_EQ(answer["minutes"].size(), 1u);
  EXPECT_EQ(answer["minutes"][0]["messages"], 3);
  EXPECT_EQ(answer["minutes"][0]["posts"], 4);
  EXPECT_EQ(answer["minutes"][0]["delays"], Json::parse("[[5,2],[36,4]]"));
  EXPECT_FALSE(answer.contains("partitions"));
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
  EXPECT_EQ(other["partitions"], Json::parse(R"({"expected":2,"answered":1,"missing":[3]})"));
  EXPECT_EQ(status_of(get("/api/v1/system?what=1", demo_)), 400);
}

TEST_F(SystemTest, ASessionSaysWhereReadingsCanBeSentTo) {
  EXPECT_EQ(body_of(get("/api/v1/session", demo_)),
            R"({"tenant":"demo","mqtt":{"host":"10.0.0.7","port":1884,"username":"sensor"},"ingest":"http://x:9"})");
}

}  // namespace
}  // namespace tributary::api
