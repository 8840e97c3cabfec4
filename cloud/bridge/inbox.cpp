// SPDX-License-Identifier: Apache-2.0
// The bounded queue in front of the bridge's thread: see inbox.h.
#include "cloud/bridge/inbox.h"

#include <algorithm>
#include <utility>

namespace tributary::bridge {
namespace {

size_t bytes_of(const QueuedMessage& message) {
  return sizeof(QueuedMessage) + message.topic.size() + message.payload.size();
}

constexpr size_t kShare = 8;
constexpr size_t kOwnMessagesMin = 64;
constexpr size_t kOwnBytesMin = 2 << 20;  // more than a gateway has in flight

// As parse_topic knows it; whatever else ends so is dropped later.
bool is_status(std::string_view topic) { return topic.ends_with("/status"); }

}  // namespace

bool Inbox::offer(const mqtt::Message& message) {
  QueuedMessage queued{std::string(message.topic), std::string(message.payload.substr(0, payload_bytes_max_)),
                       message.retained};
  {
    std::lock_guard lock(mutex_);
    const size_t bytes = bytes_of(queued);
    if (is_status(queued.topic)) {
      if (const auto waiting = queues_.find(queued.topic); waiting != queues_.end()) {
        pop(waiting, true);
        ++replaced_total_;
      }
    }
    if (!make_room(queued.topic, bytes)) {
      ++dropped_total_;
      return false;
    }
    Queue& queue = queues_[queued.topic];
    bytes_ += bytes;
    ++count_;
    queue.bytes += bytes;
    queue.messages.push_back(std::move(queued));
  }
  changed_.notify_one();
  return true;
}

// Nobody has more than an eighth. The newest of the longest queue goes for who has less than most: its gateway sends it
// again.
bool Inbox::make_room(const std::string& topic, size_t bytes) {
  const auto full = [&] { return count_ >= messages_max_ || bytes_ + bytes > bytes_max_; };
  const auto own = queues_.find(topic);
  const size_t own_count = own == queues_.end() ? 0 : own->second.messages.size();
  const size_t own_bytes = own == queues_.end() ? 0 : own->second.bytes;
  if (own_count >= std::max(messages_max_ / kShare, kOwnMessagesMin) ||
      own_bytes + bytes > std::max(bytes_max_ / kShare, kOwnBytesMin)) {
    return false;
  }
  if (!full()) return true;
  if (own_count * queues_.size() > count_ && own_bytes * queues_.size() > bytes_) return false;
  while (full()) {
    const bool by_count = count_ >= messages_max_;
    const auto longest = std::max_element(queues_.begin(), queues_.end(), [&](const auto& a, const auto& b) {
      return by_count ? a.second.messages.size() < b.second.messages.size() : a.second.bytes < b.second.bytes;
    });
    if (longest == queues_.end()) return false;  // larger than all that may wait
    const bool is_longer =
        by_count ? longest->second.messages.size() > own_count + 1 : longest->second.bytes > own_bytes + bytes;
    if (!is_longer) return false;
    pop(longest, true);
    ++dropped_total_;
  }
  return true;
}

void Inbox::pop(std::map<std::string, Queue>::iterator queue, bool newest) {
  auto& messages = queue->second.messages;
  const size_t bytes = bytes_of(newest ? messages.back() : messages.front());
  newest ? messages.pop_back() : messages.pop_front();
  queue->second.bytes -= bytes;
  bytes_ -= bytes;
  --count_;
  if (messages.empty()) queues_.erase(queue);
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
  changed_.wait_for(lock, timeout, [&] { return nudged_ || !settled_.empty() || (want_messages && count_ > 0); });
  nudged_ = false;
}

std::vector<SettledAppend> Inbox::take_settled() {
  std::lock_guard lock(mutex_);
  return std::exchange(settled_, {});
}

std::optional<QueuedMessage> Inbox::take_message() {
  std::lock_guard lock(mutex_);
  if (queues_.empty()) return std::nullopt;
  auto next = queues_.upper_bound(turn_);
  if (next == queues_.end()) next = queues_.begin();
  turn_ = next->first;
  QueuedMessage message = next->second.messages.front();
  pop(next, false);
  return message;
}

InboxStats Inbox::stats() const {
  std::lock_guard lock(mutex_);
  return {count_, bytes_, dropped_total_, replaced_total_};
}

}  // namespace tributary::bridge
