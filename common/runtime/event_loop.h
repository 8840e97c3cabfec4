// SPDX-License-Identifier: Apache-2.0
// EventLoop: the one place where a thread waits: for sockets, timers, signals and what other threads hand over.
// Standalone Asio underneath; its headers cost seconds a file, so this one does not show them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace asio {
class io_context;
}

namespace tributary::runtime {

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Runs what is handed over and what is due, in the calling thread, until stop(). May be run again afterwards.
  void run();
  // Ends run(), or the next one if none is under way. From every thread.
  void stop();
  // task runs in the thread of run(), in the order of posting. From every thread; never waits.
  void post(std::function<void()> task);
  // At the first SIGTERM or SIGINT then runs in the thread of run(), also if it came before. REQUIRES:
  // block_stop_signals() at the begin of main, so that no other thread is interrupted by them.
  void on_stop_signal(std::function<void()> then);

  // For the .cpp files that include Asio: sockets on this loop.
  asio::io_context& context();

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

// Runs something later, once. Used by the loop's thread only.
class Timer {
 public:
  explicit Timer(EventLoop& loop);
  ~Timer();  // what was due and has not run does not run
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // In place of what was set before. after_ns below 0: at once, but not before the caller has returned.
  void start(int64_t after_ns, std::function<void()> then);

 private:
  struct Impl;
  const std::shared_ptr<Impl> impl_;
};

// How other threads say that there is something to do: many calls before the loop comes to it are one turn.
class Wakeup {
 public:
  // loop must outlive it, and must not run after it is gone.
  explicit Wakeup(EventLoop& loop) : loop_(loop) {}
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  // What a turn does. In the loop's thread, or before it runs.
  void on_wake(std::function<void()> turn) { turn_ = std::move(turn); }

  // From every thread; never waits. What the caller did before is seen by the turn.
  void wake() {
    if (pending_.exchange(true)) return;
    loop_.post([this] {
      pending_.exchange(false);  // before the look at the work: who comes later asks for another turn
      if (turn_) turn_();
    });
  }

 private:
  EventLoop& loop_;
  std::function<void()> turn_;
  std::atomic<bool> pending_{false};
};

}  // namespace tributary::runtime
