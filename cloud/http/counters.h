// SPDX-License-Identifier: Apache-2.0
// What a server counts, from all its threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "cloud/http/server.h"

namespace tributary::http {

class Counters {
 public:
  void refused(const std::string& reason) {
    std::lock_guard lock(mutex_);
    ++refused_total_[reason];
  }
  void response(int status) {
    std::lock_guard lock(mutex_);
    ++responses_total_[status];
  }
  void connection() { ++connections_total_; }
  void tell(HttpStats& stats) const {
    std::lock_guard lock(mutex_);
    stats.responses_total = responses_total_;
    stats.refused_total = refused_total_;
    stats.connections_total = connections_total_;
    stats.connections = open_connections;
  }

  std::atomic<uint64_t> open_connections{0};  // with those at workers and streams

 private:
  mutable std::mutex mutex_;
  std::map<int, uint64_t> responses_total_;
  std::map<std::string, uint64_t> refused_total_;
  std::atomic<uint64_t> connections_total_{0};
};

}  // namespace tributary::http
