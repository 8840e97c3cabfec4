// SPDX-License-Identifier: Apache-2.0
// A server with a handler of each kind, and what its tests ask it with.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "cloud/http/server.h"
#include "tests/cloud/http/raw_client.h"

namespace tributary::http {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class Server {
 public:
  explicit Server(HttpConfig config = {}) {
    auto opened = HttpServer::open(config);
    EXPECT_TRUE(opened.ok());
    server_ = std::move(opened).value();
    server_->handle("GET", "/hello", [](const Request&) { return Response{.body = "{\"hello\":1}"}; });
    server_->handle("POST", "/echo", [](const Request& request) {
      return Response{.content_type = "text/plain", .body = request.body};
    });
    server_->handle("GET", "/params", [](const Request& request) {
      std::string text;
      for (const auto& [name, value] : request.params) text += name + "=" + value + ";";
      return Response{.content_type = "text/plain", .body = text};
    });
    server_->handle("GET", "/big", [](const Request&) {
      return Response{.content_type = "text/plain", .body = std::string(8 << 20, 'x')};
    });
    server_->handle("GET", "/static/*", [](const Request& request) {
      return Response{.content_type = "text/plain", .body = request.path};
    });
    server_->handle("GET", "/ticks", [this](const Request&) {
      Response response;
      response.content_type = "text/event-stream";
      response.stream = [this](StreamWriter& writer) {
        while (writer.write("data: tick\n\n") && writer.open()) {
          std::unique_lock lock(mutex_);
          woken_.wait_for(lock, milliseconds(20), [this] { return stopping_; });
        }
        ++ended_streams;
      };
      return response;
    });
    server_->handle("GET", "/flood", [](const Request&) {
      Response response;
      response.stream = [](StreamWriter& writer) {
        const std::string block(1 << 16, 'f');
        while (writer.write(block)) {
        }
      };
      return response;
    });
    server_->on_stop([this] {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      woken_.notify_all();
    });
    server_->default_headers({{"X-Content-Type-Options", "nosniff"}});
    EXPECT_TRUE(server_->start().ok());
  }
  HttpServer* operator->() { return server_.get(); }
  uint16_t port() const { return server_->port(); }

  std::atomic<int> ended_streams{0};

 private:
  std::mutex mutex_;
  std::condition_variable woken_;
  bool stopping_ = false;
  std::unique_ptr<HttpServer> server_;
};

inline std::string ask(uint16_t port, const std::string& text) {
  RawClient client(port);
  client.send(text);
  return client.read_response();
}

// Waits for what another thread is about to count.
template <class Condition>
bool soon(Condition condition) {
  const auto end = steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace tributary::http
