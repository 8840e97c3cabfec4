// SPDX-License-Identifier: Apache-2.0
// Reactor: the one thread that has the sockets: accepts, reads heads and bodies, writes what clients take slowly, keeps
// every bound of time and size. Whole requests it gives away with their connection, and gets them back answered. Shows
// Asio: for this folder's .cpp files only.
#pragma once

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "cloud/http/connection.h"
#include "cloud/http/counters.h"
#include "cloud/http/server.h"
#include "cloud/http/workers.h"

namespace tributary::http {

class Reactor {
 public:
  struct Parts {
    std::function<Workers::Taken(ConnectionPtr&)> offer;  // a whole request, to those who answer it
    std::function<std::optional<int>()> wake_if_stuck;    // as Workers::wake_if_stuck, after one that waits
    std::function<void()> swept;                          // ten times a second
    HttpServer::Admit admit;                              // may be nothing
  };
  Reactor(const HttpConfig& config, Counters& counters) : config_(config), counters_(counters) {}
  ~Reactor() { stop(); }

  // Binds and listens: names, IPv4, IPv6. kBusy, kIo.
  Status listen();
  uint16_t port() const { return port_; }
  // default_headers: of refusals.
  void start(Parts parts, Fields default_headers);
  // New connections are closed from now on, and answered ones are not kept. From any thread.
  void refuse_new() { stopping_ = true; }
  // Closes everything, joins the thread.
  void stop();

  // From any thread: an answered connection, with the rest of its answer in out.
  void give_back(ConnectionPtr connection);
  // From any thread: what runs in the reactor's; for streams.
  asio::io_context& io() { return io_; }

 private:
  using Phase = Connection::Phase;

  void accept_next();
  void on_accept(const asio::error_code& error, asio::ip::tcp::socket socket);
  void take_returned();
  void take(const ConnectionPtr& connection);  // from a worker, or new
  void on_ready(const ConnectionPtr& connection, bool to_write);
  void proceed(const ConnectionPtr& connection);  // looks for a whole request in what was read
  void refuse(const ConnectionPtr& connection, const Refusal& why);
  void close_with(const ConnectionPtr& connection, const Response& response);
  void dispatch(const ConnectionPtr& connection);
  void look_after_stuck(int after_ms);
  void flush(const ConnectionPtr& connection);
  void await_request(const ConnectionPtr& connection);
  void watch(const ConnectionPtr& connection);
  void sweep();
  void overdue(const ConnectionPtr& connection, int64_t now_ms);
  bool has_room();
  bool within_budget(Connection& connection);
  uint64_t charge(Connection& connection, uint64_t now_bytes);
  void enlist(const ConnectionPtr& connection, Phase phase, int64_t deadline_ms);
  void detach(Connection& connection);
  void drop(const ConnectionPtr& connection);
  void close_all();

  const HttpConfig config_;
  Counters& counters_;
  Parts parts_;
  Fields default_headers_;
  uint16_t port_ = 0;

  asio::io_context io_{1};  // one thread runs it
  asio::ip::tcp::acceptor acceptor_{io_};
  asio::ip::tcp::endpoint newcomer_;
  asio::steady_timer accept_timer_{io_}, sweep_timer_{io_}, stuck_timer_{io_};
  bool stuck_timer_on_ = false, closing_ = false;
  std::list<ConnectionPtr> idle_;  // without a request, who waits longest first
  std::list<ConnectionPtr> busy_;  // all others that are neither at a worker nor at a stream
  uint64_t buffered_bytes_ = 0;
  std::unordered_map<std::string, uint64_t> payer_bytes_;  // of buffered_bytes_; none is 0
  std::thread thread_;
  std::atomic<bool> stopping_{false};

  std::mutex returned_mutex_;
  std::vector<ConnectionPtr> returned_;  // answered, on their way back
};

}  // namespace tributary::http
