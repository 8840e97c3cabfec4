// SPDX-License-Identifier: Apache-2.0
// Conversions of distributions, against the definitions of those who read them, with irrational bounds compared
// exactly, by whole powers.
#include "cloud/render/buckets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace tributary::api {
namespace {

// The sign of |value| - 2^(index / 2^scale), exactly: both sides to the power 2^scale, in whole numbers of 64-bit
// limbs.
int compare_with_bound(double value, int scale, int32_t index) {
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(value), &exponent);  // [0.5, 1)
  // |value| = f * 2^e; compare f * 2^e with 2^(index / 2^scale).
  if (scale <= 0) {
    const int64_t octave = int64_t{index} << -scale;
    if (exponent - 1 != octave) return exponent - 1 < octave ? -1 : 1;
    return fraction == 0.5 ? 0 : 1;
  }
  const int64_t steps = int64_t{1} << scale;
  // 2 f in [1, 2), of octave e - 1. rest in [0, steps) is the bound's place in its octave.
  int64_t octave = index >> scale;
  const int64_t rest = index - octave * steps;
  if (exponent - 1 != octave) return exponent - 1 < octave ? -1 : 1;
  if (rest == 0) return fraction == 0.5 ? 0 : 1;
  // (2 f)^steps against 2^rest: square 2 f scale times, as an integer with all its bits.
  std::vector<uint64_t> power = {static_cast<uint64_t>(std::ldexp(fraction, 53))};
  int64_t shift = 52;  // 2 f = power / 2^shift
  for (int i = 0; i < scale; ++i) {
    std::vector<uint64_t> square(power.size() * 2);
    for (size_t a = 0; a < power.size(); ++a) {
      unsigned __int128 carry = 0;
      for (size_t b = 0; b < power.size(); ++b) {
        carry += static_cast<unsigned __int128>(power[a]) * power[b] + square[a + b];
        square[a + b] = static_cast<uint64_t>(carry);
        carry >>= 64;
      }
      square[a + power.size()] = static_cast<uint64_t>(carry);
    }
    while (square.size() > 1 && square.back() == 0) square.pop_back();
    power = std::move(square);
    shift *= 2;
  }
  // power against 2^(rest + shift): the number of bits decides; irrational bounds are never met but at whole octaves.
  const int64_t bits = static_cast<int64_t>(power.size()) * 64 - std::countl_zero(power.back());
  if (bits - 1 != rest + shift) return bits - 1 < rest + shift ? -1 : 1;
  const bool whole = std::all_of(power.begin(), power.end() - 1, [](uint64_t limb) { return limb == 0; }) &&
                     std::has_single_bit(power.back());
  return whole ? 0 : 1;
}

std::vector<double> hard_values() {
  std::vector<double> values = {1, 2,    4, 0.5, 5e-324, 1e-310, 2.2250738585072014e-308, 1.7976931348623157e308,
                                3, 1e300};
  for (int exponent = -1074; exponent <= 1023; exponent += 31) values.push_back(std::ldexp(1.0, exponent));
  // The doubles around irrational bounds.
  for (int index = -2048; index <= 2048; index += 61) values.push_back(std::exp2(index / 256.0));
  const size_t count = values.size();
  for (size_t i = 0; i < count; ++i) {
    values.push_back(std::nextafter(values[i], 0.0));
    if (values[i] < 1.7e308) values.push_back(std::nextafter(values[i], HUGE_VAL));
  }
  std::mt19937_64 random(7);
  for (int i = 0; i < 400; ++i)
    values.push_back(
        std::ldexp(1.0 + 0x1p-52 * static_cast<double>(random() >> 12), static_cast<int>(random() % 2000) - 1000));
  std::erase(values, 0.0);
  return values;
}

// The one bucket of a distribution of one value.
struct Single {
  int schema;
  int32_t index;
};
Single native_of(double value) {
  stats::Distribution distribution;
  distribution.add(value);
  const NativeHistogram native = native_histogram(distribution);
  const NativeSide& side = value < 0 ? native.negative : native.positive;
  EXPECT_EQ(side.spans.size(), 1u);
  EXPECT_EQ(side.spans[0].second, 1u);
  EXPECT_EQ(side.deltas, std::vector<int64_t>{1});
  EXPECT_TRUE((value < 0 ? native.positive : native.negative).spans.empty());
  return {native.schema, side.spans[0].first};
}

TEST(BucketsTest, APrometheusBucketHoldsItsUpperBoundAndNotItsLower) {
  for (const double magnitude : hard_values()) {
    for (const double value : {magnitude, -magnitude}) {
      const auto [schema, index] = native_of(value);
      EXPECT_EQ(schema, 8);
      EXPECT_GT(compare_with_bound(value, schema, index - 1), 0) << value;
      EXPECT_LE(compare_with_bound(value, schema, index), 0) << value;
    }
  }
  // By the definition: bucket 0 ends at 1, bucket 1 begins above it.
  EXPECT_EQ(native_of(1).index, 0);
  EXPECT_EQ(native_of(2).index, 256);
  EXPECT_EQ(native_of(std::nextafter(1.0, 2.0)).index, 1);
}

TEST(BucketsTest, AnOtlpBucketHoldsItsUpperBoundAndNotItsLower) {
  for (const double magnitude : hard_values()) {
    for (const double value : {magnitude, -magnitude}) {
      stats::Distribution distribution;
      distribution.add(value);
      const DenseHistogram dense = dense_histogram(distribution);
      const DenseSide& side = value < 0 ? dense.negative : dense.positive;
      ASSERT_EQ(side.counts, std::vector<uint64_t>{1});
      EXPECT_GT(compare_with_bound(value, dense.scale, side.offset), 0) << value;
      EXPECT_LE(compare_with_bound(value, dense.scale, side.offset + 1), 0) << value;
    }
  }
  stats::Distribution one;
  one.add(1);
  EXPECT_EQ(dense_histogram(one).positive.offset, -1);
}

