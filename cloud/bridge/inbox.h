// SPDX-License-Identifier: Apache-2.0
// Inbox: what other threads have for the bridge's own: messages from the broker (bounded; what does not fit is dropped
// and counted, since only acks count), and appends the log has settled. Callbacks hold it by shared_ptr, so none finds
// it gone.
//
// It is fair by topic, and so by gateway: each has a queue of its own, they are emptied in turns, nobody has more than
// an eighth, and when all is full the longest gives way. So a gateway that floods waits for itself. Of a status only
// the newest waits: it takes the place of the one before, and never that of another gateway's partial.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/mqtt/client.h"

namespace tributary::bridge {

struct QueuedMessage {
  std::string topic;
  std::string payload;
  bool retained = false;
};

struct SettledAppend {
  uint64_t token = 0;
  bool durable = false;
};

struct InboxStats {
  uint64_t messages = 0, bytes = 0;  // at this moment
  uint64_t dropped_total = 0;        // overload
  uint64_t replaced_total = 0;       // statuses in whose place a newer one waited
};

// Thread-safe.
class Inbox {
 public:
  Inbox(size_t messages_max, size_t bytes_max, size_t payload_bytes_max)
      : messages_max_(messages_max), bytes_max_(bytes_max), payload_bytes_max_(payload_bytes_max) {}

  // False, and counted: there is no room. Of a payload beyond payload_bytes_max only so much is kept.
  bool offer(const mqtt::Message& message);
  void settled(uint64_t token, bool durable);
  // Something else changed that the bridge's thread should look at.
  void nudge();

  // Waits until there is something (a message counts only if wanted), a nudge, or the time is up.
  void wait(std::chrono::milliseconds timeout, bool want_messages);
  std::vector<SettledAppend> take_settled();
  std::optional<QueuedMessage> take_message();

  InboxStats stats() const;

 private:
  struct Queue {
    std::deque<QueuedMessage> messages;
    size_t bytes = 0;
  };
  bool make_room(const std::string& topic, size_t bytes);
  void pop(std::map<std::string, Queue>::iterator queue, bool newest);

  const size_t messages_max_, bytes_max_, payload_bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Queue> queues_;  // by topic; none is empty
  std::string turn_;                     // the topic that was served last
  std::vector<SettledAppend> settled_;
  size_t bytes_ = 0, count_ = 0;
  uint64_t dropped_total_ = 0, replaced_total_ = 0;
  bool nudged_ = false;
};

}  // namespace tributary::bridge
