// SPDX-License-Identifier: Apache-2.0
// The arithmetic below the accumulators: the machine's ways and the portable ones a microcontroller takes are the same.
#include "common/stats/wide.h"

#include <gtest/gtest.h>

#include <random>

namespace tributary::stats {
namespace {

uint64_t edgy(std::mt19937_64& random) {
  switch (random() % 4) {
    case 0:
      return random() % 3 - 1;
    case 1:
      return (uint64_t{1} << random() % 64) - random() % 2;
    default:
      return random();
  }
}

TEST(Wide, PortableAndNativeArithmeticAgree) {
  std::mt19937_64 random(9);
  for (int i = 0; i < 200000; ++i) {
    uint64_t a = edgy(random), b = edgy(random), c = edgy(random);
    EXPECT_EQ(multiply(a, b), portable::multiply(a, b));

    uint8_t carry = static_cast<uint8_t>(random() % 2);
    uint64_t sum, portable_sum;
    EXPECT_EQ(add_carry(carry, a, b, sum), portable::add_carry(carry, a, b, portable_sum));
    EXPECT_EQ(sum, portable_sum);
    uint64_t difference, back;
    uint8_t borrow = subtract_borrow(carry, a, b, difference);
    EXPECT_EQ(add_carry(carry, difference, b, back), borrow);
    EXPECT_EQ(back, a);

    uint64_t three[3] = {a, b, c}, portable_three[3] = {a, b, c}, two[2] = {a, b}, portable_two[2] = {a, b};
    Wide value = {edgy(random), edgy(random)};
    add_to(three, value);
    portable::add_to(portable_three, value);
    add_to(two, value);
    portable::add_to(portable_two, value);
    for (int j = 0; j < 3; ++j) EXPECT_EQ(three[j], portable_three[j]);
    for (int j = 0; j < 2; ++j) EXPECT_EQ(two[j], portable_two[j]);

    if (c == 0) continue;
    uint64_t remainder, portable_remainder;
    Wide number = {a % c, b};
    EXPECT_EQ(divide(number, c, remainder), portable::divide(number, c, portable_remainder));
    EXPECT_EQ(remainder, portable_remainder);
  }
}

TEST(Wide, SaturatingAdditionStopsAtItsBoundInAnyOrder) {
  std::mt19937_64 random(10);
  for (int i = 0; i < 100000; ++i) {
    uint64_t a = edgy(random), b = edgy(random), c = edgy(random);
    EXPECT_EQ(saturating_add(a, b), saturating_add(b, a));
    EXPECT_EQ(saturating_add(saturating_add(a, b), c), saturating_add(a, saturating_add(b, c)));
    EXPECT_LE(saturating_add(a, b), kCountSaturated);
    if (a < kCountSaturated / 2 && b < kCountSaturated / 2) {
      EXPECT_EQ(saturating_add(a, b), a + b);
    }
  }
}

}  // namespace
}  // namespace tributary::stats
