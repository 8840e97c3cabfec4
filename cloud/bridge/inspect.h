// SPDX-License-Identifier: Apache-2.0
// Looks at one uplink message whole, so that what the bridge appends as a message can be merged by every aggregator.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/bytes.h"
#include "common/message/decoder.h"
#include "common/wire/message.h"

namespace tributary::bridge {

enum class Fate {
  kMessage,   // can be merged
  kRejected,  // cannot, but its header is sound: append it as rejected, its seqs are settled
  kUnknown,   // of a newer version or feature: neither appended nor acknowledged, so that it comes again after the
              // upgrade
  kUseless,   // nothing in it can be trusted, or its seqs make no sense: neither appended nor acknowledged
};

struct Inspection {
  Fate fate = Fate::kUseless;
  wire::Header header;          // sound for kMessage and kRejected
  std::string reason;           // not kMessage: as a metric's label
  std::string found, expected;  // not kMessage: for the log line
};

// Keeps its working memory (a decoder) between calls. Not thread-safe.
class Inspector {
 public:
  // A message is rejected ("future") if all it carries are windows that start, or hold a reading, more than
  // max_future_s ahead. Where only some do, the aggregator rejects those one by one, against the same clock (the
  // record's append time).
  explicit Inspector(int64_t max_future_s) : max_future_s_(max_future_s) {}
  Inspection inspect(Bytes message, int64_t now_ns);

 private:
  void reject_future(Inspection& result, int64_t latest_s) const;

  const int64_t max_future_s_;
  message::MessageDecoder decoder_;
};

}  // namespace tributary::bridge
