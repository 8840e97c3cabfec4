// SPDX-License-Identifier: Apache-2.0
// Reactor, see reactor.h.
#include "cloud/http/reactor.h"

#include <fcntl.h>

#include <algorithm>
#include <asio/ip/v6_only.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <utility>

#include "cloud/http/codec.h"
#include "cloud/http/problem.h"
#include "common/base/check.h"

namespace tributary::http {
namespace {

using asio::ip::tcp;
using std::chrono::milliseconds;

constexpr int kBacklog = 1024;
constexpr int kSweepMs = 100;       // how often deadlines are looked at
constexpr int kStuckLookMs = 5;     // after a request that waits, the first look whether anybody takes it up
constexpr int kAcceptPauseMs = 10;  // after an accept that failed: what failed may fail for long
constexpr int kDrainMsMax = 2'000;  // for a refused client to stop sending
constexpr uint64_t kDrainBytesMax = 4ULL << 20;

std::string name_of(const tcp::endpoint& endpoint) {
  return endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
}

}  // namespace

Status Reactor::listen() {
  const std::string place = config_.host + ":" + std::to_string(config_.port);
  asio::error_code error;
  const auto found = tcp::resolver(io_).resolve(config_.host, std::to_string(config_.port),
                                                tcp::resolver::passive | tcp::resolver::numeric_service, error);
  for (const auto& one : found) {
    const tcp::endpoint endpoint = one.endpoint();
    acceptor_.close(error);
    error.clear();
    acceptor_.open(endpoint.protocol(), error);
    // Not SO_REUSEPORT: two programs must not share a port unnoticed.
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && endpoint.protocol() == tcp::v6()) acceptor_.set_option(asio::ip::v6_only(false), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(kBacklog, error);
    if (!error) break;
  }
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  if (!error) {
    ::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC);
    return {};
  }
  if (error == asio::error::address_in_use)
    return Error{ErrorCode::kBusy, "cannot listen on " + place + ": another program already does"};
  return Error{ErrorCode::kIo, "cannot listen on " + place + ": " + error.message()};
}

void Reactor::start(Parts parts, Fields default_headers) {
  parts_ = std::move(parts);
  default_headers_ = std::move(default_headers);
  accept_next();
  sweep();
  thread_ = std::thread([this] { io_.run(); });
}

void Reactor::stop() {
  if (!thread_.joinable()) return;
  // What was handed over before is done before: the last answers, the ends of streams.
  asio::post(io_, [this] {
    close_all();
    asio::post(io_, [this] { io_.stop(); });
  });
  thread_.join();
}

void Reactor::close_all() {
  closing_ = true;
  asio::error_code ignored;
  acceptor_.close(ignored);
  while (!idle_.empty()) drop(idle_.front());
  while (!busy_.empty()) drop(busy_.front());
}

void Reactor::accept_next() {
  acceptor_.async_accept(newcomer_, [this](const asio::error_code& error, tcp::socket socket) {
    if (closing_) return;
    on_accept(error, std::move(socket));
  });
}

void Reactor::on_accept(const asio::error_code& error, tcp::socket socket) {
  if (error) {
    if (error.value() == EMFILE || error.value() == ENFILE) counters_.refused("no_descriptors");
    accept_timer_.expires_after(milliseconds(kAcceptPauseMs));
    return accept_timer_.async_wait([this](const asio::error_code&) {
      if (!closing_) accept_next();
    });
  }
  counters_.connection();
  if (stopping_ || !has_room()) {
    if (!stopping_) counters_.refused("too_many_connections");
    socket.close();
    return accept_next();
  }
  asio::error_code broken;
  ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
  socket.non_blocking(true, broken);
  if (!broken) socket.set_option(tcp::no_delay(true), broken);
  if (!broken) {
    ++counters_.open_connections;
    take(std::make_shared<Connection>(std::move(socket), name_of(newcomer_)));
  }
  accept_next();
}

// Whoever keeps a connection without a request makes room for who may have one.
bool Reactor::has_room() {
  if (counters_.open_connections < config_.connections_max) return true;
  if (idle_.empty()) return false;
  counters_.refused("idle_for_another");
  drop(idle_.front());
  return true;
}

void Reactor::give_back(ConnectionPtr connection) {
  bool first = false;
  {
    std::lock_guard lock(returned_mutex_);
    first = returned_.empty();  // else the reactor is told already
    returned_.push_back(std::move(connection));
  }
  if (first) asio::post(io_, [this] { take_returned(); });
}

void Reactor::take_returned() {
  std::vector<ConnectionPtr> back;
  {
    std::lock_guard lock(returned_mutex_);
    back.swap(returned_);
  }
  for (const auto& connection : back) take(connection);
}

