// SPDX-License-Identifier: Apache-2.0
// HttpServer, see http_server.h: the reactor, the workers and the streams.
//
//   accept ─▶ reactor: head, body ─▶ queue ─▶ worker: handler ─▶ one send ─▶ back to the reactor (rest of the answer,
//   next request)
//                                                  └─▶ stream: a thread of its own until it ends
#include "cloud/http/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "cloud/http/codec.h"
#include "cloud/http/connection.h"
#include "cloud/http/problem.h"
#include "cloud/http/streams.h"

namespace tributary::http {
namespace {

constexpr int kSweepMs = 100;       // how often deadlines are looked at
constexpr int kStuckMs = 5;         // no request taken up for so long while some wait: one more worker
constexpr int kDrainMsMax = 2'000;  // for a refused client to stop sending
constexpr uint64_t kDrainBytesMax = 4ULL << 20;

std::string name_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  uint16_t port = 0;
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
    port = ntohs(v4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
    port = ntohs(v6.sin6_port);
  }
  return std::string(text) + ":" + std::to_string(port);
}

struct Route {
  std::string method, pattern;
  bool prefix = false;
  Handler handler;
};

using ConnectionPtr = std::unique_ptr<Connection>;

class HttpServerImpl final : public HttpServer {
 public:
  HttpServerImpl(const HttpConfig& config, int listener, uint16_t port)
      : config_(config),
        busy_max_(config.busy_threads == 0 ? config.threads : std::min(config.busy_threads, config.threads)),
        listener_(listener),
        port_(port),
        streams_(config.streams_max, config.stream_write_ms_max) {}
  ~HttpServerImpl() override {
    stop();
    if (listener_ >= 0) ::close(listener_);
  }

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
  void on_stop(std::function<void()> wake) override { wakers_.push_back(std::move(wake)); }
  uint16_t port() const override { return port_; }

  Status start() override;
  void stop() override;
  HttpStats stats() const override;

 private:
  // The reactor; all of these run on its thread.
  void reactor();
  void accept_all();
  void on_event(int fd, uint32_t events);
  void take(ConnectionPtr connection);   // from a worker, or new
  void proceed(Connection& connection);  // looks for a whole request in what was read
  void refuse(Connection& connection, const Refusal& why);
  void dispatch(Connection& connection);
  bool wake_if_stuck();
  void flush(Connection& connection);
  void sweep();
  void drop(Connection& connection) { drop(connection.fd); }
  void drop(int fd);
  ConnectionPtr detach(int fd);
  void watch(Connection& connection);
  bool within_budget(Connection& connection);

  // The workers.
  void worker();
  Response route(const Request& request) const;
  void serve(HttpCodec& codec, const Handler& handler, ConnectionPtr connection);
  void start_stream(ConnectionPtr connection, std::function<void(StreamWriter&)> stream, std::string head);
  void give_back(ConnectionPtr connection);

  void wake() const {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof(one));
  }
  void count_refused(const std::string& reason) {
    std::lock_guard lock(stats_mutex_);
    ++refused_total_[reason];
  }
  void count_response(int status) {
    std::lock_guard lock(stats_mutex_);
    ++responses_total_[status];
  }

  const HttpConfig config_;
  const size_t busy_max_;
  const int listener_;
  const uint16_t port_;
  std::vector<Route> routes_;
  Fields default_headers_;
  Around around_;
  std::vector<std::function<void()>> wakers_;

  int epoll_fd_ = -1, wake_fd_ = -1;
  std::thread reactor_thread_;
  std::vector<std::thread> workers_;
  bool started_ = false, stopped_ = false;
  std::atomic<bool> stopping_{false}, reactor_stop_{false};

  std::unordered_map<int, ConnectionPtr> connections_;  // the reactor's own
  uint64_t buffered_bytes_ = 0;                         // the reactor's own
  std::atomic<uint64_t> open_connections_{0};           // with those at workers and streams

  mutable std::mutex queue_mutex_;
  std::condition_variable queue_ready_;
  std::deque<ConnectionPtr> queue_;      // whole requests
  std::vector<ConnectionPtr> returned_;  // answered, on their way to the reactor
  bool workers_stop_ = false;
  size_t busy_ = 0;       // workers at work; at least one if a request waits, or one is woken
  size_t woken_ = 0;      // of those who wait for a request, how many are to begin
  uint64_t taken_ = 0;    // requests taken up by workers
  int64_t taken_ms_ = 0;  // when the last one was, or a worker was woken for one

  HttpStreams streams_;

  mutable std::mutex stats_mutex_;
  std::map<int, uint64_t> responses_total_;
  std::map<std::string, uint64_t> refused_total_;
  uint64_t connections_total_ = 0;
};

