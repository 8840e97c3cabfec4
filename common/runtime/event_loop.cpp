// SPDX-License-Identifier: Apache-2.0
// EventLoop on Asio's io_context: see event_loop.h.
#include "common/runtime/event_loop.h"

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <csignal>
#include <optional>
#include <utility>

namespace tributary::runtime {
namespace {

// Lets the calling thread take the stop signals that all others hold back.
class TakeStopSignals {
 public:
  explicit TakeStopSignals(bool on) : on_(on) {
    if (!on_) return;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &set, &before_);
  }
  ~TakeStopSignals() {
    if (on_) pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  TakeStopSignals(const TakeStopSignals&) = delete;
  TakeStopSignals& operator=(const TakeStopSignals&) = delete;

 private:
  const bool on_;
  sigset_t before_{};
};

}  // namespace

struct EventLoop::Impl {
  asio::io_context io{1};  // one thread runs it
  std::optional<asio::signal_set> signals;
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}

EventLoop::~EventLoop() = default;

void EventLoop::run() {
  const TakeStopSignals take(impl_->signals.has_value());
  const auto stay = asio::make_work_guard(impl_->io);
  impl_->io.run();
  impl_->io.restart();
}

void EventLoop::stop() { impl_->io.stop(); }

void EventLoop::post(std::function<void()> task) { asio::post(impl_->io, std::move(task)); }

void EventLoop::on_stop_signal(std::function<void()> then) {
  impl_->signals.emplace(impl_->io, SIGTERM, SIGINT);
  impl_->signals->async_wait([then = std::move(then)](const asio::error_code& error, int) {
    if (!error) then();
  });
}

asio::io_context& EventLoop::context() { return impl_->io; }

struct Timer::Impl {
  explicit Impl(asio::io_context& io) : timer(io) {}
  asio::steady_timer timer;
  uint64_t round = 0;  // what was due and already on its way when another was set is told apart by it
};

Timer::Timer(EventLoop& loop) : impl_(std::make_shared<Impl>(loop.context())) {}

Timer::~Timer() {
  ++impl_->round;
  impl_->timer.cancel();
}

void Timer::start(int64_t after_ns, std::function<void()> then) {
  const uint64_t round = ++impl_->round;
  impl_->timer.expires_after(std::chrono::nanoseconds(after_ns));
  impl_->timer.async_wait([impl = impl_, round, then = std::move(then)](const asio::error_code& error) {
    if (!error && impl->round == round) then();
  });
}

}  // namespace tributary::runtime
