// SPDX-License-Identifier: Apache-2.0
// HttpServer: HTTP/1.1 for bridge and aggregator, on cpp-httplib behind bounds of our own: header bytes, header count,
// body bytes, time for each, connections, waiting requests, streams. A thread of its own (the reactor) reads heads and
// bodies and writes what clients take slowly, so that a dripping connection never holds a worker; a worker sees only
// whole requests; each live stream has a thread of its own, counted separately, so that streams never starve requests.
// /health, /ready and /metrics have a worker of their own, which answers while all others are busy.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/runtime/result.h"

namespace tributary::http {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;  // "GET" for HEAD too: the server leaves the body out
  std::string path;    // percent-decoded
  Fields params;       // of the query, percent-decoded; a name may stand more than once
  Fields headers;      // names in lower case
  std::string body;    // chunked bodies are already joined
  std::string remote;  // "address:port"

  // The first header of this name (lower case), or an empty text.
  std::string_view header(std::string_view name) const;
};

// What a stream writes to. Used by the stream's own thread only.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  // Sends everything; waits for a slow client up to HttpConfig::stream_write_ms_max. False: the client is gone or too
  // slow, or the server stops; the stream must return.
  virtual bool write(std::string_view bytes) = 0;
  // False when the client has gone or the server stops. Cheap; look at it at least once a second.
  virtual bool open() const = 0;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json; charset=utf-8";  // empty: none
  Fields headers;
  std::string body;
  // Set: body is ignored, and after the head this runs on a thread of its own until it returns; then the connection is
  // closed.
  std::function<void(StreamWriter&)> stream;
};

using Handler = std::function<Response(const Request&)>;

struct HttpConfig {
  std::string host = "127.0.0.1";
  uint16_t port = 0;  // 0: any free one
  size_t head_bytes_max = 16 * 1024;
  size_t headers_max = 100;
  size_t body_bytes_max = 1 << 20;
  int head_ms_max = 5'000;           // from the first byte of a request to the end of its head
  int body_ms_max = 15'000;          // from there to the end of its body
  int idle_ms_max = 30'000;          // a connection without a request
  int write_ms_max = 30'000;         // without the client taking any of an answer; twenty times that in all
  int stream_write_ms_max = 10'000;  // for the client to take one write of a stream
  size_t threads = 64;
  // Of them at work at once as long as requests get on; more are woken only while none is taken up. For handlers that
  // compute, a few times the processors: more only take turns, and the slowest answers take longer. 0: all of threads,
  // for handlers that wait for others.
  size_t busy_threads = 0;
  size_t streams_max = 2'200;
  size_t connections_max = 4'096;  // streams included; beyond, who waits longest without a request makes room
  size_t waiting_requests_max = 1'024;
  uint64_t buffered_bytes_max = 128ULL << 20;  // bodies being read and answers being taken, all connections together
};

struct HttpStats {
  std::map<int, uint64_t> responses_total;        // by status
  std::map<std::string, uint64_t> refused_total;  // by reason: "head_too_large", "slow_body", "overload" …
  uint64_t connections_total = 0;
  uint64_t connections = 0, streams = 0, waiting_requests = 0;  // at this moment
};

class HttpServer {
 public:
  // Binds and listens; serves nothing before start(). kBusy: the port is taken; kIo.
  static Result<std::unique_ptr<HttpServer>> open(const HttpConfig& config);
  virtual ~HttpServer() = default;

  // Before start(). pattern: a path, or a prefix that ends in '*'. The longest pattern wins. Handlers run on many
  // threads at once and must not throw. HEAD is answered by the handler of GET. A path known under other methods only
  // is a 405.
  virtual void handle(const std::string& method, const std::string& pattern, Handler handler) = 0;
  // Method and pattern of every handler so far.
  virtual std::vector<std::pair<std::string, std::string>> routes() const = 0;
  // Headers that every response carries unless it has them itself. Before start().
  virtual void default_headers(Fields headers) = 0;
  // Stands between every whole request and its handler (or the 404 and 405 of none), for what all answers share; calls
  // next at most once. Before start().
  using Around = std::function<Response(const Request& request, const Handler& next)>;
  virtual void around(Around around) = 0;
  // Looks at a request that has a body before any of it is read: a response refuses it, and the connection is closed.
  // request: without body and params, path as it was sent, without the query. Otherwise payer may be set to whom the
  // body is charged: one payer's bodies together hold at most half of buffered_bytes_max. Runs in the reactor's thread:
  // it must be short and must not wait. Before start().
  using Admit = std::function<std::optional<Response>(const Request& request, std::string& payer)>;
  virtual void admit(Admit admit) = 0;
  // Called once when stop() begins, so that streams that wait for something else can be woken. Before start().
  virtual void on_stop(std::function<void()> wake) = 0;

  virtual Status start() = 0;
  // Ends idle connections and streams, finishes the requests being handled, joins every thread. Safe to call twice.
  virtual void stop() = 0;

  virtual uint16_t port() const = 0;
  virtual HttpStats stats() const = 0;
};

}  // namespace tributary::http
