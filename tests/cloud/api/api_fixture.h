// SPDX-License-Identifier: Apache-2.0
// ApiTest: the endpoints over real sockets and a fake Query.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cloud/api/api.h"
#include "cloud/query/question/system.h"
#include "common/runtime/sha256.h"
#include "tests/cloud/api/fake_query.h"
#include "tests/cloud/http/raw_client.h"

namespace tributary::api {

using http::body_of;
using http::RawClient;
using http::status_of;
using Json = nlohmann::json;

inline constexpr int64_t kNowS = 1'700'000'000;

class ApiTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::temp_directory_path() / ("tributary-api-" + std::to_string(::getpid()));
    std::filesystem::create_directories(dir_ / "page/assets");
    write("page/index.html", "<!doctype html><title>t</title>");
    write("page/assets/index-a1b2c3d4e5.js", "export {}");
    write("page/assets/large-a1b2c3d4e5.js", std::string(20'000, 'a'));
    write("page/favicon.svg", "<svg/>");
    demo_ = make_key();
    other_ = make_key();
    keys_.keys = {{"demo", runtime::sha256_hex(demo_), "", ""}, {"other", runtime::sha256_hex(other_), "", ""}};
    keys_.session_secret = runtime::random_hex(32);
    ASSERT_TRUE(write_keys_file((dir_ / "keys.json").string(), keys_).ok());
    auth_ = std::make_unique<Auth>((dir_ / "keys.json").string());
    ApiConfig config{
        .dashboard_dir = (dir_ / "page").string(), .rows_max = 100, .keep_alive_ms = 200, .coalesce_ms = 1};
    config.delivery = {.cors_origins = {"https://app.example"}, .gzip_bytes_min = 10'000};
    auto api =
        Api::make(config, {.query = &query_,
                           .auth = auth_.get(),
                           .now_ns = [] { return kNowS * kNanosPerSecond; },
                           .trouble = [this] { return trouble_; },
                           .metrics = [](Exposition& text) { text.gauge("tributary_test", "A test.").sample(1.5); },
                           .members = [](const std::string&, int64_t) -> std::vector<query::SystemMember> {
                             return {{.part = query::SystemPart{}}};
                           }});
    ASSERT_TRUE(api.ok());
    api_ = std::move(api).value();
    auto server = http::HttpServer::open({});
    ASSERT_TRUE(server.ok());
    server_ = std::move(server).value();
    api_->attach(*server_);
    ASSERT_TRUE(server_->start().ok());
    for (int i = 0; i < 60; ++i) {
      query_.add("demo", "a", "temperature", kNowS - 600 + i * 10, 20 + i * 0.1);
      query_.add("demo", "b", "temperature", kNowS - 600 + i * 10, 30);
    }
    query_.add("other", "secret-device", "secret_metric", kNowS - 60, 1);
  }
  void TearDown() override {
    server_->stop();
    std::filesystem::remove_all(dir_);
  }
  void write(const std::string& name, const std::string& text) { std::ofstream(dir_ / name, std::ios::binary) << text; }

  std::string get(const std::string& target, const std::string& headers = "", bool key = true) {
    RawClient client(server_->port());
    client.send("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + (key ? "X-API-Key: " + demo_ + "\r\n" : "") + headers +
                "\r\n");
    return client.read_response();
  }
  Json ask(const std::string& target, int status = 200) {
    const std::string response = get(target);
    EXPECT_EQ(status_of(response), status) << target << "\n" << response;
    return Json::parse(body_of(response), nullptr, false);
  }
  // The stream's bytes until a text has come.
  static bool await(RawClient& client, const std::string& text, int timeout_ms = 5000) {
    client.read_until([&](const std::string& seen) { return seen.find(text) != std::string::npos; }, timeout_ms);
    return client.seen().find(text) != std::string::npos;
  }
  void open_stream(RawClient& client, const std::string& parameters, const std::string& headers = "") {
    client.send("GET /api/v1/stream" + parameters + " HTTP/1.1\r\nHost: x\r\nX-API-Key: " + demo_ + "\r\n" + headers +
                "\r\n");
    ASSERT_TRUE(await(client, "event: hello\n"));
  }
  void tell(const std::string& device, const std::string& metric, double value) {
    query_.add("demo", device, metric, kNowS, value);
    api_->changed();
  }

  std::filesystem::path dir_;
  std::string demo_, other_, trouble_;
  KeysFile keys_;
  FakeQuery query_;
  std::unique_ptr<Auth> auth_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<http::HttpServer> server_;
};

}  // namespace tributary::api
