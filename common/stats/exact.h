// SPDX-License-Identifier: Apache-2.0
// From exact integers to the nearest double: one rounding, ties to even, subnormal results too.
#pragma once

#include <cstdint>

namespace tributary::stats {

// An answer that is a double, or none with its reason.
struct Answer {
  enum class Kind {
    kValue,
    kNone,
    kOverflow
  };  // kNone: does not exist (stddev of one reading); kOverflow: beyond double
  Kind kind = Kind::kNone;
  double value = 0;
};

// An integer of size limbs, the least significant first, times 2^exponent.
struct Limbs {
  const uint64_t* limbs = nullptr;
  int size = 0;
  int exponent = 0;
};

// No sum has more limbs than this (Accumulator<double>), no sum of squares more than twice as many.
inline constexpr int kLimbsMax = 34;

// A result that rounds to zero is +0.
Answer round_limbs(bool negative, const Limbs& value);
// value / divisor. REQUIRES: divisor > 0, value.size <= kLimbsMax.
Answer round_quotient(bool negative, const Limbs& value, uint64_t divisor);

// The sample variance (count * squares - sum^2) / (count * (count - 1)), or its root, from exact sums.
// REQUIRES: count >= 2, sum.size <= kLimbsMax, squares.size == 2 * sum.size, squares.exponent == 2 * sum.exponent.
enum class Moment { kVariance, kStddev };
Answer round_moment(Moment moment, const Limbs& sum, const Limbs& squares, uint64_t count);

}  // namespace tributary::stats
