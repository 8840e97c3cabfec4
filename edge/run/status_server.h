// SPDX-License-Identifier: Apache-2.0
// StatusServer: the edge's own small HTTP server, for /health, /ready and /metrics: GET and HEAD only, one answer a
// connection, no thread of its own: the event loop serves it between the rest. Everything is bounded: connections,
// bytes of a request, time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/runtime/event_loop.h"
#include "common/runtime/result.h"

namespace tributary::edge {

struct StatusServerConfig {
  bool on = false;
  std::string host = "127.0.0.1";  // an address, IPv4 or IPv6
  uint16_t port = 8082;            // 0: any free one
  int patience_ms = 5'000;         // for a connection, from its beginning to its end
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

// Used by the loop's thread only, or while it does not run.
class StatusServer {
 public:
  using Answer = std::function<HttpAnswer(std::string_view path)>;

  static constexpr size_t kConnectionsMax = 8;  // while all are taken, more wait in the system's queue

  // Listens, and serves while the loop runs; answer is asked by its thread. kInvalid: not an address; kBusy: the port
  // is taken; kIo. The loop must outlive the server.
  static Result<std::unique_ptr<StatusServer>> open(const StatusServerConfig& config, Answer answer,
                                                    runtime::EventLoop& loop);
  ~StatusServer();
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

  uint16_t port() const;

 private:
  struct Impl;
  explicit StatusServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  const std::shared_ptr<Impl> impl_;
};

}  // namespace tributary::edge
