// SPDX-License-Identifier: Apache-2.0
// Summary: all mergeable statistics of one set of numbers, folded over a list of parts. The parts are numeric (count,
// exact sums, extremes, first and last) and distribution (histogram). Freestanding: no heap, exceptions, clock or I/O.
//
// Equal sets of readings give equal encoded bytes, whatever the order of add and merge. merge is associative and
// commutative. The encoded form is specified in common/stats/FORMAT.md.
//
// A new statistic is one file with its part and one word in the list NumberParts at the end of this header. A part has
//   kName, kBit (of the encoded form's first byte), kBytesMax (no encoded part is longer),
//   take(time_ns, number)         one reading; REQUIRES: the number is finite
//   merge(part), clear(), empty()
//   encode(ByteWriter&)           the one canonical form; only called where it is not empty
//   View                          a checked encoded form, which may point into its bytes; has empty()
//   static parse(reader, view)    false: not canonical
//   merge(view)
//   shift_time(delta_ns)          only where it keeps times
// Each part has its own count, so summaries that were stored before a part was there still merge with those after it.
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "common/base/bytes.h"
#include "common/stats/distribution.h"
#include "common/stats/numeric.h"

namespace tributary::stats {

// True if a reading of this value can be added: finite.
bool is_acceptable(double value);

// What encoded bytes say of themselves, without a summary to hold them.
struct SummaryFacts {
  bool empty = true;
  uint64_t count = 0;      // of the numeric part
  TimedValue first, last;  // of the numeric part; meaningless where count is 0
};

// A list of parts, in the order of their bits. The first is a Numeric, whose input type is that of the readings;
// Distribution is one of the others: the two together have a short form for one reading.
template <class NumericPart, class... Others>
struct Parts {};

template <class List>
class SummaryOf;

// Not safe to use from two threads at once.
template <class NumericPart, class... Others>
class SummaryOf<Parts<NumericPart, Others...>> : private NumericPart, private Others... {
 public:
  using Number = typename NumericPart::Number;
  using Facts = SummaryFacts;
  // No encoded summary is longer.
  static constexpr size_t kBytesMax = NumericPart::kBytesMax + (Others::kBytesMax + ...) + 16;

  // Adds one reading. REQUIRES: is_acceptable(value). -0 counts as +0. Cost: some nanoseconds.
  void add(int64_t time_ns, Number value) {
    NumericPart::take(time_ns, value);
    (Others::take(time_ns, value), ...);
  }
  void merge(const SummaryOf& other);
  void clear();
  // As Numeric::shift_time, in every part that keeps times.
  void shift_time(int64_t delta_ns);
  bool empty() const { return NumericPart::empty() && (Others::empty() && ...); }

  // Writes the one encoded form; returns its size, 0 if out is too small (kBytesMax always suffices).
  size_t encode(std::span<uint8_t> out) const;
  // Replaces the content. False (and empty) if bytes are not exactly one canonical encoded summary.
  bool decode(Bytes bytes);
  // merge(decode(bytes)) without a second summary. False (and unchanged) as for decode.
  bool merge_encoded(Bytes bytes);
  // False as for decode.
  static bool inspect(Bytes bytes, Facts& facts);

  template <class Part>
  const Part& part() const {
    return *this;
  }
  const NumericPart& numeric() const { return *this; }
  const Distribution& distribution() const { return *this; }
  // Calls visit with each part, in the order of their bits.
  template <class Visit>
  void each_part(Visit visit) const {
    visit(numeric());
    (visit(part<Others>()), ...);
  }

 private:
  struct Parsed;
  static bool parse(Bytes bytes, Parsed& parsed);
  bool is_one_reading() const;

  static_assert((std::is_same_v<Others, Distribution> || ...), "the short form of one reading is of both");
  static constexpr uint8_t kAllBits = (NumericPart::kBit | ... | Others::kBit);
  static_assert(kAllBits < 0x80 && kAllBits == (NumericPart::kBit + ... + Others::kBit),
                "one bit a part, 0x80 is taken");
};

// The list: what is kept of a set of numbers. Input is double, or float on devices whose readings are floats: the same
// encoded bytes from less memory.
template <class Input>
using NumberParts = Parts<Numeric<Input>, Distribution>;

using Summary = SummaryOf<NumberParts<double>>;
using DeviceSummary = SummaryOf<NumberParts<float>>;
extern template class SummaryOf<NumberParts<double>>;
extern template class SummaryOf<NumberParts<float>>;

inline constexpr size_t kSummaryBytesMax = Summary::kBytesMax;
static_assert(sizeof(Summary) <= 8192, "a gateway keeps a thousand of them");

}  // namespace tributary::stats