// The index of the bucket of |value| at scale 8, without what is tested: a guess, moved until the bounds hold. At scale
// s it is that index shifted right, because every bound there is a bound here.
int64_t index_at_8(double value) {
  auto index = static_cast<int32_t>(std::floor(std::log2(std::fabs(value)) * 256));
  while (compare_with_bound(value, 8, index) <= 0) --index;
  while (compare_with_bound(value, 8, index + 1) > 0) ++index;
  return index;
}

// Random sets of all shapes: what each form says of every bucket is what a count of the readings says.
TEST(BucketsTest, EveryFormCountsWhatIsThere) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 60; ++round) {
    stats::Distribution distribution;
    std::vector<double> readings;
    const int size = 1 + static_cast<int>(random() % 600);
    const int octaves = 1 << (random() % 11);
    for (int i = 0; i < size; ++i) {
      double value = std::ldexp(1.0 + 0x1p-52 * static_cast<double>(random() >> 12),
                                static_cast<int>(random() % static_cast<uint64_t>(octaves)) - octaves / 2);
      if (random() % 8 == 0) value = std::ldexp(1.0, static_cast<int>(random() % 8));
      if (random() % 16 == 0) value = 0;
      if (round % 2 == 1 && random() % 2 == 0) value = -value;
      readings.push_back(value);
      distribution.add(value);
    }
    const auto count = [&](const auto& fits) {
      return static_cast<uint64_t>(std::count_if(readings.begin(), readings.end(), fits));
    };
    std::vector<int64_t> indices;
    for (const double value : readings) indices.push_back(value == 0 ? 0 : index_at_8(value));
    const auto inside = [&](bool negative, int scale, int64_t lower) {
      uint64_t found = 0;
      for (size_t i = 0; i < readings.size(); ++i)
        found += readings[i] != 0 && (readings[i] < 0) == negative && indices[i] >> (8 - scale) == lower;
      return found;
    };
    const uint64_t zeros = count([](double value) { return value == 0; });

    const NativeHistogram native = native_histogram(distribution);
    EXPECT_EQ(native.zero_count, zeros);
    uint64_t seen = zeros;
    for (const bool negative : {false, true}) {
      const NativeSide& side = negative ? native.negative : native.positive;
      int64_t index = 0, value = 0;
      size_t at = 0;
      for (size_t span = 0; span < side.spans.size(); ++span) {
        index += side.spans[span].first;
        EXPECT_TRUE(span == 0 || side.spans[span].first > 0);
        for (uint32_t i = 0; i < side.spans[span].second; ++i, ++index) {
          value += side.deltas.at(at++);
          EXPECT_EQ(static_cast<uint64_t>(value), inside(negative, native.schema, index - 1));
          seen += static_cast<uint64_t>(value);
        }
      }
      EXPECT_EQ(at, side.deltas.size());
    }
    EXPECT_EQ(seen, readings.size());

    const DenseHistogram dense = dense_histogram(distribution);
    EXPECT_EQ(dense.zero_count, zeros);
    seen = zeros;
    bool finer_fits = true;
    for (const bool negative : {false, true}) {
      const DenseSide& side = negative ? dense.negative : dense.positive;
      ASSERT_LE(side.counts.size(), static_cast<size_t>(kDenseBucketsMax));
      if (side.counts.size() > kDenseBucketsMax / 2) finer_fits = false;
      for (size_t i = 0; i < side.counts.size(); ++i) {
        EXPECT_EQ(side.counts[i], inside(negative, dense.scale, int64_t{side.offset} + static_cast<int64_t>(i)));
        seen += side.counts[i];
      }
    }
    EXPECT_EQ(seen, readings.size());
    // Not coarser than it has to be: with at most half the buckets the finer scale would have fitted.
    EXPECT_TRUE(dense.scale == distribution.scale() || !finer_fits) << round;

    for (const int max : {4, 20, 320}) {
      const auto classic = classic_buckets(distribution, max);
      EXPECT_LE(classic.size(), static_cast<size_t>(max) + 1);
      EXPECT_EQ(classic.back().count, readings.size());
      for (const ClassicBucket& bucket : classic) {
        EXPECT_EQ(bucket.count, count([&](double value) { return value <= bucket.bound; })) << bucket.bound;
        EXPECT_TRUE(std::isfinite(bucket.bound));
      }
      EXPECT_TRUE(std::is_sorted(classic.begin(), classic.end(),
                                 [](const auto& a, const auto& b) { return a.bound < b.bound; }));
    }
  }
}

TEST(BucketsTest, TheWholeRangeOfDoublesFitsEveryForm) {
  stats::Distribution distribution;
  for (int exponent = -1074; exponent <= 1023; ++exponent) {
    distribution.add(std::ldexp(1.0, exponent));
    distribution.add(-std::ldexp(1.5, std::min(exponent, 1022)));
  }
  distribution.add(1.7976931348623157e308);
  EXPECT_EQ(dense_histogram(distribution).positive.counts.size() <= kDenseBucketsMax, true);
  EXPECT_GE(native_histogram(distribution).schema, -4);
  EXPECT_LE(classic_buckets(distribution, 4).size(), 4u);
  EXPECT_TRUE(classic_buckets(distribution, 0).empty());
  EXPECT_TRUE(classic_buckets(stats::Distribution(), 20).empty());
  EXPECT_TRUE(native_histogram(stats::Distribution()).positive.spans.empty());
  EXPECT_TRUE(dense_histogram(stats::Distribution()).positive.counts.empty());
}

}  // namespace
}  // namespace tributary::api
