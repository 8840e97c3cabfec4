// SPDX-License-Identifier: Apache-2.0
// Claims about connections: who is slow, idle, beyond the limits or not admitted holds up nobody else.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/cloud/http/raw_client.h"
#include "tests/cloud/http/test_server.h"

namespace tributary::http {
namespace {

TEST(Reactor, WhoKeepsAConnectionWithoutARequestMakesRoomForOthers) {
  HttpConfig config;
  config.connections_max = 10;
  Server server(config);
  RawClient busy(server.port());
  busy.send("GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n");
  busy.read_until([](const std::string& seen) { return seen.find("tick") != std::string::npos; });
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 30; ++i) {
    idle.push_back(std::make_unique<RawClient>(server.port()));
    idle.back()->send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_EQ(status_of(idle.back()->read_response()), 200) << i;
  }
  idle.front()->read_to_end();
  EXPECT_TRUE(idle.front()->closed()) << "who waited longest goes first";
  idle.back()->send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(idle.back()->read_response()), 200);
  EXPECT_EQ(server->stats().connections, 10u);
  EXPECT_EQ(server->stats().streams, 1u);
}

// Whether a program lives must be told when it has most to do.
TEST(Reactor, ProbesAreAnsweredWhileAllWorkersAreBusy) {
  HttpConfig config;
  config.threads = 2;
  auto opened = HttpServer::open(config);
  ASSERT_TRUE(opened.ok());
  const auto server = std::move(opened).value();
  std::mutex mutex;
  std::condition_variable changed;
  bool released = false;
  server->handle("GET", "/wait", [&](const Request&) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return released; });
    return Response{.body = "{}"};
  });
  for (const char* path : {"/health", "/ready", "/metrics"}) {
    server->handle("GET", path, [](const Request&) { return Response{.body = "{}"}; });
  }
  ASSERT_TRUE(server->start().ok());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(std::make_unique<RawClient>(server->port()));
    clients.back()->send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  ASSERT_TRUE(soon([&] { return server->stats().waiting_requests == 8; }));
  for (const char* target : {"/health", "/ready?x=1", "/metrics"}) {
    EXPECT_EQ(status_of(ask(server->port(), std::string("GET ") + target + " HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
  }
  {
    std::lock_guard lock(mutex);
    released = true;
  }
  changed.notify_all();
  for (auto& client : clients) EXPECT_EQ(status_of(client->read_response()), 200);
}

TEST(Reactor, WhoIsNotAdmittedIsRefusedBeforeItsBodyIsRead) {
  HttpConfig config;
  config.body_bytes_max = 64 << 20;
  auto opened = HttpServer::open(config);
  ASSERT_TRUE(opened.ok());
  const auto server = std::move(opened).value();
  std::atomic<int> asked{0};
  server->handle("GET", "/echo", [](const Request&) { return Response{.body = "{}"}; });
  server->handle("POST", "/echo", [](const Request& request) { return Response{.body = request.body}; });
  server->admit([&](const Request& request, std::string&) -> std::optional<Response> {
    ++asked;
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/echo");
    EXPECT_EQ(request.body, "");
    if (request.header("x-api-key") == "good") return std::nullopt;
    return Response{.status = 401, .body = "who?"};
  });
  ASSERT_TRUE(server->start().ok());
  RawClient stranger(server->port());
  stranger.send("POST /echo?a=b HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n");  // and none of it
  const std::string refused = stranger.read_response();
  EXPECT_EQ(status_of(refused), 401);
  EXPECT_EQ(body_of(refused), "who?");
  EXPECT_NE(refused.find("Connection: close"), std::string::npos);
  RawClient known(server->port());
  known.send("POST /echo HTTP/1.1\r\nHost: x\r\nX-Api-Key: good\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(status_of(known.read_response()), 100);
  known.send("hi");
  EXPECT_EQ(body_of(known.read_response()), "hi");
  known.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(known.read_response()), 200);
  EXPECT_EQ(asked, 2) << "what has no body costs nothing to read";
  EXPECT_EQ(server->stats().responses_total.at(401), 1u);
}

TEST(Reactor, ListensOnTheLoopbackOfIpv6AndByName) {
  for (const char* host : {"::1", "localhost"}) {
    HttpConfig config;
    config.host = host;
    auto opened = HttpServer::open(config);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_NE((*opened)->port(), 0);
  }
  HttpConfig config;
  config.host = "no.such.host.invalid";
  const auto refused = HttpServer::open(config);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("no.such.host.invalid"), std::string::npos);
}

// A client may end its side after its request: it still gets the answer.
TEST(Reactor, AHalfClosedClientGetsItsAnswer) {
  Server server;
  RawClient client(server.port());
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\noneGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  ::shutdown(client.fd(), SHUT_WR);
  EXPECT_EQ(body_of(client.read_response()), "one");
  EXPECT_EQ(body_of(client.read_response()), "{\"hello\":1}");
  client.read_to_end();
  EXPECT_TRUE(client.closed());
}

TEST(Reactor, StopFinishesTheRequestsThatRun) {
  auto opened = HttpServer::open({});
  ASSERT_TRUE(opened.ok());
  const auto server = std::move(opened).value();
  std::mutex mutex;
  std::condition_variable changed;
  bool running = false, released = false;
  server->handle("GET", "/wait", [&](const Request&) {
    std::unique_lock lock(mutex);
    running = true;
    changed.notify_all();
    changed.wait(lock, [&] { return released; });
    return Response{.body = "done"};
  });
  server->on_stop([&] {
    std::lock_guard lock(mutex);
    released = true;
    changed.notify_all();
  });
  ASSERT_TRUE(server->start().ok());
  RawClient client(server->port());
  client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return running; });
  }
  server->stop();
  EXPECT_EQ(body_of(client.read_response()), "done");
  client.read_to_end();
  EXPECT_TRUE(client.closed());
}