void Reactor::take(const ConnectionPtr& connection) {
  const int64_t now_ms = mono_ms();
  if (!connection->out.empty()) {
    enlist(connection, Phase::kWrite, now_ms + config_.write_ms_max);
    connection->out_deadline_ms = now_ms + int64_t{20} * config_.write_ms_max;
    connection->taken_before = connection->taken_bytes();
    if (!within_budget(*connection)) return drop(connection);
    return watch(connection);
  }
  enlist(connection, Phase::kIdle, now_ms + config_.idle_ms_max);
  if (connection->close_after || stopping_ || closing_) return drop(connection);
  await_request(connection);
}

void Reactor::await_request(const ConnectionPtr& connection) {
  // The next request may have come along with the last one.
  connection->in.empty() ? watch(connection) : proceed(connection);
}

// One operation of each kind at a time; what becomes of it is looked at when it ends.
void Reactor::watch(const ConnectionPtr& connection) {
  const bool to_write = connection->phase == Phase::kWrite;
  bool& waits = to_write ? connection->waits_write : connection->waits_read;
  if (waits) return;
  waits = true;
  connection->socket.async_wait(to_write ? tcp::socket::wait_write : tcp::socket::wait_read,
                                [this, connection, to_write](const asio::error_code& error) {
                                  (to_write ? connection->waits_write : connection->waits_read) = false;
                                  if (connection->list == nullptr) return;
                                  error ? drop(connection) : on_ready(connection, to_write);
                                });
}

void Reactor::on_ready(const ConnectionPtr& connection, bool to_write) {
  // A client that has something to say while it is written to is heard afterwards.
  if (to_write != (connection->phase == Phase::kWrite)) return;
  if (to_write) return flush(connection);
  if (!connection->receive()) return drop(connection);
  if (connection->phase == Phase::kDrain) {
    connection->drained_bytes += connection->in.size();
    connection->in.clear();
    return connection->drained_bytes > kDrainBytesMax ? drop(connection) : watch(connection);
  }
  proceed(connection);
}

void Reactor::proceed(const ConnectionPtr& connection) {
  const auto progress = connection->advance(config_, mono_ms(), parts_.admit);
  if (connection->phase != Phase::kIdle) enlist(connection, connection->phase, connection->deadline_ms);
  switch (progress) {
    case Connection::Progress::kRefused:
      return refuse(connection, connection->refusal);
    case Connection::Progress::kDenied:
      counters_.response(connection->denial.status);
      return close_with(connection, connection->denial);
    case Connection::Progress::kReady:
      return dispatch(connection);
    case Connection::Progress::kMore:
      break;
  }
  if (!within_budget(*connection)) {
    return refuse(connection, {503, "overload", "The server holds too many bodies at this moment; try again.", {}, {}});
  }
  if (connection->continue_due) {
    connection->continue_due = false;
    // Small enough for any socket buffer; a client that has none left for it is broken anyway.
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::error_code error;
    connection->sent_bytes += connection->socket.write_some(asio::buffer(kContinue), error);
  }
  watch(connection);
}

// What the payer's connections hold now.
uint64_t Reactor::charge(Connection& connection, uint64_t now_bytes) {
  buffered_bytes_ -= connection.buffered_bytes;
  if (const auto before = payer_bytes_.find(connection.charged); before != payer_bytes_.end()) {
    before->second -= connection.buffered_bytes;
    if (before->second == 0) payer_bytes_.erase(before);
  }
  connection.charged = connection.payer;
  connection.buffered_bytes = now_bytes;
  buffered_bytes_ += now_bytes;
  if (connection.charged.empty() || now_bytes == 0) return 0;
  return payer_bytes_[connection.charged] += now_bytes;
}

// What the connection holds counts against one budget for all, of which no payer has more than half.
bool Reactor::within_budget(Connection& connection) {
  const uint64_t now_bytes = connection.body.size() + connection.in.size() + connection.out.size();
  const uint64_t payer_bytes = charge(connection, now_bytes);
  return buffered_bytes_ <= config_.buffered_bytes_max && payer_bytes <= config_.buffered_bytes_max / 2;
}

void Reactor::refuse(const ConnectionPtr& connection, const Refusal& why) {
  counters_.refused(why.reason);
  counters_.response(why.status);
  close_with(connection, problem_response({.status = why.status,
                                           .detail = why.detail,
                                           .found = why.found,
                                           .expected = why.expected,
                                           .retry_after_s = why.status == 503 ? 1 : 0}));
}