Status HttpServerImpl::start() {
  CHECK(!started_);
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (epoll_fd_ < 0 || wake_fd_ < 0)
    return Error{ErrorCode::kIo, std::string("cannot start the HTTP server: ") + std::strerror(errno)};
  for (int fd : {listener_, wake_fd_}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) {
      return Error{ErrorCode::kIo, std::string("cannot start the HTTP server: ") + std::strerror(errno)};
    }
  }
  std::stable_sort(routes_.begin(), routes_.end(), [](const Route& a, const Route& b) {
    return a.prefix != b.prefix ? !a.prefix : a.pattern.size() > b.pattern.size();
  });
  started_ = true;
  reactor_thread_ = std::thread([this] { reactor(); });
  for (size_t i = 0; i < config_.threads; ++i) workers_.emplace_back([this] { worker(); });
  return {};
}

void HttpServerImpl::stop() {
  if (stopped_) return;
  stopped_ = true;
  if (started_) {
    stopping_ = true;
    for (const auto& wake_others : wakers_) wake_others();
    {
      std::lock_guard lock(queue_mutex_);
      workers_stop_ = true;
    }
    queue_ready_.notify_all();
    for (auto& thread : workers_) thread.join();  // they finish what is queued
    streams_.stop();
    reactor_stop_ = true;
    wake();
    reactor_thread_.join();
  }
  queue_.clear();
  returned_.clear();
  connections_.clear();
  if (epoll_fd_ >= 0) ::close(epoll_fd_);
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

HttpStats HttpServerImpl::stats() const {
  HttpStats stats;
  {
    std::lock_guard lock(stats_mutex_);
    stats.responses_total = responses_total_;
    stats.refused_total = refused_total_;
    stats.connections_total = connections_total_;
  }
  stats.connections = open_connections_;
  stats.streams = streams_.count();
  std::lock_guard lock(queue_mutex_);
  stats.waiting_requests = queue_.size();
  return stats;
}

// ---- the reactor

void HttpServerImpl::reactor() {
  std::vector<epoll_event> events(256);
  int64_t sweep_ms = mono_ms() + kSweepMs;
  int wait_ms = kSweepMs;
  while (!reactor_stop_) {
    const int count = epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), wait_ms);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == listener_) {
        accept_all();
      } else if (fd == wake_fd_) {
        uint64_t ignored = 0;
        [[maybe_unused]] const ssize_t got = ::read(wake_fd_, &ignored, sizeof(ignored));
      } else {
        on_event(fd, events[static_cast<size_t>(i)].events);
      }
    }
    std::vector<ConnectionPtr> back;
    {
      std::lock_guard lock(queue_mutex_);
      back.swap(returned_);
    }
    for (auto& connection : back) take(std::move(connection));
    wait_ms = wake_if_stuck() ? kStuckMs : kSweepMs;
    if (mono_ms() >= sweep_ms) {
      sweep();
      streams_.reap();
      sweep_ms = mono_ms() + kSweepMs;
    }
  }
}

void HttpServerImpl::accept_all() {
  for (int i = 0; i < 64; ++i) {  // the rest in the next round, so that a flood of connections does not stop reading
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    const int fd = accept4(listener_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return;
      if (errno == EMFILE || errno == ENFILE) {
        count_refused("no_descriptors");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));  // the listener stays readable: do not spin
        return;
      }
      continue;  // a connection that broke before it was taken
    }
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    {
      std::lock_guard lock(stats_mutex_);
      ++connections_total_;
    }
    if (stopping_ || open_connections_ >= config_.connections_max) {
      if (!stopping_) count_refused("too_many_connections");
      ::close(fd);
      continue;
    }
    ++open_connections_;
    take(std::make_unique<Connection>(fd, name_of(address)));
  }
}

void HttpServerImpl::watch(Connection& connection) {
  epoll_event event{};
  event.events = connection.phase == Connection::Phase::kWrite ? EPOLLOUT : EPOLLIN;
  event.data.fd = connection.fd;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, connection.fd, &event) != 0 && errno == ENOENT) {
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, connection.fd, &event);
  }
}

void HttpServerImpl::take(ConnectionPtr owned) {
  Connection& connection = *owned;
  connections_[connection.fd] = std::move(owned);
  if (!connection.out.empty()) {
    connection.phase = Connection::Phase::kWrite;
    connection.deadline_ms = mono_ms() + config_.write_ms_max;
    connection.out_deadline_ms = mono_ms() + int64_t{20} * config_.write_ms_max;
    connection.taken_before = connection.taken_bytes();
    if (!within_budget(connection)) return drop(connection);
    return watch(connection);
  }
  if (connection.close_after || stopping_) return drop(connection);
  connection.phase = Connection::Phase::kIdle;
  connection.deadline_ms = mono_ms() + config_.idle_ms_max;
  watch(connection);
  if (!connection.in.empty()) proceed(connection);  // the next request came along with the last one
}

