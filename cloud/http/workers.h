// SPDX-License-Identifier: Apache-2.0
// Workers: the threads that run handlers, and the whole requests that wait for them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace tributary::http {

struct Connection;

class Workers {
 public:
  using ConnectionPtr = std::shared_ptr<Connection>;

  // busy_max of threads are at work at once as long as requests get on; waiting_max requests wait at most.
  Workers(size_t threads, size_t busy_max, size_t waiting_max)
      : threads_max_(threads), busy_max_(busy_max), waiting_max_(waiting_max) {}
  ~Workers() { stop(); }

  // make is called once in each thread; what it returns gets every request that the thread takes up.
  using Serve = std::function<void(ConnectionPtr)>;
  void start(const std::function<Serve()>& make);
  // Finishes what waits, joins the threads.
  void stop();

  // kRefused: too many wait, or the end has begun; the request stays with the caller. kWaits: who is at work comes for
  // it; call wake_if_stuck() some milliseconds later.
  enum class Taken { kRefused, kTaken, kWaits };
  Taken offer(ConnectionPtr& request);
  // One more thread begins if requests wait and none was taken up for a while. In how many milliseconds to call it
  // again; nothing: when the next request waits.
  std::optional<int> wake_if_stuck();
  size_t waiting() const;

 private:
  void work(const Serve& serve);

  const size_t threads_max_, busy_max_, waiting_max_;
  std::vector<std::thread> threads_;
  mutable std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<ConnectionPtr> queue_;
  bool stopping_ = false;
  size_t busy_ = 0;       // threads at work; at least one if a request waits, or one is woken
  size_t woken_ = 0;      // of those who wait for a request, how many are to begin
  uint64_t taken_ = 0;    // requests taken up
  int64_t taken_ms_ = 0;  // when a request was last taken up, or a thread was woken for one
};

}  // namespace tributary::http
