// SPDX-License-Identifier: Apache-2.0
// Sink: where the feed puts its messages. Kafka's is kafka_sink.h; tests have one that fails when told to.
#pragma once

#include <functional>
#include <string>

#include "common/runtime/result.h"

namespace tributary::feed {

enum class Topic { kWindows, kDeadLetters };

struct FeedRecord {
  Topic topic = Topic::kWindows;
  std::string placed_by;  // messages with the same bytes here keep their order
  std::string key, value;
  std::string reason;  // of a dead letter: travels as a header too
};

// Thread-safe.
class Sink {
 public:
  // Runs once, on the sink's thread: the message is durable, or it failed (then it may be there all the same).
  using Done = std::function<void(const Status&)>;
  virtual ~Sink() = default;
  // Makes what is missing there (topics). An error while it cannot be reached or is not as it must be.
  virtual Status prepare() = 0;
  // kBusy: full for the moment; then done is not called. REQUIRES: prepare() went well once.
  virtual Status put(const FeedRecord& message, Done done) = 0;
  // Empty when well; otherwise one sentence.
  virtual std::string trouble() const = 0;
};

}  // namespace tributary::feed
