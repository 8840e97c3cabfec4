// SPDX-License-Identifier: Apache-2.0
// The exporter against a collector that answers as it is told: what comes, what is repeated, what is given up. What the
// bytes say is looked at with another decoder, in tests/e2e/test_otlp.py.
#include "cloud/otlp/exporter.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "cloud/http/server.h"
#include "cloud/render/otlp.h"
#include "common/base/bytes.h"
#include "tests/cloud/api/fake_query.h"
#include "tests/support/temp_dir.h"

namespace tributary::api {
namespace {

constexpr int64_t kNowS = 1'700'000'000;

class OtlpTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = http::HttpServer::open({});
    ASSERT_TRUE(server.ok());
    server_ = std::move(server).value();
    server_->handle("POST", "/v1/metrics", [this](const http::Request& request) {
      std::unique_lock lock(mutex_);
      requests_.push_back(request);
      http::Response answer{.content_type = "application/x-protobuf"};
      if (!answers_.empty()) {
        answer = answers_.front();
        answers_.erase(answers_.begin());
      }
      came_.notify_all();
      while (hold_ && !released_) came_.wait_for(lock, std::chrono::milliseconds(10));
      return answer;
    });
    ASSERT_TRUE(server_->start().ok());
    for (int i = 0; i < 5; ++i) query_.add("demo", "d" + std::to_string(i), "temperature", kNowS - 30, 20 + i);
    query_.add("other", "secret-device", "secret_metric", kNowS - 60, 1);
    config_.origin = "http://127.0.0.1:" + std::to_string(server_->port());
    config_.path = "/v1/metrics";
    config_.tenant = "demo";
    config_.retry_ms = 2;
    config_.interval_ms = 600'000;
    config_.headers = {{"X-Secret", "s3cret"}};
  }
  void TearDown() override {
    exporter_.reset();
    {
      std::lock_guard lock(mutex_);
      released_ = true;
    }
    if (server_) server_->stop();
  }
  void start() {
    exporter_ = std::make_unique<OtlpExporter>(
        config_, OtlpExporter::Dependencies{.query = &query_,
                                            .instance = "aggregator-0",
                                            .now_ns = [] { return kNowS * kNanosPerSecond; },
                                            .say =
                                                [this](const std::string& line) {
                                                  std::lock_guard lock(mutex_);
                                                  said_ += line + "\n";
                                                }});
    exporter_->start();
  }
  template <class Condition>
  bool soon(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
  }
  static http::Response answer(int status, http::Fields headers = {}, std::string body = "") {
    return {.status = status,
            .content_type = "application/x-protobuf",
            .headers = std::move(headers),
            .body = std::move(body)};
  }

  FakeQuery query_;
  OtlpConfig config_;
  std::unique_ptr<http::HttpServer> server_;
  std::unique_ptr<OtlpExporter> exporter_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<http::Request> requests_;
  std::vector<http::Response> answers_;
  std::string said_;
  bool hold_ = false, released_ = false;
};

TEST_F(OtlpTest, ARoundTellsEverySeriesInBoundedRequests) {
  config_.series_at_once = 2;
  start();
  ASSERT_TRUE(soon([&] { return exporter_->facts().told_ns != 0; }));
  ASSERT_EQ(requests_.size(), 3u);
  std::string all;
  for (const auto& request : requests_) {
    EXPECT_EQ(request.header("x-secret"), "s3cret");
    EXPECT_EQ(request.header("content-type"), "application/x-protobuf");
    all += request.body;
  }
  for (int i = 0; i < 5; ++i) EXPECT_NE(all.find("d" + std::to_string(i)), std::string::npos);
  EXPECT_NE(all.find("tributary.readings.temperature"), std::string::npos);
  EXPECT_EQ(all.find("secret"), std::string::npos);
  const auto facts = exporter_->facts();
  EXPECT_TRUE(facts.up);
  EXPECT_EQ(facts.requests_total, 3u);
  EXPECT_EQ(facts.points_total, 5u * 6);
  EXPECT_TRUE(facts.failures_total.empty());
}

TEST_F(OtlpTest, WhatMayPassIsRepeatedWithTheSameBytes) {
  answers_ = {answer(503), answer(429, {{"Retry-After", "0"}}), answer(502), answer(504)};
  start();
  ASSERT_TRUE(soon([&] { return exporter_->facts().told_ns != 0; }));
  ASSERT_EQ(requests_.size(), 5u);
  for (const auto& request : requests_) EXPECT_EQ(request.body, requests_.front().body);
  const auto facts = exporter_->facts();
  EXPECT_EQ(facts.failures_total, (std::map<std::string, uint64_t>{
                                      {"status_429", 1}, {"status_502", 1}, {"status_503", 1}, {"status_504", 1}}));
  EXPECT_EQ(facts.points_total, 30u);
  EXPECT_EQ(said_.find("s3cret"), std::string::npos);
}

