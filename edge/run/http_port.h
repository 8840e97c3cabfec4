// SPDX-License-Identifier: Apache-2.0
// HttpPort: the edge's own small HTTP server, for /health, /ready and /metrics: GET and HEAD only, one answer a
// connection, no thread of its own: the main loop serves it when its descriptor is readable. Everything is bounded:
// connections, bytes of a request, time.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/runtime/result.h"

namespace tributary::edge {

struct HttpPortConfig {
  bool on = false;
  std::string host = "127.0.0.1";  // an address, IPv4 or IPv6
  uint16_t port = 8082;            // 0: any free one
};

struct HttpAnswer {
  int status = 404;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

inline constexpr size_t kHttpRequestBytesMax = 4096;

// What to send back for these bytes of a request; nothing: more of it is to come. answer is asked for a sound GET or
// HEAD, with the path of its target (without a query). Any bytes are survived.
std::optional<std::string> respond(std::string_view request,
                                   const std::function<HttpAnswer(std::string_view path)>& answer);

// One thread calls everything.
class HttpPort {
 public:
  using Answer = std::function<HttpAnswer(std::string_view path)>;

  // Listens. kInvalid: not an address; kBusy: the port is taken; kIo.
  static Result<std::unique_ptr<HttpPort>> open(const HttpPortConfig& config, Answer answer);
  ~HttpPort();
  HttpPort(const HttpPort&) = delete;
  HttpPort& operator=(const HttpPort&) = delete;

  uint16_t port() const { return port_; }
  // Readable while serve() has something to do.
  int descriptor() const { return epoll_; }
  // Takes, reads, answers and closes what it can without waiting.
  void serve(Instant now);
  // When serve wants to be called although nothing is readable, on the monotonic clock.
  int64_t due_ns() const;

 private:
  static constexpr size_t kConnectionsMax = 8;
  static constexpr int64_t kPatienceNs = 5 * kNanosPerSecond;

  struct Connection {
    int fd = -1;
    int64_t deadline_ns = 0;
    std::string in, out;
    size_t sent = 0;
    bool answered = false;
  };

  explicit HttpPort(Answer answer) : answer_(std::move(answer)) {}
  void accept_all(Instant now);
  void work(Connection& connection);
  void close(Connection& connection);
  void listen_to_new(bool on);

  const Answer answer_;
  int listener_ = -1, epoll_ = -1;
  uint16_t port_ = 0;
  bool listening_ = false;
  std::array<Connection, kConnectionsMax> connections_;
};

}  // namespace tributary::edge
