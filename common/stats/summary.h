// SPDX-License-Identifier: Apache-2.0
// Summary: all mergeable statistics of one set of readings. The parts are numeric (count, exact sums, extremes, first
// and last) and distribution (histogram). Freestanding: no heap, exceptions, clock or I/O.
//
// Equal sets of readings give equal encoded bytes, whatever the order of add and merge. merge is associative and
// commutative. The encoded form is specified in common/stats/FORMAT.md.
#pragma once

#include <cstdint>
#include <span>

#include "common/base/bytes.h"
#include "common/stats/distribution.h"
#include "common/stats/numeric.h"

namespace tributary::stats {

// No encoded summary is longer.
inline constexpr size_t kSummaryBytesMax = kNumericBytesMax + kDistributionBytesMax + 16;

// True if a reading of this value can be added: finite.
bool is_acceptable(double value);

// Input: the type of the readings, double or float; see BasicNumeric. Not safe to use from two threads at once.
template <class Input>
class BasicSummary {
 public:
  // Adds one reading. REQUIRES: is_acceptable(value). -0 counts as +0. Cost: some nanoseconds.
  void add(int64_t time_ns, Input value) {
    numeric_.add(time_ns, value);
    distribution_.add(static_cast<double>(value));
  }
  void merge(const BasicSummary& other);
  void clear();
  void shift_time(int64_t delta_ns) { numeric_.shift_time(delta_ns); }  // as BasicNumeric::shift_time
  bool empty() const { return numeric_.count() == 0 && distribution_.empty(); }

  // Writes the one encoded form; returns its size, 0 if out is too small (kSummaryBytesMax always suffices).
  size_t encode(std::span<uint8_t> out) const;
  // Replaces the content. False (and empty) if bytes are not exactly one canonical encoded summary.
  bool decode(Bytes bytes);
  // merge(decode(bytes)) without a second Summary. False (and unchanged) as for decode.
  bool merge_encoded(Bytes bytes);

  // What encoded bytes say of themselves, without a Summary to hold them.
  struct Facts {
    bool empty = true;
    uint64_t count = 0;      // of the numeric part
    TimedValue first, last;  // of the numeric part; meaningless where count is 0
  };
  // False as for decode.
  static bool inspect(Bytes bytes, Facts& facts);

  const BasicNumeric<Input>& numeric() const { return numeric_; }
  const Distribution& distribution() const { return distribution_; }

 private:
  struct Parsed;
  static bool parse(Bytes bytes, Parsed& parsed);
  BasicNumeric<Input> numeric_;
  Distribution distribution_;
};

extern template class BasicSummary<double>;
extern template class BasicSummary<float>;
using Summary = BasicSummary<double>;
static_assert(sizeof(Summary) <= 8192, "a gateway keeps a thousand of them");

}  // namespace tributary::stats
