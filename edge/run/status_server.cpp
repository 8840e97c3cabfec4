// SPDX-License-Identifier: Apache-2.0
// The little of HTTP/1.1 that a scraper needs, on Asio: see status_server.h.
#include "edge/run/status_server.h"

#include <algorithm>
#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <utility>
#include <vector>

namespace tributary::edge {
namespace {

using asio::ip::tcp;

constexpr size_t kUnreadBytesMax = 1 << 20;  // of what a client sends besides
constexpr auto kAcceptPause = std::chrono::milliseconds(50);

struct StatusText {
  int status;
  const char* text;
};
constexpr StatusText kStatusTexts[] = {{200, "OK"},
                                       {400, "Bad Request"},
                                       {404, "Not Found"},
                                       {405, "Method Not Allowed"},
                                       {431, "Request Header Fields Too Large"},
                                       {503, "Service Unavailable"},
                                       {505, "HTTP Version Not Supported"}};

std::string write_answer(const HttpAnswer& answer, bool with_body) {
  const char* text = "Unknown";
  for (const StatusText& one : kStatusTexts) {
    if (one.status == answer.status) text = one.text;
  }
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " " + text +
                    "\r\nContent-Type: " + answer.content_type +
                    "\r\nContent-Length: " + std::to_string(answer.body.size()) +
                    "\r\nConnection: close\r\nCache-Control: no-store\r\n";
  if (answer.status == 405) out += "Allow: GET, HEAD\r\n";
  out += "\r\n";
  if (with_body) out += answer.body;
  return out;
}

std::string refuse(int status, const char* why) {
  return write_answer({status, "text/plain; charset=utf-8", std::string(why) + "\n"}, true);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::optional<std::string> respond(std::string_view request, const StatusServer::Answer& answer) {
  const size_t end = request.find("\r\n\r\n");
  if (end == std::string_view::npos || end + 4 > kHttpRequestBytesMax) {
    if (request.size() >= kHttpRequestBytesMax) return refuse(431, "expected a request of at most 4096 bytes");
    return std::nullopt;
  }
  const std::string_view line = request.substr(0, request.find("\r\n"));
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return refuse(400, "expected METHOD TARGET HTTP/1.1");
  const std::string_view method = line.substr(0, first), version = line.substr(second + 1);
  std::string_view target = line.substr(first + 1, second - first - 1);
  if (!is_token(method) || !is_token(target) || target.front() != '/' || !version.starts_with("HTTP/")) {
    return refuse(400, "expected METHOD TARGET HTTP/1.1");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return refuse(505, "expected HTTP/1.1");
  if (method != "GET" && method != "HEAD") return refuse(405, "expected GET");
  return write_answer(answer(target.substr(0, target.find('?'))), method == "GET");
}

struct StatusServer::Impl : std::enable_shared_from_this<StatusServer::Impl> {
  struct Connection {
    explicit Connection(tcp::socket taken) : socket(std::move(taken)), patience(socket.get_executor()) {}
    tcp::socket socket;
    asio::steady_timer patience;
    std::array<char, 1024> buffer;
    std::string in, out;
  };
  using ConnectionPtr = std::shared_ptr<Connection>;

  Impl(const StatusServerConfig& config_, Answer answer_, asio::io_context& io)
      : config(config_), answer(std::move(answer_)), acceptor(io), pause(io) {}

  // The acceptor has at most one operation under way, and none while all connections are taken.
  void accept_next() {
    if (accepting || connections.size() >= kConnectionsMax || !acceptor.is_open()) return;
    accepting = true;
    acceptor.async_accept([self = shared_from_this()](const asio::error_code& error, tcp::socket socket) {
      self->accepting = false;
      if (!self->acceptor.is_open()) return;
      if (!error) self->take(std::move(socket));
      if (!error) return self->accept_next();
      // Out of descriptors, or a connection that broke before it was taken: never in a circle without a pause.
      self->accepting = true;
      self->pause.expires_after(kAcceptPause);
      self->pause.async_wait([self](const asio::error_code&) {
        self->accepting = false;
        self->accept_next();
      });
    });
  }

  void take(tcp::socket socket) {
    const auto connection = std::make_shared<Connection>(std::move(socket));
    asio::error_code ignored;
    connection->socket.non_blocking(true, ignored);
    connections.push_back(connection);
    connection->patience.expires_after(std::chrono::milliseconds(config.patience_ms));
    connection->patience.async_wait([self = shared_from_this(), connection](const asio::error_code& error) {
      if (!error) self->close(connection);
    });
    read(connection);
  }

  void read(const ConnectionPtr& connection) {
    connection->socket.async_read_some(
        asio::buffer(connection->buffer),
        [self = shared_from_this(), connection](const asio::error_code& error, size_t got) {
          if (error || !connection->socket.is_open()) return self->close(connection);
          connection->in.append(connection->buffer.data(), got);
          auto out = respond(connection->in, self->answer);
          if (!out) return self->read(connection);
          connection->out = std::move(*out);
          self->write(connection);
        });
  }

  void write(const ConnectionPtr& connection) {
    asio::async_write(connection->socket, asio::buffer(connection->out),
                      [self = shared_from_this(), connection](const asio::error_code& error, size_t) {
                        if (!error && connection->socket.is_open()) self->read_away(*connection);
                        self->close(connection);
                      });
  }

  // What is unread when a socket closes would make the system throw the answer away: it is read first, and no more.
  void read_away(Connection& connection) {
    asio::error_code error;
    connection.socket.shutdown(tcp::socket::shutdown_send, error);
    std::array<char, 4096> rest;
    for (size_t all = 0; all < kUnreadBytesMax;) {
      const size_t got = connection.socket.read_some(asio::buffer(rest), error);
      if (error || got == 0) return;
      all += got;
    }
  }

  void close(const ConnectionPtr& connection) {
    asio::error_code ignored;
    connection->socket.close(ignored);
    connection->patience.cancel();
    std::erase(connections, connection);
    accept_next();
  }

  void close_all() {
    asio::error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
    for (const ConnectionPtr& connection : std::exchange(connections, {})) {
      connection->socket.close(ignored);
      connection->patience.cancel();
    }
  }

  const StatusServerConfig config;
  const Answer answer;
  tcp::acceptor acceptor;
  asio::steady_timer pause;
  bool accepting = false;
  std::vector<ConnectionPtr> connections;
};

Result<std::unique_ptr<StatusServer>> StatusServer::open(const StatusServerConfig& config, Answer answer,
                                                         runtime::EventLoop& loop) {
  asio::error_code error;
  const auto address = asio::ip::make_address(config.host, error);
  if (error) {
    return Error{ErrorCode::kInvalid, "http: found host \"" + config.host + "\", expected an address like 127.0.0.1"};
  }
  const tcp::endpoint endpoint(address, config.port);
  const auto impl = std::make_shared<Impl>(config, std::move(answer), loop.context());
  tcp::acceptor& acceptor = impl->acceptor;
  const char* what = "make a socket for";
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) {
    what = "bind to";
    acceptor.bind(endpoint, error);
  }
  if (!error) {
    what = "listen on";
    acceptor.listen(static_cast<int>(kConnectionsMax), error);
  }
  if (error) {
    return Error{error == asio::error::address_in_use ? ErrorCode::kBusy : ErrorCode::kIo,
                 std::string("http: cannot ") + what + " " + config.host + ":" + std::to_string(config.port) + ": " +
                     error.message()};
  }
  impl->accept_next();
  return std::unique_ptr<StatusServer>(new StatusServer(impl));
}

StatusServer::~StatusServer() { impl_->close_all(); }

uint16_t StatusServer::port() const {
  asio::error_code error;
  return impl_->acceptor.local_endpoint(error).port();
}

}  // namespace tributary::edge
