// SPDX-License-Identifier: Apache-2.0
// Reading: one value of one metric at one time, as a sender said it. Every entrance, whatever its protocol, turns what
// comes in into Readings at the door and hands them to a ReadingSink; nothing behind the door knows the protocol.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/base/time.h"
#include "common/series/names.h"
#include "common/series/series.h"

namespace tributary::reading {

// Why something was refused. to_string gives the metric label, snake_case.
enum class Reject : uint8_t {
  kBadJson,
  kTooDeep,
  kTooLarge,
  kTooMany,
  kNotANumber,
  kOutOfRange,
  kBadTimestamp,
  kFuture,
  kBadName,
  kNoDevice,
  kNoValue,
  kUnknownTopic,
  kRetained,
  kOutOfOrder,     // a counter's value from before its last one
  kOverload,       // more than could be taken in
  kUnexpectedKey,  // a key or a user where the metric's kind is a number
  kTooOld,         // further back than the entrance takes
  // What is left out of an object and no fault of its other fields (ReadingSink::leave_out).
  kTextField,
  kNullField,
  kLongArray,
  kCount,
};
const char* to_string(Reject reason);

// What was measured. A gauge or counter has a number; key (what was counted) and who (by whom) are for events, and
// empty otherwise.
struct Value {
  double number = 0;
  std::string_view key, who;
};

// Views live during the call only.
struct Reading {
  std::string_view device, metric;
  std::span<const LabelView> labels;  // in any order, each key once
  std::string_view unit;              // a label like any other; empty: the sender named none
  std::optional<int64_t> time_ns;     // event time; nothing: the time of arrival
  Value value;
};

// Receives what was found. Whoever implements it judges what an entrance cannot: names, times, numbers.
class ReadingSink {
 public:
  virtual ~ReadingSink() = default;
  // arrived: when the message came, on both clocks. False: refused, and counted by the sink.
  virtual bool accept(const Reading& reading, Instant arrived) = 0;
  // Counts what was refused before it became a reading. found: what stood there, cut to 80 bytes and made printable;
  // expected: a phrase ("a number"); count: how many alike.
  virtual void reject(Reject reason, std::string_view found, std::string_view expected, uint64_t count) = 0;
  void reject(Reject reason, std::string_view found, std::string_view expected) { reject(reason, found, expected, 1); }
  // Counts a field that is no reading beside others that are: a text, a null, an array too long to be metrics. field:
  // its name, made printable.
  virtual void leave_out(Reject /*reason*/, std::string_view /*field*/) {}
};

// Puts what a reading says of its series beside the labels that were configured for it: the sender's word counts where
// both name the same key. Sorted afterwards; a key that the sender named twice stays twice, for check_series to refuse.
void add_labels(const Reading& reading, std::vector<Label>& labels);

}  // namespace tributary::reading
