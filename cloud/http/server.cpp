// SPDX-License-Identifier: Apache-2.0
// HttpServer, see server.h: the routes, and what connects reactor, workers and streams.
//
//   accept ─▶ reactor: head, body ─▶ queue ─▶ worker: handler ─▶ one send ─▶ back to the reactor (rest of the answer,
//   next request)
//                                                  └─▶ stream: a thread of its own until it ends
#include "cloud/http/server.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include "cloud/http/codec.h"
#include "cloud/http/connection.h"
#include "cloud/http/counters.h"
#include "cloud/http/problem.h"
#include "cloud/http/reactor.h"
#include "cloud/http/streams.h"
#include "cloud/http/workers.h"
#include "common/base/check.h"

namespace tributary::http {
namespace {

// Who asks whether the program lives is answered also while all workers are busy.
constexpr size_t kProbesWaitingMax = 64;

bool is_probe(std::string_view target) {
  target = target.substr(0, target.find('?'));
  return target == "/health" || target == "/ready" || target == "/metrics";
}

struct Route {
  std::string method, pattern;
  bool prefix = false;
  Handler handler;
};

size_t busy_max(const HttpConfig& config) {
  return config.busy_threads == 0 ? config.threads : std::min(config.busy_threads, config.threads);
}

class HttpServerImpl final : public HttpServer {
 public:
  explicit HttpServerImpl(const HttpConfig& config)
      : config_(config),
        reactor_(config, counters_),
        workers_(config.threads, busy_max(config), config.waiting_requests_max),
        probe_worker_(1, 1, kProbesWaitingMax),
        streams_(reactor_.io(), config.streams_max, config.stream_write_ms_max) {}
  ~HttpServerImpl() override { stop(); }

  Status listen() { return reactor_.listen(); }

  void handle(const std::string& method, const std::string& pattern, Handler handler) override {
    const bool prefix = pattern.ends_with('*');
    routes_.push_back({method, prefix ? pattern.substr(0, pattern.size() - 1) : pattern, prefix, std::move(handler)});
  }
  std::vector<std::pair<std::string, std::string>> routes() const override {
    std::vector<std::pair<std::string, std::string>> all;
    for (const Route& route : routes_) all.emplace_back(route.method, route.pattern + (route.prefix ? "*" : ""));
    return all;
  }
  void default_headers(Fields headers) override { default_headers_ = std::move(headers); }
  void around(Around around) override { around_ = std::move(around); }
  void admit(Admit admit) override { admit_ = std::move(admit); }
  void on_stop(std::function<void()> wake) override { wakers_.push_back(std::move(wake)); }
  uint16_t port() const override { return reactor_.port(); }

  Status start() override;
  void stop() override;
  HttpStats stats() const override;

 private:
  // The workers.
  Workers::Serve worker();
  Response route(const Request& request) const;
  void serve(HttpCodec& codec, const Handler& handler, ConnectionPtr connection);
  void start_stream(ConnectionPtr connection, std::function<void(StreamWriter&)> stream, std::string head);

  const HttpConfig config_;
  std::vector<Route> routes_;
  Fields default_headers_;
  Around around_;
  Admit admit_;
  std::vector<std::function<void()>> wakers_;
  bool started_ = false, stopped_ = false;
  std::atomic<bool> stopping_{false};

