// SPDX-License-Identifier: Apache-2.0
// The two buffers of the inbox. A record is: arrived, sizes with the retained flag, topic, payload.
#include "edge/source/inbox.h"

#include <chrono>
#include <cstring>
#include <utility>

namespace tributary::edge {
namespace {

struct RecordHead {
  Instant arrived;
  uint32_t topic_size;
  uint32_t payload_size;
  bool retained;
};

// Buffers that a burst made larger than this are given back to the system after it.
constexpr size_t kKeptBytes = 128 << 10;

}  // namespace

bool Inbox::push(const InboxMessage& message) {
  const RecordHead head{message.arrived, static_cast<uint32_t>(message.topic.size()),
                        static_cast<uint32_t>(message.payload.size()), message.retained};
  const size_t size = sizeof head + message.topic.size() + message.payload.size();
  bool wake = false;
  {
    std::unique_lock lock(mutex_);
    auto has_room = [&] { return closed_ || filling_.empty() || filling_.size() + size <= config_.bytes_max; };
    if (!has_room() && !overloaded_) {
      wake_();
      overloaded_ = !room_.wait_for(lock, std::chrono::milliseconds(config_.full_wait_ms), has_room);
    }
    if (closed_ || !has_room()) {
      ++dropped_;
      return false;
    }
    overloaded_ = false;
    const size_t before = filling_.size();
    filling_.append(reinterpret_cast<const char*>(&head), sizeof head);
    filling_.append(message.topic);
    filling_.append(message.payload);
    ++filling_count_;
    wake = before < wake_at_bytes_ && filling_.size() >= wake_at_bytes_;
  }
  if (wake) wake_();
  return true;
}

size_t Inbox::take(bool gather) {
  size_t count = 0;
  {
    std::lock_guard lock(mutex_);
    filling_.swap(emptying_);
    count = std::exchange(filling_count_, 0);
    wake_at_bytes_ = gather && count > 0 ? config_.bytes_max / 2 : 1;
  }
  room_.notify_one();
  return count;
}

bool Inbox::next(size_t& at, InboxMessage& message) const {
  if (at == emptying_.size()) return false;
  RecordHead head;
  std::memcpy(&head, emptying_.data() + at, sizeof head);
  at += sizeof head;
  const std::string_view all = emptying_;
  message = {head.arrived, head.retained, all.substr(at, head.topic_size),
             all.substr(at + head.topic_size, head.payload_size)};
  at += size_t{head.topic_size} + head.payload_size;
  return true;
}

void Inbox::release() {
  const bool large = emptying_.capacity() > kKeptBytes && emptying_.size() < kKeptBytes;
  emptying_.clear();
  if (large) emptying_.shrink_to_fit();
}

uint64_t Inbox::take_dropped() {
  std::lock_guard lock(mutex_);
  return std::exchange(dropped_, 0);
}

void Inbox::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  room_.notify_all();
}

}  // namespace tributary::edge
