// SPDX-License-Identifier: Apache-2.0
// HttpStreams: the live streams of a server, a thread each, bounded in number, ended promptly.
#pragma once

#include <atomic>
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
  HttpStreams(size_t streams_max, int write_ms_max) : streams_max_(streams_max), write_ms_max_(write_ms_max) {}
  ~HttpStreams() { stop(); }

  // Sends head, runs stream on a thread of its own, closes the connection, calls ended. False, and the connection
  // untouched, if there are too many or the server stops.
  bool start(std::unique_ptr<Connection>& connection, std::string head, std::function<void(StreamWriter&)> stream,
             std::function<void()> ended);
  // Joins the threads of streams that have ended.
  void reap();
  // Ends all and joins them.
  void stop();
  size_t count() const;

 private:
  struct Live {
    std::thread thread;
    int fd = -1;  // -1: ended
  };
  const size_t streams_max_;
  const int write_ms_max_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::list<Live> streams_;
  size_t count_ = 0;
};

}  // namespace tributary::http