  Counters counters_;
  Reactor reactor_;  // before what holds connections: their sockets are its own
  Workers workers_, probe_worker_;
  HttpStreams streams_;
};

Status HttpServerImpl::start() {
  CHECK(!started_);
  std::stable_sort(routes_.begin(), routes_.end(), [](const Route& a, const Route& b) {
    return a.prefix != b.prefix ? !a.prefix : a.pattern.size() > b.pattern.size();
  });
  started_ = true;
  workers_.start([this] { return worker(); });
  probe_worker_.start([this] { return worker(); });
  auto offer = [this](ConnectionPtr& request) {
    return (is_probe(request->head.target) ? probe_worker_ : workers_).offer(request);
  };
  reactor_.start({.offer = offer,
                  .wake_if_stuck = [this] { return workers_.wake_if_stuck(); },
                  .swept = [this] { streams_.reap(); },
                  .admit = admit_},
                 default_headers_);
  return {};
}

void HttpServerImpl::stop() {
  if (stopped_) return;
  stopped_ = true;
  if (!started_) return;
  stopping_ = true;
  reactor_.refuse_new();
  for (const auto& wake_others : wakers_) wake_others();
  workers_.stop();  // they finish what is queued
  probe_worker_.stop();
  streams_.stop();
  reactor_.stop();
}

HttpStats HttpServerImpl::stats() const {
  HttpStats stats;
  counters_.tell(stats);
  stats.streams = streams_.count();
  stats.waiting_requests = workers_.waiting() + probe_worker_.waiting();
  return stats;
}

// One codec a thread.
Workers::Serve HttpServerImpl::worker() {
  Handler handler = [this](const Request& request) { return route(request); };
  if (around_) {
    handler = [this, inner = std::move(handler)](const Request& request) { return around_(request, inner); };
  }
  return [this, codec = std::make_shared<HttpCodec>(default_headers_, config_.idle_ms_max / 1000),
          handler](ConnectionPtr connection) { serve(*codec, handler, std::move(connection)); };
}

Response HttpServerImpl::route(const Request& request) const {
  std::string allowed;
  for (const auto& route : routes_) {
    if (route.prefix ? !request.path.starts_with(route.pattern) : request.path != route.pattern) continue;
    if (route.method == request.method) return route.handler(request);
    if (!route.prefix)
      allowed.append(allowed.empty() ? "" : ", ").append(route.method == "GET" ? "GET, HEAD" : route.method);
  }
  if (allowed.empty()) return problem_response({.status = 404, .detail = "There is nothing here."});
  Response response = problem_response(
      {.status = 405, .detail = "The method does not fit.", .found = request.method, .expected = allowed});
  response.headers.emplace_back("Allow", allowed);
  return response;
}

void HttpServerImpl::serve(HttpCodec& codec, const Handler& handler, ConnectionPtr connection) {
  const bool keep_alive = connection->head.keep_alive && !stopping_;
  HttpCodec::Answer answer =
      codec.answer(connection->head, std::move(connection->body), connection->remote, keep_alive, handler);
  connection->body = {};
  if (answer.stream) return start_stream(std::move(connection), std::move(answer.stream), std::move(answer.bytes));
  counters_.response(answer.status);
  connection->close_after = !keep_alive;
  connection->out = std::move(answer.bytes);
  connection->out_at = 0;
  if (!connection->send_some()) {
    connection->out.clear();
    connection->close_after = true;
  }
  reactor_.give_back(std::move(connection));
}

void HttpServerImpl::start_stream(ConnectionPtr connection, std::function<void(StreamWriter&)> stream,
                                  std::string head) {
  // What the request took is given back for the time of the stream.
  connection->head = {};
  connection->in = {};
  if (streams_.start(connection, std::move(head), std::move(stream), [this] { --counters_.open_connections; }))
    return counters_.response(200);
  counters_.refused("too_many_streams");
  counters_.response(503);
  Response response = problem_response({.status = 503,
                                        .detail = "There are too many live streams at this moment; try again.",
                                        .found = std::to_string(config_.streams_max) + " streams",
                                        .expected = "fewer than " + std::to_string(config_.streams_max),
                                        .retry_after_s = 10});
  connection->out = serialize_head(response, default_headers_) + response.body;
  connection->close_after = true;
  reactor_.give_back(std::move(connection));
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::open(const HttpConfig& config) {
  auto server = std::make_unique<HttpServerImpl>(config);
  if (Status listening = server->listen(); !listening) return listening.error();
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace tributary::http