void HttpServerImpl::on_event(int fd, uint32_t events) {
  const auto found = connections_.find(fd);
  if (found == connections_.end()) return;
  Connection& connection = *found->second;
  if (connection.phase == Connection::Phase::kWrite) return flush(connection);
  if (!connection.receive() || (events & EPOLLERR) != 0) return drop(connection);
  if (connection.phase == Connection::Phase::kDrain) {
    connection.drained_bytes += connection.in.size();
    connection.in.clear();
    if (connection.drained_bytes > kDrainBytesMax) drop(connection);
    return;
  }
  proceed(connection);
}

void HttpServerImpl::proceed(Connection& connection) {
  switch (connection.advance(config_, mono_ms())) {
    case Connection::Progress::kRefused:
      return refuse(connection, connection.refusal);
    case Connection::Progress::kReady:
      return dispatch(connection);
    case Connection::Progress::kMore:
      break;
  }
  if (!within_budget(connection)) {
    return refuse(connection, {503, "overload", "The server holds too many bodies at this moment; try again.", {}, {}});
  }
  if (connection.continue_due) {
    connection.continue_due = false;
    // Small enough for any socket buffer; a client that has none left for it is broken anyway.
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    if (::send(connection.fd, kContinue.data(), kContinue.size(), MSG_NOSIGNAL) > 0)
      connection.sent_bytes += kContinue.size();
  }
}

// What the connection holds counts against one budget for all.
bool HttpServerImpl::within_budget(Connection& connection) {
  const uint64_t now_bytes = connection.body.size() + connection.in.size() + connection.out.size();
  buffered_bytes_ += now_bytes - connection.buffered_bytes;
  connection.buffered_bytes = now_bytes;
  return buffered_bytes_ <= config_.buffered_bytes_max;
}

// Answers at once, then reads on for a moment: closing a socket with unread bytes would reset it, and the client would
// never see why.
void HttpServerImpl::refuse(Connection& connection, const Refusal& why) {
  count_refused(why.reason);
  count_response(why.status);
  Response response = problem_response({.status = why.status,
                                        .detail = why.detail,
                                        .found = why.found,
                                        .expected = why.expected,
                                        .retry_after_s = why.status == 503 ? 1 : 0});
  connection.out = serialize_head(response, default_headers_) + response.body;
  connection.out_at = 0;
  connection.close_after = true;
  connection.body = {};
  connection.in.clear();
  connection.phase = Connection::Phase::kWrite;
  connection.deadline_ms = connection.out_deadline_ms = mono_ms() + kDrainMsMax;
  flush(connection);
}

void HttpServerImpl::flush(Connection& connection) {
  if (!connection.send_some()) return drop(connection);
  within_budget(connection);
  if (!connection.out.empty()) return watch(connection);
  if (!connection.close_after) {
    connection.phase = Connection::Phase::kIdle;
    connection.deadline_ms = mono_ms() + config_.idle_ms_max;
    watch(connection);
    if (!connection.in.empty()) proceed(connection);
    return;
  }
  ::shutdown(connection.fd, SHUT_WR);
  connection.phase = Connection::Phase::kDrain;
  connection.deadline_ms = mono_ms() + kDrainMsMax;
  watch(connection);
}

void HttpServerImpl::dispatch(Connection& connection) {
  {
    std::unique_lock lock(queue_mutex_);
    if (queue_.size() >= config_.waiting_requests_max || workers_stop_) {
      lock.unlock();
      return refuse(connection, {503, "overload", "The server has too much to do; try again.", {}, {}});
    }
  }
  auto owned = detach(connection.fd);
  {
    std::lock_guard lock(queue_mutex_);
    if (queue_.empty()) taken_ms_ = mono_ms();
    queue_.push_back(std::move(owned));
    if (busy_ + woken_ >= busy_max_) return;  // who is at work comes for it
    ++woken_;
  }
  queue_ready_.notify_one();
}

// True if requests wait.
bool HttpServerImpl::wake_if_stuck() {
  {
    std::lock_guard lock(queue_mutex_);
    if (queue_.empty() || busy_ + woken_ >= config_.threads) return false;
    const int64_t now_ms = mono_ms();
    if (now_ms - taken_ms_ < kStuckMs) return true;
    taken_ms_ = now_ms;
    ++woken_;
  }
  queue_ready_.notify_one();
  return true;
}