// Answers at once, then reads on for a moment: closing a socket with unread bytes would reset it, and the client would
// never see why.
void Reactor::close_with(const ConnectionPtr& connection, const Response& response) {
  connection->out = serialize_head(response, default_headers_) + response.body;
  connection->out_at = 0;
  connection->close_after = true;
  connection->body = {};
  connection->in.clear();
  connection->out_deadline_ms = mono_ms() + kDrainMsMax;
  enlist(connection, Phase::kWrite, connection->out_deadline_ms);
  flush(connection);
}

void Reactor::flush(const ConnectionPtr& connection) {
  if (!connection->send_some()) return drop(connection);
  within_budget(*connection);
  if (!connection->out.empty()) return watch(connection);
  if (!connection->close_after) {
    enlist(connection, Phase::kIdle, mono_ms() + config_.idle_ms_max);
    return await_request(connection);
  }
  asio::error_code ignored;
  connection->socket.shutdown(tcp::socket::shutdown_send, ignored);
  enlist(connection, Phase::kDrain, mono_ms() + kDrainMsMax);
  watch(connection);
}

void Reactor::dispatch(const ConnectionPtr& connection) {
  // Whoever owns it next has the socket alone.
  CHECK(!connection->waits_read && !connection->waits_write);
  ConnectionPtr given = connection;
  detach(*connection);
  switch (parts_.offer(given)) {
    case Workers::Taken::kTaken:
      return;
    case Workers::Taken::kWaits:
      return look_after_stuck(kStuckLookMs);
    case Workers::Taken::kRefused:
      break;
  }
  refuse(connection, {503, "overload", "The server has too much to do; try again.", {}, {}});
}

void Reactor::look_after_stuck(int after_ms) {
  if (stuck_timer_on_ || closing_) return;
  stuck_timer_on_ = true;
  stuck_timer_.expires_after(milliseconds(after_ms));
  stuck_timer_.async_wait([this](const asio::error_code&) {
    stuck_timer_on_ = false;
    if (const auto next_ms = parts_.wake_if_stuck()) look_after_stuck(*next_ms);
  });
}

void Reactor::sweep() {
  const int64_t now_ms = mono_ms();
  while (!idle_.empty() && idle_.front()->deadline_ms <= now_ms) drop(idle_.front());
  for (auto it = busy_.begin(); it != busy_.end();) {
    const ConnectionPtr connection = *it++;
    if (connection->deadline_ms <= now_ms) overdue(connection, now_ms);
  }
  parts_.swept();
  sweep_timer_.expires_after(milliseconds(kSweepMs));
  sweep_timer_.async_wait([this](const asio::error_code&) {
    if (!closing_) sweep();
  });
}

void Reactor::overdue(const ConnectionPtr& connection, int64_t now_ms) {
  auto within = [](int ms) { return "within " + std::to_string(ms / 1000) + " s"; };
  switch (connection->phase) {
    case Phase::kHead:
      return refuse(
          connection,
          {408, "slow_head", "The head of the request did not come in time.", {}, within(config_.head_ms_max)});
    case Phase::kBody:
      return refuse(
          connection,
          {408, "slow_body", "The body of the request did not come in time.", {}, within(config_.body_ms_max)});
    case Phase::kWrite:
      // Who takes something is not slow: a large answer over a thin line may last. What the socket has room for says
      // nothing about that; its buffer holds megabytes and asks for more only when a third is free.
      if (const uint64_t taken = connection->taken_bytes();
          taken > connection->taken_before && now_ms < connection->out_deadline_ms) {
        connection->taken_before = taken;
        connection->deadline_ms = std::min(now_ms + config_.write_ms_max, connection->out_deadline_ms);
        return;
      }
      counters_.refused("slow_reader");
      return drop(connection);
    case Phase::kIdle:
    case Phase::kDrain:
      return drop(connection);
  }
}

void Reactor::enlist(const ConnectionPtr& connection, Phase phase, int64_t deadline_ms) {
  auto& list = phase == Phase::kIdle ? idle_ : busy_;
  if (connection->list == nullptr) {
    connection->place = list.insert(list.end(), connection);
  } else if (connection->list != &list) {
    list.splice(list.end(), *connection->list, connection->place);
  }
  connection->list = &list;
  connection->phase = phase;
  connection->deadline_ms = deadline_ms;
}

// Takes the connection out of the reactor's hands.
void Reactor::detach(Connection& connection) {
  charge(connection, 0);
  std::exchange(connection.list, nullptr)->erase(connection.place);
}

void Reactor::drop(const ConnectionPtr& connection) {
  const ConnectionPtr kept = connection;  // what was given may stand in the list
  detach(*kept);
  asio::error_code ignored;
  kept->socket.close(ignored);
  --counters_.open_connections;
}

}  // namespace tributary::http
