// SPDX-License-Identifier: Apache-2.0
// The bounded queue in front of the bridge's thread: see inbox.h.
#include "cloud/bridge/inbox.h"

#include <utility>

namespace tributary::bridge {
namespace {

size_t bytes_of(const QueuedMessage& message) {
  return sizeof(QueuedMessage) + message.topic.size() + message.payload.size();
}

}  // namespace

bool Inbox::offer(const mqtt::Message& message) {
  QueuedMessage queued{std::string(message.topic), std::string(message.payload.substr(0, payload_bytes_max_)),
                       message.retained};
  {
    std::lock_guard lock(mutex_);
    const size_t bytes = bytes_of(queued);
    if (messages_.size() >= messages_max_ || bytes_ + bytes > bytes_max_) {
      ++dropped_total_;
      return false;
    }
    bytes_ += bytes;
    messages_.push_back(std::move(queued));
  }
  changed_.notify_one();
  return true;
}

void Inbox::settled(uint64_t token, bool durable) {
  {
    std::lock_guard lock(mutex_);
    settled_.push_back({token, durable});
  }
  changed_.notify_one();
}

void Inbox::nudge() {
  {
    std::lock_guard lock(mutex_);
    nudged_ = true;
  }
  changed_.notify_one();
}

void Inbox::wait(std::chrono::milliseconds timeout, bool want_messages) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout,
                    [&] { return nudged_ || !settled_.empty() || (want_messages && !messages_.empty()); });
  nudged_ = false;
}

std::vector<SettledAppend> Inbox::take_settled() {
  std::lock_guard lock(mutex_);
  return std::exchange(settled_, {});
}

std::optional<QueuedMessage> Inbox::take_message() {
  std::lock_guard lock(mutex_);
  if (messages_.empty()) return std::nullopt;
  QueuedMessage message = std::move(messages_.front());
  messages_.pop_front();
  bytes_ -= bytes_of(message);
  return message;
}

InboxStats Inbox::stats() const {
  std::lock_guard lock(mutex_);
  return {messages_.size(), bytes_, dropped_total_};
}

}  // namespace tributary::bridge