void HttpServerImpl::sweep() {
  const int64_t now_ms = mono_ms();
  std::vector<int> late;
  for (const auto& [fd, connection] : connections_) {
    if (connection->deadline_ms <= now_ms) late.push_back(fd);
  }
  for (int fd : late) {
    Connection& connection = *connections_[fd];
    switch (connection.phase) {
      case Connection::Phase::kHead:
        refuse(connection, {408,
                            "slow_head",
                            "The head of the request did not come in time.",
                            {},
                            "within " + std::to_string(config_.head_ms_max / 1000) + " s"});
        break;
      case Connection::Phase::kBody:
        refuse(connection, {408,
                            "slow_body",
                            "The body of the request did not come in time.",
                            {},
                            "within " + std::to_string(config_.body_ms_max / 1000) + " s"});
        break;
      case Connection::Phase::kWrite:
        // Who takes something is not slow: a large answer over a thin line may last. What the socket has room for says
        // nothing about that; its buffer holds megabytes and asks for more only when a third is free.
        if (const uint64_t taken = connection.taken_bytes();
            taken > connection.taken_before && now_ms < connection.out_deadline_ms) {
          connection.taken_before = taken;
          connection.deadline_ms = std::min(now_ms + config_.write_ms_max, connection.out_deadline_ms);
          break;
        }
        count_refused("slow_reader");
        drop(connection);
        break;
      case Connection::Phase::kIdle:
      case Connection::Phase::kDrain:
        drop(connection);
        break;
    }
  }
}

ConnectionPtr HttpServerImpl::detach(int fd) {
  const auto found = connections_.find(fd);
  CHECK(found != connections_.end());
  ConnectionPtr connection = std::move(found->second);
  connections_.erase(found);
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  buffered_bytes_ -= connection->buffered_bytes;
  connection->buffered_bytes = 0;
  return connection;
}

void HttpServerImpl::drop(int fd) {
  detach(fd);
  --open_connections_;
}

// ---- the workers

void HttpServerImpl::worker() {
  HttpCodec codec(default_headers_);
  const Handler inner = [this](const Request& request) { return route(request); };
  const Handler handler = around_ ? [this, &inner](const Request& request) { return around_(request, inner); } : inner;
  std::unique_lock lock(queue_mutex_);
  while (true) {
    queue_ready_.wait(lock, [this] { return woken_ > 0 || workers_stop_; });
    if (woken_ > 0) --woken_;
    ++busy_;
    while (!queue_.empty()) {
      ConnectionPtr connection = std::move(queue_.front());
      queue_.pop_front();
      const uint64_t mine = ++taken_;
      taken_ms_ = mono_ms();
      lock.unlock();
      serve(codec, handler, std::move(connection));
      lock.lock();
      // One too many, and the others get on: they took up some meanwhile.
      if (busy_ > busy_max_ && taken_ >= mine + 2 && !workers_stop_) break;
    }
    --busy_;
    if (workers_stop_ && queue_.empty()) return;
  }
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
  count_response(answer.status);
  connection->close_after = !keep_alive;
  connection->out = std::move(answer.bytes);
  connection->out_at = 0;
  if (!connection->send_some()) {
    connection->out.clear();
    connection->close_after = true;
  }
  give_back(std::move(connection));
}

void HttpServerImpl::give_back(ConnectionPtr connection) {
  bool first = false;
  {
    std::lock_guard lock(queue_mutex_);
    first = returned_.empty();  // else the reactor is woken already
    returned_.push_back(std::move(connection));
  }
  if (first) wake();
}

void HttpServerImpl::start_stream(ConnectionPtr connection, std::function<void(StreamWriter&)> stream,
                                  std::string head) {
  if (streams_.start(connection, std::move(head), std::move(stream), [this] { --open_connections_; }))
    return count_response(200);
  count_refused("too_many_streams");
  count_response(503);
  Response response = problem_response({.status = 503,
                                        .detail = "There are too many live streams at this moment; try again.",
                                        .found = std::to_string(config_.streams_max) + " streams",
                                        .expected = "fewer than " + std::to_string(config_.streams_max),
                                        .retry_after_s = 10});
  connection->out = serialize_head(response, default_headers_) + response.body;
  connection->close_after = true;
  give_back(std::move(connection));
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::open(const HttpConfig& config) {
  Result<int> listener = listen_on(config.host, config.port);
  if (!listener) return listener.error();
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  getsockname(*listener, reinterpret_cast<sockaddr*>(&address), &size);
  const uint16_t port = ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                                            : reinterpret_cast<sockaddr_in&>(address).sin_port);
  return std::unique_ptr<HttpServer>(std::make_unique<HttpServerImpl>(config, *listener, port));
}

}  // namespace tributary::http
