// SPDX-License-Identifier: Apache-2.0
// Arithmetic on 128 bits and on carries, with the compiler's 128-bit type where it exists and without it on 32-bit
// machines.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>

namespace tributary::stats {

static_assert(std::endian::native == std::endian::little, "limbs are copied to and from little-endian bytes");

struct Wide {
  uint64_t high = 0, low = 0;
  friend constexpr bool operator==(const Wide&, const Wide&) = default;
  friend constexpr auto operator<=>(const Wide&, const Wide&) = default;
};

// How it is done without help from the machine; a test holds the shorter ways against these.
namespace portable {

inline uint8_t add_carry(uint8_t carry, uint64_t a, uint64_t b, uint64_t& sum) {
  uint64_t partial = a + b;
  uint64_t total = partial + carry;
  sum = total;
  return static_cast<uint8_t>((partial < a) | (total < partial));
}

inline Wide multiply(uint64_t a, uint64_t b) {
  uint64_t a0 = static_cast<uint32_t>(a), a1 = a >> 32, b0 = static_cast<uint32_t>(b), b1 = b >> 32;
  uint64_t low = a0 * b0;
  uint64_t middle = a1 * b0 + (low >> 32);
  uint64_t cross = a0 * b1 + static_cast<uint32_t>(middle);
  return {a1 * b1 + (middle >> 32) + (cross >> 32), (cross << 32) | static_cast<uint32_t>(low)};
}

inline uint64_t divide(Wide number, uint64_t divisor, uint64_t& remainder) {
  uint64_t high = number.high, low = number.low;
  for (int i = 0; i < 64; ++i) {
    bool out = (high >> 63) != 0;
    high = (high << 1) | (low >> 63);
    low <<= 1;
    if (out || high >= divisor) {
      high -= divisor;
      low |= 1;
    }
  }
  remainder = high;
  return low;
}

inline void add_to(uint64_t (&limbs)[3], Wide value) {
  uint8_t carry = portable::add_carry(0, limbs[0], value.low, limbs[0]);
  carry = portable::add_carry(carry, limbs[1], value.high, limbs[1]);
  limbs[2] += carry;
}

inline void add_to(uint64_t (&limbs)[2], Wide value) {
  uint8_t carry = portable::add_carry(0, limbs[0], value.low, limbs[0]);
  limbs[1] += value.high + carry;
}

}  // namespace portable

// sum = a + b + carry; returns the carry out. carry is 0 or 1.
inline uint8_t add_carry(uint8_t carry, uint64_t a, uint64_t b, uint64_t& sum) {
#if defined(__x86_64__)
  unsigned long long out;
  uint8_t carry_out = __builtin_ia32_addcarryx_u64(carry, a, b, &out);
  sum = out;
  return carry_out;
#else
  return portable::add_carry(carry, a, b, sum);
#endif
}

// difference = a - b - borrow; returns the borrow out. borrow is 0 or 1.
inline uint8_t subtract_borrow(uint8_t borrow, uint64_t a, uint64_t b, uint64_t& difference) {
  uint64_t partial = a - b;
  uint64_t total = partial - borrow;
  uint8_t out = static_cast<uint8_t>((a < b) | (partial < borrow));
  difference = total;
  return out;
}

// limbs += value; the carry out is lost. In assembly where it matters: compilers build these carries by way of vector
// registers, which makes the next addition wait.
inline void add_to(uint64_t (&limbs)[3], Wide value) {
#if defined(__x86_64__)
  __asm__("addq %3, %0\n\tadcq %4, %1\n\tadcq $0, %2"
          : "+m"(limbs[0]), "+m"(limbs[1]), "+m"(limbs[2])
          : "r"(value.low), "r"(value.high)
          : "cc");
#else
  portable::add_to(limbs, value);
#endif
}

inline void add_to(uint64_t (&limbs)[2], Wide value) {
#if defined(__x86_64__)
  __asm__("addq %2, %0\n\tadcq %3, %1" : "+m"(limbs[0]), "+m"(limbs[1]) : "r"(value.low), "r"(value.high) : "cc");
#else
  portable::add_to(limbs, value);
#endif
}

inline Wide multiply(uint64_t a, uint64_t b) {
#if defined(__SIZEOF_INT128__)
  __extension__ using Native = unsigned __int128;
  Native product = static_cast<Native>(a) * b;
  return {static_cast<uint64_t>(product >> 64), static_cast<uint64_t>(product)};
#else
  return portable::multiply(a, b);
#endif
}

// Quotient of a 128-bit number; remainder is set. REQUIRES: number.high < divisor (the quotient fits 64 bits).
inline uint64_t divide(Wide number, uint64_t divisor, uint64_t& remainder) {
#if defined(__SIZEOF_INT128__)
  __extension__ using Native = unsigned __int128;
  Native native = (static_cast<Native>(number.high) << 64) | number.low;
  remainder = static_cast<uint64_t>(native % divisor);
  return static_cast<uint64_t>(native / divisor);
#else
  return portable::divide(number, divisor, remainder);
#endif
}

// Counts of readings stop here. No fleet gets there, only forged partials do, and 2^63 further single additions do not
// happen: so adding one needs no check, and only merging and reading saturate.
inline constexpr uint64_t kCountSaturated = uint64_t{1} << 63;

inline uint64_t clamp_count(uint64_t count) { return count < kCountSaturated ? count : kCountSaturated; }

// Associative and commutative, so counts that saturate are still a function of the set alone.
inline uint64_t saturating_add(uint64_t a, uint64_t b) {
  uint64_t room = kCountSaturated - clamp_count(b);
  return a >= room ? kCountSaturated : a + clamp_count(b);
}

}  // namespace tributary::stats
