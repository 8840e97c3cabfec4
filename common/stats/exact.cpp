// SPDX-License-Identifier: Apache-2.0
// Multi-limb integers in fixed arrays: long division, square root and the final rounding.
#include "common/stats/exact.h"

#include <bit>

#include "common/stats/wide.h"

namespace tributary::stats {
namespace {

// The leading bits of an integer: significand * 2^exponent, its top bit set, and whether anything was left below it.
struct Leading {
  uint64_t significand = 0;
  int exponent = 0;
  bool sticky = false;
};

// The one rounding. REQUIRES: the top bit of the significand is set.
Answer round_to_double(bool negative, const Leading& value) {
  int top = value.exponent + 63;  // the weight of the leading bit
  if (top > 1023) return {Answer::Kind::kOverflow, 0};
  bool subnormal = top < -1022;
  int shift = 11 + (subnormal ? -1022 - top : 0);
  uint64_t bits = 0;
  if (shift < 64) {
    bits = value.significand >> shift;
    uint64_t rest = value.significand << (64 - shift);
    constexpr uint64_t kHalf = uint64_t{1} << 63;
    if (rest > kHalf || (rest == kHalf && (value.sticky || (bits & 1) != 0))) ++bits;
  } else if (shift == 64) {
    // The leading bit is half of the least subnormal: exactly half is a tie and goes to zero, which is even.
    bits = (value.significand << 1) != 0 || value.sticky;
  }
  // A carry out of the significand moves into the exponent field, which is just what the next greater double is.
  if (!subnormal) bits += static_cast<uint64_t>(top + 1022) << 52;
  if (bits >= (uint64_t{0x7ff} << 52)) return {Answer::Kind::kOverflow, 0};
  if (negative && bits != 0) bits |= uint64_t{1} << 63;
  return {Answer::Kind::kValue, std::bit_cast<double>(bits)};
}

int trimmed_size(const uint64_t* limbs, int size) {
  while (size > 0 && limbs[size - 1] == 0) --size;
  return size;
}

bool any_bit(const uint64_t* limbs, int size) {
  for (int i = 0; i < size; ++i) {
    if (limbs[i] != 0) return true;
  }
  return false;
}

// REQUIRES: size > 0 and the last limb is not zero.
Leading leading_bits(const uint64_t* limbs, int size, int exponent) {
  uint64_t high = limbs[size - 1], low = size > 1 ? limbs[size - 2] : 0;
  int shift = std::countl_zero(high);
  Leading out;
  out.significand = shift == 0 ? high : (high << shift) | (low >> (64 - shift));
  out.exponent = exponent + 64 * (size - 1) - shift;
  out.sticky = (low << shift) != 0 || any_bit(limbs, size - 2);
  return out;
}

// Divides in place; returns whether the remainder is not zero.
bool divide_limbs(uint64_t* limbs, int size, uint64_t divisor) {
  uint64_t remainder = 0;
  for (int i = size - 1; i >= 0; --i) limbs[i] = divide({remainder, limbs[i]}, divisor, remainder);
  return remainder != 0;
}

// out[0 .. size] = value[0 .. size - 1] * factor
void multiply_limbs(const uint64_t* value, int size, uint64_t factor, uint64_t* out) {
  uint64_t carry = 0;
  for (int i = 0; i < size; ++i) {
    Wide product = multiply(value[i], factor);
    product.high += add_carry(0, product.low, carry, out[i]);
    carry = product.high;
  }
  out[size] = carry;
}

// out -= value * factor, at limb `at` of out. Returns false if it fell below zero.
bool subtract_product(uint64_t* out, int out_size, int at, const uint64_t* value, int size, uint64_t factor) {
  uint64_t carry = 0;
  uint8_t borrow = 0;
  int i = at;
  for (int j = 0; j < size; ++j, ++i) {
    Wide product = multiply(value[j], factor);
    uint64_t low;
    product.high += add_carry(0, product.low, carry, low);
    carry = product.high;
    borrow = subtract_borrow(borrow, out[i], low, out[i]);
  }
  for (; i < out_size && (carry != 0 || borrow != 0); ++i) {
    borrow = subtract_borrow(borrow, out[i], carry, out[i]);
    carry = 0;
  }
  return carry == 0 && borrow == 0;
}

// floor of the root of a number whose root has 64 bits; exact says whether nothing was lost.
uint64_t square_root(Wide number, bool& exact) {
  uint64_t root = 0;
  for (int bit = 63; bit >= 0; --bit) {
    uint64_t trial = root | (uint64_t{1} << bit);
    if (multiply(trial, trial) <= number) root = trial;
  }
  exact = multiply(root, root) == number;
  return root;
}

}  // namespace

Answer round_limbs(bool negative, const Limbs& value) {
  int size = trimmed_size(value.limbs, value.size);
  if (size == 0) return {Answer::Kind::kValue, 0};
  return round_to_double(negative, leading_bits(value.limbs, size, value.exponent));
}

Answer round_quotient(bool negative, const Limbs& value, uint64_t divisor) {
  // Two limbs below the value: the quotient then has at least 64 bits.
  constexpr int kExtra = 2;
  uint64_t quotient[kLimbsMax + kExtra];
  int size = trimmed_size(value.limbs, value.size);
  if (size == 0) return {Answer::Kind::kValue, 0};
  for (int i = 0; i < kExtra; ++i) quotient[i] = 0;
  for (int i = 0; i < size; ++i) quotient[i + kExtra] = value.limbs[i];
  size += kExtra;
  bool rest = divide_limbs(quotient, size, divisor);
  Leading leading = leading_bits(quotient, trimmed_size(quotient, size), value.exponent - 64 * kExtra);
  leading.sticky |= rest;
  return round_to_double(negative, leading);
}

Answer round_moment(Moment moment, const Limbs& sum, const Limbs& squares, uint64_t count) {
  // Four limbs below the numerator: divided by up to 128 bits, it keeps at least 129, enough for a root of 64 bits.
  constexpr int kExtra = 4;
  uint64_t buffer[2 * kLimbsMax + 1 + kExtra];
  for (int i = 0; i < kExtra; ++i) buffer[i] = 0;
  uint64_t* numerator = buffer + kExtra;
  int size = squares.size + 1;
  multiply_limbs(squares.limbs, squares.size, count, numerator);
  bool sound = true;
  for (int i = 0; i < sum.size; ++i) {
    sound &= subtract_product(numerator, size, i, sum.limbs, sum.size, sum.limbs[i]);
  }
  // Below zero is impossible for readings, but not for what a hostile sender encodes.
  if (!sound) return {Answer::Kind::kValue, 0};
  size = trimmed_size(numerator, size);
  if (size == 0) return {Answer::Kind::kValue, 0};
  size += kExtra;
  // floor(floor(x / a) / b) = floor(x / (a b)), and something is left of the whole if it is left of either.
  bool rest = divide_limbs(buffer, size, count);
  rest |= divide_limbs(buffer, size, count - 1);
  size = trimmed_size(buffer, size);
  int exponent = squares.exponent - 64 * kExtra;
  Leading leading = leading_bits(buffer, size, exponent);
  if (moment == Moment::kVariance) {
    leading.sticky |= rest;
    return round_to_double(false, leading);
  }
  // The leading 128 bits, or 127 so that the exponent is even; at least 129 are there.
  int shift = std::countl_zero(buffer[size - 1]);
  uint64_t third = buffer[size - 3];
  Wide number = {leading.significand, buffer[size - 2] << shift};
  if (shift != 0) number.low |= third >> (64 - shift);
  rest |= (third << shift) != 0 || any_bit(buffer, size - 3);
  int number_exponent = leading.exponent - 64;
  if (number_exponent % 2 != 0) {
    rest |= (number.low & 1) != 0;
    number.low = (number.low >> 1) | (number.high << 63);
    number.high >>= 1;
    ++number_exponent;
  }
  bool exact = false;
  Leading root = {square_root(number, exact), number_exponent / 2, false};
  root.sticky = rest || !exact;
  return round_to_double(false, root);
}

}  // namespace tributary::stats
