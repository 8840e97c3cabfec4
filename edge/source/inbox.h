// SPDX-License-Identifier: Apache-2.0
// Inbox: messages on their way from a receiving thread to the main loop, in two buffers that change places: one is
// filled while the other is emptied, so that a message costs two copies of bytes and no allocation.
//
// When it is full the receiving thread waits (its broker then keeps what is to come); when room does not appear for
// full_wait_ms, messages are dropped and counted until there is room again, so that the receiver never stops for
// longer.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace tributary::edge {

struct InboxConfig {
  size_t bytes_max = 2 << 20;  // of one buffer; a single message always fits into an empty one
  int full_wait_ms = 5000;     // well below the keepalive of the connection the receiver serves
};

struct InboxMessage {
  Instant arrived;  // when it was received, on both clocks
  bool retained = false;
  std::string_view topic, payload;
};

class Inbox {
 public:
  // wake: gets the main loop out of its sleep; called by the receiving thread, must not wait.
  Inbox(InboxConfig config, std::function<void()> wake) : config_(config), wake_(std::move(wake)) {}

  // The receiving thread. False: dropped, and counted.
  bool push(const InboxMessage& message);

  // The main loop. Calls visit(InboxMessage) for all that has arrived; returns how many. Views live during the call
  // only. gather: the loop comes back by itself soon, so it is woken only if the inbox is half full by then; otherwise
  // by the first message.
  template <class Visit>
  size_t drain(bool gather, const Visit& visit) {
    size_t count = take(gather);
    size_t at = 0;
    InboxMessage message;
    while (next(at, message)) visit(message);
    release();
    return count;
  }

  // Messages dropped since the last call.
  uint64_t take_dropped();
  // Nothing is accepted any more, nobody waits any more.
  void close();

 private:
  size_t take(bool gather);
  bool next(size_t& at, InboxMessage& message) const;
  void release();

  const InboxConfig config_;
  const std::function<void()> wake_;
  std::mutex mutex_;
  std::condition_variable room_;
  std::string filling_;
  size_t filling_count_ = 0;
  size_t wake_at_bytes_ = 1;
  uint64_t dropped_ = 0;
  bool overloaded_ = false, closed_ = false;
  std::string emptying_;  // the main loop's alone
};

}  // namespace tributary::edge
