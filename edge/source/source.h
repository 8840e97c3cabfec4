// SPDX-License-Identifier: Apache-2.0
// Source: where readings come from. It turns what comes in into readings and knows the sink that takes them, and
// nothing behind it. Receiving may happen on any thread; everything here is called by the main loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/time.h"
#include "common/reading/reading.h"

namespace tributary::edge {

class Source {
 public:
  virtual ~Source() = default;
  virtual void start() = 0;
  // Hands to the sink what has arrived or is due; returns how many messages that were.
  virtual size_t drain(reading::ReadingSink& sink, Instant now) = 0;
  // When drain wants to be called although nobody woke the loop, on the monotonic clock.
  virtual int64_t due_ns() const = 0;
  // Nothing arrives after; what has arrived can still be drained.
  virtual void stop() = 0;
  // For --explain: reads one message as if it had just arrived, if it is one that this source would hear; false if not.
  // Never together with start.
  virtual bool explain(std::string_view /*topic*/, std::string_view /*payload*/, Instant /*now*/,
                       reading::ReadingSink& /*sink*/) {
    return false;
  }
  // True while what senders say now arrives here.
  virtual bool listening() const { return true; }
};

}  // namespace tributary::edge
