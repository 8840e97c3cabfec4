// SPDX-License-Identifier: Apache-2.0
// What senders say, turned into readings: JSON objects, arrays of them, plain numbers, timestamps as decimals.
// Any bytes are survived; what does not fit is rejected with a reason and disturbs nothing else in the same payload.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  kCount,
};
const char* to_string(Reject reason);

struct FieldReading {
  std::string_view metric;  // a valid metric name, nested names joined with '_'
  double value = 0;         // finite; booleans are 0 and 1
};

// Receives what was found. Views live during the call only.
class PayloadSink {
 public:
  virtual void on_reading(std::string_view device, std::optional<int64_t> time_ns, const FieldReading& reading) = 0;
  // found: what stood there, cut to 80 bytes and made printable; expected: a phrase ("a number").
  virtual void on_reject(Reject reason, std::string_view found, std::string_view expected) = 0;

 protected:
  ~PayloadSink() = default;
};

struct PayloadLimits {
  size_t bytes_max = 256 * 1024;
  int depth_max = 8;      // objects and arrays inside one another, the outermost counted
  int fields_max = 1024;  // numeric and boolean fields of one object, nested ones included
  // Which fields of the top level are event time; where an object has several, the earlier in this list counts.
  std::vector<std::string> time_fields = {"timestamp", "ts", "time"};
};

// A JSON object: numeric and boolean fields become readings, nested objects are flattened with '_', strings, nulls and
// arrays are skipped (a string that reads as NaN or Infinity, and numbers beyond double such as 1e999, are rejected).
// timestamp, ts or time at the top level is event time and no reading; device_id or device at the top level is the
// device where default_device is empty, and no reading. An array of objects is taken one by one.
//
// What is refused, and how much with it:
//   the whole payload   kBadJson (not JSON to the last byte), kTooDeep, kTooLarge: one rejection, no readings
//   one object          kBadTimestamp (a time that is none must not become arrival time), kNoDevice, kTooMany, kNoValue
//   (nothing
//                       but text in it): one rejection, no readings of this object
//   one field           kNotANumber (NaN, Infinity: as text, and bare as printf writes them), kOutOfRange, kBadName:
//   the others count
// A name that comes twice in an object is two readings: the sender said both. A number too small for a double is 0, as
// rounding has it. Readings come first, rejections after them. Not thread-safe: one PayloadParser a thread (it keeps
// its buffers).
class PayloadParser {
 public:
  explicit PayloadParser(PayloadLimits limits = {});
  ~PayloadParser();
  PayloadParser(const PayloadParser&) = delete;
  PayloadParser& operator=(const PayloadParser&) = delete;
  void parse_json(std::string_view payload, std::string_view default_device, PayloadSink& sink);
  // A plain number (also true/false/on/off as 1/0) for one metric.
  void parse_plain(std::string_view payload, std::string_view device, std::string_view metric, PayloadSink& sink);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One number, all of text (JSON's grammar, and a leading + or point as well); correctly rounded. kNotANumber or
// kOutOfRange otherwise.
std::optional<double> parse_number(std::string_view text, Reject& why);

// RFC 3339, or Unix seconds, milli-, micro- or nanoseconds told apart by magnitude (below 1e11 s, below 1e14 ms, below
// 1e17 us, else ns), decimals allowed ("1594598424.5023336" is exact to the nanosecond: digits beyond are cut),
// exponents allowed. Never through a double. nullopt: not a timestamp, or outside int64 nanoseconds.
std::optional<int64_t> parse_timestamp(std::string_view text);

// RFC 3339 in UTC with as many fraction digits as needed (none to nine): "2026-11-20T23:51:20.5Z".
std::string format_timestamp(int64_t time_ns);

}  // namespace tributary::reading
