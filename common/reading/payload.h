// SPDX-License-Identifier: Apache-2.0
// What senders say, turned into readings: JSON objects, arrays of them, plain numbers, timestamps as decimals.
// Any bytes are survived; what does not fit is rejected with a reason and disturbs nothing else in the same payload.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/reading/reading.h"

namespace tributary::reading {

// What a clock on the wall of the sender's place, in seconds as if it showed UTC, means in seconds since 1970. An hour
// that the clock shows twice is the earlier one.
using LocalTime = std::function<int64_t(int64_t local_s)>;

struct PayloadLimits {
  size_t bytes_max = 256 * 1024;
  int depth_max = 8;      // objects and arrays inside one another, the outermost counted
  int fields_max = 1024;  // numeric and boolean fields of one object, nested ones included
  // Which fields of the top level are event time; where an object has several, the earlier in this list counts.
  std::vector<std::string> time_fields = {"timestamp", "ts", "time"};
  size_t elements_max = 16;    // of an array that becomes metrics
  bool decimal_comma = false;  // "21,5" in a text is a number, too
  LocalTime local_time = {};   // for times without a zone; nothing: they are refused
};

// Under which name a field is a reading.
class FieldNames {
 public:
  virtual ~FieldNames() = default;
  // The metric of a field whose flattened name is name; nothing: the field is not wanted. The view lives until the next
  // call.
  virtual std::optional<std::string_view> metric_of(std::string_view name) = 0;
};

// A JSON object: numeric and boolean fields become readings, text that is a number as well ("37.8"; "21,5" with
// decimal_comma; not "007", which names something). Nested objects and arrays are flattened with '_' (c_0, c_1). Other
// text, nulls and arrays of more than elements_max are left out and counted (leave_out); a string that reads as NaN or
// Infinity, and numbers beyond double such as 1e999, are rejected. A byte order mark before and NULs behind are no part
// of it.
// timestamp, ts or time at the top level is event time and no reading; device_id or device at the top level is the
// device where default_device is empty, and no reading. An array of objects is taken one by one.
//
// What is refused, and how much with it:
//   the whole payload   kBadJson (not JSON to the last byte), kTooDeep, kTooLarge: one rejection, no readings
//   one object          kBadTimestamp (a time that is none must not become arrival time), kNoDevice, kTooMany, kNoValue
//   (nothing
//                       but text in it): one rejection, no readings of this object
//   one field           kNotANumber (NaN, Infinity: as text, and bare as printf writes them), kOutOfRange, kBadName:
//   the others count. kBadName also: fields of different names that would be one metric ("a b" beside "a_b").
// A name that comes twice in an object is two readings: the sender said both. A number too small for a double is 0, as
// rounding has it. Readings come first, rejections after them. Not thread-safe: one PayloadParser a thread (it keeps
// its buffers).
class PayloadParser {
 public:
  explicit PayloadParser(PayloadLimits limits = {});
  ~PayloadParser();
  PayloadParser(const PayloadParser&) = delete;
  PayloadParser& operator=(const PayloadParser&) = delete;
  void parse_json(std::string_view payload, std::string_view default_device, Instant arrived, ReadingSink& sink,
                  FieldNames* names = nullptr);
  // A plain number (also true/false/on/off as 1/0) for one metric.
  void parse_plain(std::string_view payload, std::string_view device, std::string_view metric, Instant arrived,
                   ReadingSink& sink);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One number, all of text (JSON's grammar, and a leading + or point as well); correctly rounded. kNotANumber or
// kOutOfRange otherwise.
std::optional<double> parse_number(std::string_view text, Reject& why);

// RFC 3339 (the zone also as +0100 or +01), or Unix seconds, milli-, micro- or nanoseconds told apart by magnitude
// (below 1e11 s, below 1e14 ms, below 1e17 us, else ns), decimals allowed ("1594598424.5023336" is exact to the
// nanosecond: digits beyond are cut), exponents allowed. Never through a double. local_time: what a time without a zone
// means; without it such a time is none. nullopt: not a timestamp, or outside int64 nanoseconds.
std::optional<int64_t> parse_timestamp(std::string_view text, const LocalTime& local_time = {});
inline constexpr const char* kTimeExpected =
    "RFC 3339 with a zone (or timezone in the source's table), or Unix seconds, milli-, micro- or nanoseconds";

// The payload without a byte order mark at its beginning and NULs at its end, which some senders add.
std::string_view payload_text(std::string_view payload);

// RFC 3339 in UTC with as many fraction digits as needed (none to nine): "2026-11-20T23:51:20.5Z".
std::string format_timestamp(int64_t time_ns);

}  // namespace tributary::reading