TEST_F(OtlpTest, WhatIsRefusedIsNotRepeatedButToldAnewInTheNextRound) {
  answers_ = {answer(400)};
  config_.interval_ms = 200;
  start();
  ASSERT_TRUE(soon([&] { return exporter_->facts().told_ns != 0; }));
  EXPECT_EQ(requests_.size(), 2u);
  EXPECT_EQ(exporter_->facts().failures_total.at("status_400"), 1u);
}

TEST_F(OtlpTest, WhatTheCollectorRejectsIsCounted) {
  // partial_success = 1 { rejected_data_points = 1: 3; error_message = 2: "no" }
  answers_ = {answer(200, {}, std::string("\x0a\x06\x08\x03\x12\x02no", 8))};
  start();
  ASSERT_TRUE(soon([&] { return exporter_->facts().told_ns != 0; }));
  EXPECT_EQ(exporter_->facts().rejected_points_total, 3u);
}

TEST_F(OtlpTest, ADeadCollectorIsSaidOnceAndHoldsUpNoStop) {
  server_.reset();
  start();
  ASSERT_TRUE(soon([&] { return exporter_->facts().failures_total["connect"] > 3; }))
      << exporter_->facts().failures_total.begin()->first;
  EXPECT_FALSE(exporter_->facts().up);
  exporter_->stop();
  EXPECT_EQ(said_, "otlp " + config_.origin + ": not delivered: connect\n");
}

TEST_F(OtlpTest, AStopEndsARequestThatHangs) {
  hold_ = true;
  start();
  {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(came_.wait_for(lock, std::chrono::seconds(10), [&] { return !requests_.empty(); }));
  }
  const auto begin = std::chrono::steady_clock::now();
  exporter_->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST(OtlpConfigTest, WhatIsWrongIsNamedWithoutTellingSecrets) {
  test::TempDir folder;
  std::ofstream(folder.file("headers")) << "Authorization: Bearer s3cret\n\nX-Scope: a b\n";
  std::ofstream(folder.file("broken")) << "s3cret without a colon\n";
  const auto read = [&](const std::string& text, std::string& wrong) {
    auto config = runtime::Config::parse(text, "a.toml");
    EXPECT_TRUE(config.ok());
    const auto all = read_otlp_config(config->root());
    const Status status = config->finish();
    wrong = status ? "" : status.error().message;
    return all;
  };
  std::string wrong;
  const auto good =
      read("[[otlp]]\nendpoint = \"https://c.example:4318\"\ntenant = \"demo\"\nheaders_file = \"" +
               folder.file("headers") + "\"\n[[otlp]]\nendpoint = \"http://[::1]:9/otlp/v1/metrics\"\ntenant = \"b\"\n",
           wrong);
  EXPECT_EQ(wrong, "");
  ASSERT_EQ(good.size(), 2u);
  EXPECT_EQ(good[0].origin, "https://c.example:4318");
  EXPECT_EQ(good[0].path, "/v1/metrics");
  EXPECT_EQ(good[0].headers, (http::Fields{{"Authorization", "Bearer s3cret"}, {"X-Scope", "a b"}}));
  EXPECT_EQ(good[1].origin, "http://[::1]:9");
  EXPECT_EQ(good[1].path, "/otlp/v1/metrics");
  for (const std::string bad : {"ftp://x", "http://", "http:///v1", "http://user:word@x/", "x"}) {
    read("[[otlp]]\nendpoint = \"" + bad + "\"\ntenant = \"demo\"\n", wrong);
    EXPECT_NE(wrong.find("endpoint"), std::string::npos) << bad;
  }
  read("[[otlp]]\nendpoint = \"http://x\"\ntenant = \"demo\"\nheaders_file = \"" + folder.file("broken") + "\"\n",
       wrong);
  EXPECT_NE(wrong.find("line 1 is no header"), std::string::npos) << wrong;
  EXPECT_EQ(wrong.find("s3cret"), std::string::npos);
  read("[[otlp]]\ntenant = \"demo\"\n", wrong);
  EXPECT_NE(wrong.find("endpoint"), std::string::npos);
}

}  // namespace
}  // namespace tributary::api