TEST(Reactor, BeyondTheConnectionsItRefusesAndRecovers) {
  HttpConfig config;
  config.connections_max = 10;
  Server server(config);
  {
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 30; ++i) {
      clients.push_back(std::make_unique<RawClient>(server.port()));
      if (i >= 10) continue;
      clients.back()->send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /he");
      EXPECT_EQ(status_of(clients.back()->read_response()), 200);  // the rest of the second request is waited for
    }
    EXPECT_TRUE(soon([&] {
      const auto refused = server->stats().refused_total;
      return refused.contains("too_many_connections") && refused.at("too_many_connections") == 20;
    }));
  }
  EXPECT_TRUE(soon([&] { return server->stats().connections == 0; }));
  EXPECT_EQ(status_of(ask(server.port(), "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
}

TEST(Reactor, DrippingConnectionsHoldNoWorkerAndEndInTime) {
  HttpConfig config;
  config.threads = 2;
  config.head_ms_max = 300;
  config.idle_ms_max = 60'000;
  Server server(config);
  std::vector<std::unique_ptr<RawClient>> dripping;
  for (int i = 0; i < 200; ++i) {
    dripping.push_back(std::make_unique<RawClient>(server.port()));
    dripping.back()->send("GET /hello HT");
  }
  EXPECT_EQ(status_of(ask(server.port(), "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
  for (auto& client : dripping) EXPECT_EQ(status_of(client->read_response()), 408);
  EXPECT_EQ(server->stats().refused_total.at("slow_head"), 200u);
}

TEST(Reactor, ASlowBodyEndsInTime) {
  HttpConfig config;
  config.body_ms_max = 200;
  Server server(config);
  RawClient plain(server.port()), chunked(server.port());
  plain.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1");
  chunked.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n1");
  EXPECT_EQ(status_of(plain.read_response()), 408);
  EXPECT_EQ(status_of(chunked.read_response()), 408);
  EXPECT_EQ(server->stats().refused_total.at("slow_body"), 2u);
}

TEST(Reactor, AClientThatReadsSlowlyHoldsNoWorker) {
  HttpConfig config;
  config.threads = 2;
  config.write_ms_max = 500;
  Server server(config);
  std::vector<std::unique_ptr<RawClient>> lazy;
  for (int i = 0; i < 8; ++i) {
    lazy.push_back(std::make_unique<RawClient>(server.port()));
    lazy.back()->send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  EXPECT_EQ(status_of(ask(server.port(), "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
  RawClient swift(server.port());
  swift.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(body_of(swift.read_response(60'000)).size(), size_t{8} << 20);
  EXPECT_TRUE(soon([&] {
    const auto refused = server->stats().refused_total;
    return refused.contains("slow_reader") && refused.at("slow_reader") == 8;
  }));
}

TEST(Reactor, ThePayerOfManyBodiesLeavesHalfToTheOthers) {
  HttpConfig config;
  config.buffered_bytes_max = 1 << 20;
  auto opened = HttpServer::open(config);
  ASSERT_TRUE(opened.ok());
  const auto server = std::move(opened).value();
  server->handle("POST", "/echo", [](const Request&) { return Response{.body = "{}"}; });
  server->admit([&](const Request& request, std::string& payer) -> std::optional<Response> {
    payer = request.header("x-tenant");
    return std::nullopt;
  });
  ASSERT_TRUE(server->start().ok());
  const auto send = [&](RawClient& client, const std::string& tenant, size_t bytes) {
    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nX-Tenant: " + tenant + "\r\nContent-Length: 300000\r\n\r\n" +
                std::string(bytes, 'x'));
  };
  std::vector<std::unique_ptr<RawClient>> greedy;
  for (int i = 0; i < 2; ++i) {
    greedy.push_back(std::make_unique<RawClient>(server->port()));
    send(*greedy.back(), "greedy", 299'999);  // and then nothing
  }
  // One of the two is refused: together they would hold more than half.
  const auto refused = [&] {
    const auto reasons = server->stats().refused_total;
    const auto found = reasons.find("overload");
    return found == reasons.end() ? uint64_t{0} : found->second;
  };
  for (int i = 0; i < 500 && refused() == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_EQ(refused(), 1u);
  RawClient other(server->port());
  send(other, "other", 300'000);
  EXPECT_EQ(status_of(other.read_response()), 200);
}

}  // namespace
}  // namespace tributary::http
