// SPDX-License-Identifier: Apache-2.0
// Claims about the edge's status server: what it answers, and that nobody can hold it up.
#include "edge/run/status_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "common/runtime/program.h"
#include "edge/run/edge_http.h"
#include "edge/run/recovery_watch.h"
#include "tests/support/fake_gateway.h"

namespace tributary::edge {
namespace {

HttpAnswer echo(std::string_view path) { return {200, "text/plain", std::string(path)}; }

std::string status_of(const std::optional<std::string>& answer) {
  return answer ? answer->substr(0, answer->find('\r')) : "nothing yet";
}

TEST(Respond, AnswersGetAndHeadWithoutTheQuery) {
  const auto got = respond("GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n", echo);
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->starts_with("HTTP/1.1 200 OK\r\n")) << *got;
  EXPECT_TRUE(got->ends_with("\r\n\r\n/metrics")) << *got;
  EXPECT_NE(got->find("Content-Length: 8\r\n"), std::string::npos);
  const auto head = respond("HEAD /metrics HTTP/1.0\r\n\r\n", echo);
  ASSERT_TRUE(head);
  EXPECT_TRUE(head->ends_with("\r\n\r\n")) << *head;
  EXPECT_NE(head->find("Content-Length: 8\r\n"), std::string::npos);
}

TEST(Respond, WaitsForTheWholeHeadAndRefusesWhatIsNoRequest) {
  const std::string whole = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_FALSE(respond(whole.substr(0, size), echo)) << size;
  EXPECT_EQ(status_of(respond("POST / HTTP/1.1\r\n\r\n", echo)), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_EQ(status_of(respond("GET / HTTP/2.0\r\n\r\n", echo)), "HTTP/1.1 505 HTTP Version Not Supported");
  for (const char* bad : {"\r\n\r\n", "GET /\r\n\r\n", "GET  HTTP/1.1\r\n\r\n", "GET x HTTP/1.1\r\n\r\n",
                          " / HTTP/1.1\r\n\r\n", "GET /\x01 HTTP/1.1\r\n\r\n", "GET / XTTP/1.1\r\n\r\n"}) {
    EXPECT_EQ(status_of(respond(bad, echo)), "HTTP/1.1 400 Bad Request") << bad;
  }
  EXPECT_EQ(status_of(respond(std::string(kHttpRequestBytesMax, 'a'), echo)),
            "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST(EdgeAnswer, ReadinessFollowsTheDiskAndNotTheUplink) {
  test::FakeGateway gateway;
  runtime::Recoveries recoveries(recovery_kinds());
  EXPECT_EQ(edge_answer("/health", gateway, {false, 1, 2}, recoveries).status, 200);
  EXPECT_EQ(edge_answer("/ready", gateway, {false, 1, 2}, recoveries).status, 200);
  gateway.now.write_failing = true;
  const HttpAnswer ready = edge_answer("/ready", gateway, {true, 1, 2}, recoveries);
  EXPECT_EQ(ready.status, 503);
  EXPECT_NE(ready.body.find("cannot be written"), std::string::npos) << ready.body;
  EXPECT_NE(ready.body.find(R"("sources":{"listening":1,"of":2})"), std::string::npos) << ready.body;
  const std::string metrics = edge_answer("/metrics", gateway, {true, 1, 2}, recoveries).body;
  EXPECT_NE(metrics.find("tributary_edge_write_failing 1\n"), std::string::npos) << metrics;
  for (const std::string& kind : recovery_kinds()) {
    EXPECT_NE(metrics.find("tributary_recoveries_total{kind=\"" + kind + "\"} 0\n"), std::string::npos) << metrics;
  }
  EXPECT_EQ(edge_answer("/", gateway, {true, 1, 2}, recoveries).status, 404);
}

class Client {
 public:
  explicit Client(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { ::close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  void send(std::string_view text) const {
    EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // Reads until the server closes.
  std::string receive() const {
    std::string all;
    char buffer[4096];
    for (;;) {
      const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
      if (got == 0) return all;
      if (got < 0) return all + "(reset)";
      all.append(buffer, static_cast<size_t>(got));
    }
  }

 private:
  int fd_;
};

// A server on a loop that a thread runs.
class Served {
 public:
  explicit Served(StatusServer::Answer answer, StatusServerConfig config = {.on = true, .port = 0}) {
    auto opened = StatusServer::open(config, std::move(answer), loop_);
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    server_ = std::move(opened.value());
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~Served() {
    loop_.stop();
    thread_.join();
  }
  uint16_t port() const { return server_->port(); }

 private:
  runtime::EventLoop loop_;
  std::unique_ptr<StatusServer> server_;
  std::thread thread_;
};

TEST(StatusServer, AnswersInPiecesAndAnswersLargerThanASocketsBuffer) {
  const std::string large(8 << 20, 'x');
  const Served server([&](std::string_view) { return HttpAnswer{200, "text/plain", large}; });
  const Client client(server.port());
  for (const char c : std::string_view("GET / HTTP/1.1\r\n\r\n")) client.send(std::string_view(&c, 1));
  const std::string got = client.receive();
  EXPECT_EQ(got.size() - got.find("\r\n\r\n") - 4, large.size());
  // What a client sends besides does not cost it the answer.
  const Client chatty(server.port());
  chatty.send("POST / HTTP/1.1\r\nContent-Length: 50000\r\n\r\n" + std::string(50'000, 'b'));
  EXPECT_EQ(chatty.receive().substr(0, 12), "HTTP/1.1 405");
}

TEST(StatusServer, ClientsThatSayOrReadNothingAreClosedAndOthersWaitNoLonger) {
  const std::string large(32 << 20, 'x');
  const auto answer = [&](std::string_view path) { return path == "/large" ? HttpAnswer{200, "", large} : echo(path); };
  const Served server(answer, {.on = true, .port = 0, .patience_ms = 300});
  std::vector<std::unique_ptr<Client>> silent, lazy;
  const auto began = std::chrono::steady_clock::now();
  for (size_t i = 0; i < StatusServer::kConnectionsMax; ++i) {
    auto& kind = i % 2 == 0 ? silent : lazy;
    kind.push_back(std::make_unique<Client>(server.port()));
    if (i % 2 != 0) kind.back()->send("GET /large HTTP/1.1\r\n\r\n");
  }
  const Client ninth(server.port());
  ninth.send("GET /ninth HTTP/1.1\r\n\r\n");
  EXPECT_NE(ninth.receive().find("/ninth"), std::string::npos);
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(300)) << "all places were taken";
  for (const auto& client : silent) EXPECT_EQ(client->receive(), "");
  for (const auto& client : lazy) EXPECT_LT(client->receive().size(), large.size());
}

TEST(StatusServer, ListensOnTheLoopbackOfIpv6) {
  runtime::EventLoop loop;
  auto opened = StatusServer::open({.on = true, .host = "::1", .port = 0}, echo, loop);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  const int fd = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons((*opened)->port());
  address.sin6_addr = in6addr_loopback;
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
}

TEST(StatusServer, SaysWhatIsWrongWithItsAddress) {
  runtime::EventLoop loop;
  const auto wrong = StatusServer::open({.on = true, .host = "localhost.invalid", .port = 0}, echo, loop);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code, ErrorCode::kInvalid);
  auto opened = StatusServer::open({.on = true, .port = 0}, echo, loop);
  ASSERT_TRUE(opened.ok());
  const auto taken = StatusServer::open({.on = true, .port = (*opened)->port()}, echo, loop);
  ASSERT_FALSE(taken.ok());
  EXPECT_EQ(taken.error().code, ErrorCode::kBusy) << taken.error().message;
}

}  // namespace
}  // namespace tributary::edge
