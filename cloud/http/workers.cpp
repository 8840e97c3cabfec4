// SPDX-License-Identifier: Apache-2.0
// Workers, see workers.h.
#include "cloud/http/workers.h"

#include <utility>

#include "cloud/http/connection.h"

namespace tributary::http {
namespace {

constexpr int kStuckMs = 5;  // no request taken up for so long while some wait: one more thread

}  // namespace

void Workers::start(const std::function<Serve()>& make) {
  for (size_t i = 0; i < threads_max_; ++i) threads_.emplace_back([this, make] { work(make()); });
}

void Workers::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

Workers::Taken Workers::offer(ConnectionPtr& request) {
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() >= waiting_max_ || stopping_) return Taken::kRefused;
    if (queue_.empty()) taken_ms_ = mono_ms();
    queue_.push_back(std::move(request));
    if (busy_ + woken_ >= busy_max_) return Taken::kWaits;
    ++woken_;
  }
  ready_.notify_one();
  return Taken::kTaken;
}

std::optional<int> Workers::wake_if_stuck() {
  {
    std::lock_guard lock(mutex_);
    if (queue_.empty() || busy_ + woken_ >= threads_max_) return std::nullopt;
    const int64_t now_ms = mono_ms(), left_ms = taken_ms_ + kStuckMs - now_ms;
    if (left_ms > 0) return static_cast<int>(left_ms);
    taken_ms_ = now_ms;
    ++woken_;
  }
  ready_.notify_one();
  return kStuckMs;
}

size_t Workers::waiting() const {
  std::lock_guard lock(mutex_);
  return queue_.size();
}

void Workers::work(const Serve& serve) {
  std::unique_lock lock(mutex_);
  while (true) {
    ready_.wait(lock, [this] { return woken_ > 0 || stopping_; });
    if (woken_ > 0) --woken_;
    ++busy_;
    while (!queue_.empty()) {
      ConnectionPtr request = std::move(queue_.front());
      queue_.pop_front();
      const uint64_t mine = ++taken_;
      taken_ms_ = mono_ms();
      lock.unlock();
      serve(std::move(request));
      lock.lock();
      // One too many, and the others get on: they took up some meanwhile.
      if (busy_ > busy_max_ && taken_ >= mine + 2 && !stopping_) break;
    }
    --busy_;
    if (stopping_ && queue_.empty()) return;
  }
}

}  // namespace tributary::http
