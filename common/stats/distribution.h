// SPDX-License-Identifier: Apache-2.0
// distribution: a base-2 exponential histogram (the buckets of OpenTelemetry: (base^i, base^(i+1)], base =
// 2^(2^-scale)), sparse, with at most kBucketsMax occupied buckets of both signs together at one scale (the uniform
// collapse of UDDSketch; Epicoco et al. 2020). A function of the set alone, whatever the order of adding and merging:
// the number of occupied buckets only grows with the set and only shrinks with the scale.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/bytes.h"
#include "common/stats/thresholds.h"
#include "common/stats/wide.h"

namespace tributary::stats {

// Constants of the format, the same on every build.
inline constexpr int kScaleMax = 8;
inline constexpr int kScaleMin = -4;  // at -4 every double fits kBucketsMax buckets, both signs together
inline constexpr int kBucketsMax = 320;
inline constexpr size_t kDistributionBytesMax = 6144;

// The index at kScaleMax of the bucket of |value|; exact, by integer comparison. REQUIRES: finite, not zero.
// At scale s it is this index shifted right (arithmetically) by kScaleMax - s.
int32_t bucket_index(double value);
// The bounds of a bucket: values in (lower, upper] (positive side), correctly rounded to double. A bound beyond the
// greatest double is the greatest double; one below half of the least is 0.
double bucket_lower(int scale, int32_t index);
double bucket_upper(int scale, int32_t index);

struct Bucket {
  bool negative = false;
  int32_t index = 0;
  uint64_t count = 0;
};

struct Quantile {
  double value = 0, low = 0, high = 0;  // the true value lies in [low, high]
};

class Distribution {
 public:
  // What a part of a summary says of itself: see summary.h.
  static constexpr std::string_view kName = "distribution";
  static constexpr uint8_t kBit = 0x02;
  static constexpr size_t kBytesMax = kDistributionBytesMax;
  [[gnu::always_inline]] void take(int64_t, double value) { add(value); }

  // REQUIRES: value is finite. Zero is counted apart and takes no bucket.
  void add(double value) {
    uint64_t bits = std::bit_cast<uint64_t>(value);
    uint32_t field = static_cast<uint32_t>(bits >> 52) & 0x7ff;
    if (field == 0) [[unlikely]]
      return add_small(value);
    int32_t magnitude = static_cast<int32_t>(fine_magnitude(field, bits << 11) >> shift_);
    int32_t sign = static_cast<int32_t>(static_cast<int64_t>(bits) >> 63);
    int32_t key = (magnitude ^ sign) - sign;
    uint32_t at = cache_[static_cast<uint32_t>(key) % kCacheSize];
    if (keys_[at] != key) [[unlikely]]
      return add_slow(key, 1);
    ++counts_[at];
  }
  void merge(const Distribution& other);
  void clear();

  uint64_t count() const;  // adds up all buckets
  bool empty() const { return size_ == 0 && zero_count_ == 0; }
  uint64_t zero_count() const { return clamp_count(zero_count_); }
  int scale() const { return kScaleMax - static_cast<int>(shift_); }
  int bucket_count() const { return size_; }
  // Ascending by value: negative side from the greatest index down, then positive side from the least index up.
  Bucket bucket(int position) const;

  // The value of rank ceil(p * n), 0 < p <= 1 given as an exact ratio (p = numerator / denominator), its bucket cut by
  // minimum and maximum of the same set. The first and the last rank are exact. value is the point whose greatest
  // relative error in [low, high] is least, 2 low high / (low + high). REQUIRES: count() > 0, minimum <= maximum.
  Quantile quantile(uint64_t numerator, uint64_t denominator, double minimum, double maximum) const;

  size_t encode(std::span<uint8_t> out) const;
  bool decode(Bytes bytes);

  // The parts of encode and decode, for Summary. A View is a checked encoded form, its buckets as add_slow takes them.
  struct View {
    uint32_t shift;
    int size;
    uint64_t zero_count;
    int32_t keys[kBucketsMax];
    uint64_t counts[kBucketsMax];
    bool empty() const { return size == 0 && zero_count == 0; }
  };
  void encode(ByteWriter& writer) const;
  static bool parse(ByteReader& reader, View& view);  // false: not canonical
  void merge(const View& view) { merge(view.keys, view.counts, view.size, view.shift, view.zero_count); }
  // True if it is the distribution of value alone.
  bool is_only(double value) const;
  static bool is_only(const View& view, double value);

 private:
  // A bucket's key orders it by value: its index plus kIndexBias (at kScaleMax), shifted right to its scale, negated on
  // the negative side. The bias makes every magnitude positive and is divisible by every scale's shift; 0 is no key.
  static constexpr int32_t kIndexBias = 1 << 19;
  static constexpr uint32_t kCacheSize = 512;

  // The magnitude of a key at kScaleMax. field: the biased exponent, as if it went on below 1; significand: its leading
  // bit belongs to bit 63 and need not be there.
  static uint32_t fine_magnitude(uint32_t field, uint64_t significand) {
    uint32_t below = kCellFirst[(significand >> 54) & 511];
    below += (significand | (uint64_t{1} << 63)) > kThresholds[below];
    return (field << 8) + below + (kIndexBias - 1023 * 256 - 1);
  }
  static int32_t coarser(int32_t key, uint32_t shift) { return key < 0 ? -(-key >> shift) : key >> shift; }
  static int32_t index_of(int32_t key, uint32_t shift) { return (key < 0 ? -key : key) - (kIndexBias >> shift); }

  void add_small(double value);  // zero or subnormal
  // Adds count to the bucket of key at the present scale, collapsing if there is no room for it.
  void add_slow(int32_t key, uint64_t count);
  void merge(const int32_t* keys, const uint64_t* counts, int size, uint32_t shift, uint64_t zero_count);
  // The number of different keys of both, each made coarser: ours by shift, theirs by their_shift.
  int union_size(uint32_t shift, const int32_t* keys, int size, uint32_t their_shift) const;
  void collapse(uint32_t shift);
  void find_again();  // fills the cache after many keys have moved

  uint64_t zero_count_ = 0;  // like counts_
  uint32_t shift_ = 0;       // kScaleMax - scale
  int32_t size_ = 0;
  // A guess where a key stands, always checked against keys_, so that nothing need keep it up to date.
  uint16_t cache_[kCacheSize] = {};
  int32_t keys_[kBucketsMax] = {};     // ascending; 0 beyond size_
  uint64_t counts_[kBucketsMax] = {};  // may go beyond kCountSaturated, and are that then
};

}  // namespace tributary::stats
