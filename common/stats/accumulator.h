// SPDX-License-Identifier: Apache-2.0
// The superaccumulators (after Kulisch and Neal): integers wide enough for every input and every square of an input,
// times 2^64 readings, so that adding and merging are exact and therefore independent of order.
//
// The sum is kept as two magnitudes, of the positive and of the negative readings: a carry then almost never travels,
// while a signed sum near zero would borrow through all limbs at each change of sign. Only their difference has
// meaning.
#pragma once

#include <cstdint>
#include <cstring>

#include "common/base/bytes.h"
#include "common/stats/wide.h"

namespace tributary::stats {

// Limb i of the sum has the weight 2^(64 i - 1074), limb i of the squares 2^(64 i - 2148), whatever the input type; the
// type only decides which limbs exist. An input whose significand begins at bit 64 k to 64 k + 63 touches the limbs k,
// k + 1 of the sum and 2 k to 2 k + 3 of the squares; 2^64 of them reach one limb further.
template <class Input>
struct LimbRange;
template <>
struct LimbRange<double> {
  static constexpr int kFirst = 0, kLast = 33;
};
template <>
struct LimbRange<float> {
  static constexpr int kFirst = 13, kLast = 19;
};

// A trimmed magnitude as it stands in encoded bytes: the first and the last byte are not zero. Views the encoded bytes.
// offset counts bytes from the weight of limb 0.
struct Magnitude {
  const uint8_t* bytes = nullptr;
  uint32_t size = 0;
  uint32_t offset = 0;
};

template <class Input>
class Accumulator {
 public:
  static constexpr int kFirstLimb = LimbRange<Input>::kFirst;
  static constexpr int kSumLimbs = LimbRange<Input>::kLast - kFirstLimb + 1;
  static constexpr int kSquareLimbs = 2 * kSumLimbs;

  // Adds a double, given by its bits, if it lies in the band; otherwise returns false, and add_outside must do it.
  // Always false before the first add_outside, and for zeros, subnormals, infinities and NaNs.
  [[gnu::always_inline]] bool add_in_band(uint64_t bits) {
    uint32_t above = (static_cast<uint32_t>(bits >> 52) & 0x7ff) - band_field_;
    if (above >= kBandWidth) return false;
    uint64_t value = ((bits & (kHidden - 1)) | kHidden) << above;
    add_to(band_square_, multiply(value, value));
    uint64_t sign = static_cast<uint64_t>(static_cast<int64_t>(bits) >> 63);
    add_to(band_sum_, {sign, (value ^ sign) - sign});
    return true;
  }
  // bits: of a double that an Input can hold, finite and not zero.
  void add_outside(uint64_t bits);

  void merge(const Accumulator& other);
  // Adds magnitudes from encoded bytes. REQUIRES: fits(sum, squares).
  void merge(bool negative, const Magnitude& sum, const Magnitude& squares);
  // True if an accumulator of this input type has the limbs for them.
  static bool fits(const Magnitude& sum, const Magnitude& squares);
  void clear();

  // All that was added, as limbs of which only [begin, end) of the sum and [2 begin, 2 end) of the squares are set.
  struct Total {
    int begin = 0, end = 0;
    bool negative = false;
    uint64_t sum[kSumLimbs];
    uint64_t squares[kSquareLimbs];
  };
  void total(Total& out) const;

 private:
  static constexpr uint32_t kNone = 0x7fffffff;
  static constexpr uint32_t kBandWidth = 11;  // 53 bits shifted by up to 10: the sign's bit of 64 stays free
  static constexpr uint32_t kBandBelow = 7;   // how many binades of it lie below the reading that placed it
  static constexpr uint32_t kPatienceMin = 16, kPatienceMax = 4096;
  static constexpr uint64_t kHidden = uint64_t{1} << 52;

  void move_band(uint32_t field);
  // Makes [begin, end) part of the used limbs. REQUIRES: end - begin >= 3 or begin + 3 <= kSumLimbs.
  void widen(uint32_t begin, uint32_t end);
  // Adds other's band to the limbs; other may be *this.
  void merge_band(const Accumulator& other);
  // Adds the band to limbs that lie like this one's. REQUIRES: has_band(), [band_limb(), band_limb() + 3) inside of
  // end.
  void add_band(uint64_t* positive, uint64_t* negative, uint64_t* squares, uint32_t end) const;
  uint32_t band_limb() const;
  static void propagate(uint64_t* limbs, uint32_t at, uint32_t limb_count) {
    while (at < limb_count && ++limbs[at] == 0) ++at;
  }
  // limbs += value * 2^(64 at + shift), size limbs of value; one limb more is touched, carries go on to limb_count.
  static void add_shifted(uint64_t* limbs, uint32_t limb_count, uint32_t at, const uint64_t* value, int size,
                          uint32_t shift);
  bool has_band() const { return band_field_ != kNone; }

  // The band: readings whose exponent field is band_field_ to band_field_ + 10, as integers times the weight of the
  // lowest bit at band_field_. 2^63 of them fit.
  uint32_t band_field_ = kNone;
  uint32_t misses_left_ = 0;  // until a reading outside moves the band; the first reading places it
  uint32_t patience_ = kPatienceMin;
  uint64_t band_sum_[2] = {};  // two's complement
  uint64_t band_square_[3] = {};

  // Outside of the used limbs all is zero, so clearing and merging touch only these.
  uint32_t low_ = kNone;
  uint32_t span_ = 0;                // used limbs of the sum, less three
  uint64_t sum_[2][kSumLimbs] = {};  // of the positive, of the negative readings
  uint64_t square_[kSquareLimbs] = {};
};

}  // namespace tributary::stats
