// SPDX-License-Identifier: Apache-2.0
// HttpStreams: the live streams of a server, a thread each, bounded in number, ended promptly. The thread writes; what
// it would have to wait for (a client that takes nothing, one that has gone) the reactor tells it.
#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "cloud/http/connection.h"

namespace tributary::http {

class HttpStreams {
 public:
  // io: of the reactor, which must run until stop() has returned.
  HttpStreams(asio::io_context& io, size_t streams_max, int write_ms_max)
      : io_(io), streams_max_(streams_max), write_ms_max_(write_ms_max) {}
  ~HttpStreams() { stop(); }

  // Sends head, runs stream on a thread of its own, closes the connection, calls ended. False, and the connection
  // untouched, if there are too many or the server stops.
  bool start(ConnectionPtr& connection, std::string head, std::function<void(StreamWriter&)> stream,
             std::function<void()> ended);
  // Joins the threads of streams that have ended.
  void reap();
  // Ends all and joins them.
  void stop();
  size_t count() const;

 private:
  class Link;
  struct Live {
    std::thread thread;
    std::shared_ptr<Link> link;
    bool ended = false;
  };
  asio::io_context& io_;
  const size_t streams_max_;
  const int write_ms_max_;
  mutable std::mutex mutex_;
  bool stopping_ = false;
  std::list<Live> streams_;
  size_t count_ = 0;
};

}  // namespace tributary::http
