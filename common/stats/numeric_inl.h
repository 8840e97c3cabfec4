// SPDX-License-Identifier: Apache-2.0
// The definitions of Accumulator and Numeric, instantiated once for each input type (numeric.cpp, float.cpp).
#pragma once

#include <bit>

#include "common/stats/numeric.h"

namespace tributary::stats {
namespace {

constexpr uint32_t kSumBytesMax = 8 * kLimbsMax;
constexpr uint64_t kSignBit = uint64_t{1} << 63;
constexpr uint64_t kExponentMask = uint64_t{0x7ff} << 52;

inline uint64_t load(const uint8_t* bytes, size_t size) {
  uint64_t out = 0;
  std::memcpy(&out, bytes, size);
  return out;
}

// Limb `index` (weights as in LimbRange) of a magnitude. Its first and last limb are cut from the nearest eight bytes
// that lie wholly inside.
inline uint64_t limb_of(const Magnitude& magnitude, int index) {
  int start = 8 * index - static_cast<int>(magnitude.offset), size = static_cast<int>(magnitude.size);
  if (start <= -8 || start >= size) return 0;
  if (size < 8) [[unlikely]] {
    uint64_t all = load(magnitude.bytes, magnitude.size);
    return start < 0 ? all << (-8 * start) : all >> (8 * start);
  }
  if (start < 0) return load(magnitude.bytes, 8) << (-8 * start);
  if (start > size - 8) return load(magnitude.bytes + size - 8, 8) >> (8 * (start + 8 - size));
  return load(magnitude.bytes + start, 8);
}

inline int first_limb(const Magnitude& magnitude) { return static_cast<int>(magnitude.offset / 8); }
// One past the last; 0 of nothing.
inline int limbs_end(const Magnitude& magnitude) {
  return magnitude.size == 0 ? 0 : static_cast<int>((magnitude.offset + magnitude.size + 7) / 8);
}

// Compares a magnitude with the `size` limbs that begin at limb `first`: negative, zero or positive.
inline int compare(const Magnitude& magnitude, const uint64_t* limbs, int first, int size) {
  int end = limbs_end(magnitude);
  for (int i = end > first + size ? end - 1 : first + size - 1; i >= first; --i) {
    uint64_t mine = i < end ? limb_of(magnitude, i) : 0;
    uint64_t theirs = i < first + size ? limbs[i - first] : 0;
    if (mine != theirs) return mine < theirs ? -1 : 1;
  }
  return magnitude.size != 0 && first_limb(magnitude) < first ? 1 : 0;
}

// Compares sum and squares with count * m and count * m^2, m = |value|.
inline void compare_with_bounds(const Magnitude& sum, const Magnitude& squares, uint64_t count, double value,
                                int& sum_order, int& square_order) {
  uint64_t bits = std::bit_cast<uint64_t>(value) & ~kSignBit;
  uint64_t significand = bits & ~kExponentMask;
  uint32_t exponent = static_cast<uint32_t>(bits >> 52);
  if (exponent != 0) {
    significand |= uint64_t{1} << 52;
    --exponent;
  }
  uint32_t shift = exponent & 63;
  auto shifted = [](uint64_t high, uint64_t low, uint32_t by) { return (high << by) | ((low >> 1) >> (63 - by)); };

  Wide product = multiply(significand, count);
  uint64_t bound[4] = {product.low << shift, shifted(product.high, product.low, shift),
                       shifted(0, product.high, shift)};
  sum_order = compare(sum, bound, static_cast<int>(exponent / 64), 3);

  Wide square = multiply(significand, significand);
  Wide low = multiply(square.low, count), high = multiply(square.high, count);
  uint64_t middle;
  high.high += add_carry(0, low.high, high.low, middle);
  shift = (2 * exponent) & 63;
  bound[0] = low.low << shift;
  bound[1] = shifted(middle, low.low, shift);
  bound[2] = shifted(high.high, middle, shift);
  bound[3] = shifted(0, high.high, shift);
  square_order = compare(squares, bound, static_cast<int>(exponent / 32), 4);
}

// limbs[0] is limb `first` in the weights of LimbRange.
inline void write_magnitude(ByteWriter& writer, const uint64_t* limbs, int size, int first, bool with_sign,
                            bool negative) {
  int begin = 0;
  while (size > 0 && limbs[size - 1] == 0) --size;
  while (begin < size && limbs[begin] == 0) ++begin;
  if (begin == size) return writer.varint(0);
  uint32_t low = static_cast<uint32_t>(8 * begin + std::countr_zero(limbs[begin]) / 8);
  uint32_t high = static_cast<uint32_t>(8 * size - std::countl_zero(limbs[size - 1]) / 8);
  uint64_t length = high - low;
  writer.varint(with_sign ? (length << 1) | (negative ? 1 : 0) : length);
  writer.varint(8 * static_cast<uint32_t>(first) + low);
  writer.bytes({reinterpret_cast<const uint8_t*>(limbs) + low, static_cast<size_t>(length)});
}

inline bool read_magnitude(ByteReader& reader, Magnitude& magnitude, bool with_sign, bool& negative) {
  uint64_t length = reader.varint();
  negative = with_sign && (length & 1) != 0;
  if (with_sign) length >>= 1;
  magnitude = {};
  if (length == 0) return reader.ok() && !negative;
  uint64_t offset = reader.varint();
  constexpr uint64_t kBytesMax = 2 * uint64_t{kSumBytesMax};
  if (length > kBytesMax || offset > kBytesMax - length) return false;
  Bytes bytes = reader.bytes(static_cast<size_t>(length));
  if (!reader.ok() || bytes.front() == 0 || bytes.back() == 0) return false;
  magnitude = {bytes.data(), static_cast<uint32_t>(length), static_cast<uint32_t>(offset)};
  return true;
}

// Where a value that often repeats stands: with the first, with the last, or by itself.
inline uint32_t place_of(double value, double first, double last) { return value == first ? 0 : value == last ? 1 : 2; }

template <class Input>
bool is_storable(double value) {
  uint64_t bits = std::bit_cast<uint64_t>(value);
  if ((bits & kExponentMask) == kExponentMask || bits == kSignBit) return false;
  if constexpr (sizeof(Input) == sizeof(float)) {
    if (value > std::numeric_limits<float>::max() || value < -std::numeric_limits<float>::max()) return false;
    return static_cast<double>(static_cast<float>(value)) == value;
  }
  return true;
}

}  // namespace

template <class Input>
void Accumulator<Input>::widen(uint32_t begin, uint32_t end) {
  if (end > kSumLimbs) end = kSumLimbs;
  if (low_ != kNone) {
    if (low_ < begin) begin = low_;
    uint32_t old_end = low_ + span_ + 3;
    if (old_end > end) end = old_end;
  }
  if (end < begin + 3) {
    end = begin + 3;
    if (end > kSumLimbs) {
      end = kSumLimbs;
      begin = end - 3;
    }
  }
  low_ = begin;
  span_ = end - begin - 3;
}

template <class Input>
void Accumulator<Input>::add_shifted(uint64_t* limbs, uint32_t limb_count, uint32_t at, const uint64_t* value, int size,
                                     uint32_t shift) {
  uint64_t below = 0;
  uint8_t carry = 0;
  for (int i = 0; i <= size; ++i) {
    uint64_t limb = i < size ? value[i] : 0;
    carry = add_carry(carry, limbs[at], (limb << shift) | ((below >> 1) >> (63 - shift)), limbs[at]);
    below = limb;
    ++at;
  }
  if (carry != 0) propagate(limbs, at, limb_count);
}

template <class Input>
void Accumulator<Input>::add_outside(uint64_t bits) {
  uint32_t field = static_cast<uint32_t>(bits >> 52) & 0x7ff;
  if (misses_left_-- == 0) [[unlikely]] {
    // Each move waits for twice as many misses, so that values without any locality do not pay for moving.
    misses_left_ = patience_;
    if (patience_ < kPatienceMax) patience_ *= 2;
    if (field != 0) {
      move_band(field);
      add_in_band(bits);
      return;
    }
  }
  uint32_t normal = field != 0;
  uint64_t significand = (bits & (kHidden - 1)) | (uint64_t{normal} << 52);
  uint32_t exponent = field - normal;  // the weight of the significand's lowest bit is 2^(exponent - 1074)
  uint32_t k = (exponent >> 6) - kFirstLimb;
  if (k - low_ > span_) [[unlikely]]
    widen(k, k + 3);

  // add_shifted, unrolled: this is the path of all values where they have no locality.
  uint32_t shift = exponent & 63;
  uint64_t* at = &sum_[bits >> 63][k];
  uint8_t carry = add_carry(0, at[0], significand << shift, at[0]);
  carry = add_carry(carry, at[1], (significand >> 1) >> (63 - shift), at[1]);
  if (carry != 0) [[unlikely]]
    propagate(sum_[bits >> 63], k + 2, kSumLimbs);
  Wide square = multiply(significand, significand);
  k = (exponent >> 5) - 2 * kFirstLimb;
  shift = (2 * exponent) & 63;
  at = &square_[k];
  carry = add_carry(0, at[0], square.low << shift, at[0]);
  carry = add_carry(carry, at[1], (square.high << shift) | ((square.low >> 1) >> (63 - shift)), at[1]);
  carry = add_carry(carry, at[2], (square.high >> 1) >> (63 - shift), at[2]);
  if (carry != 0) [[unlikely]]
    propagate(square_, k + 3, kSquareLimbs);
}

template <class Input>
void Accumulator<Input>::move_band(uint32_t field) {
  merge_band(*this);
  constexpr uint32_t kFieldMin = 64 * kFirstLimb + 1;
  band_field_ = field < kFieldMin + kBandBelow ? kFieldMin : field - kBandBelow;
  std::memset(band_sum_, 0, sizeof band_sum_);
  std::memset(band_square_, 0, sizeof band_square_);
}

template <class Input>
uint32_t Accumulator<Input>::band_limb() const {
  return ((band_field_ - 1) >> 6) - kFirstLimb;
}

template <class Input>
void Accumulator<Input>::add_band(uint64_t* positive, uint64_t* negative, uint64_t* squares, uint32_t end) const {
  uint32_t exponent = band_field_ - 1;
  bool below_zero = (band_sum_[1] >> 63) != 0;
  uint64_t sum[2] = {band_sum_[0], band_sum_[1]};
  if (below_zero) {
    sum[0] = ~sum[0] + 1;
    sum[1] = ~sum[1] + (sum[0] == 0 ? 1 : 0);
  }
  add_shifted(below_zero ? negative : positive, end, band_limb(), sum, 2, exponent & 63);
  add_shifted(squares, 2 * end, (exponent >> 5) - 2 * kFirstLimb, band_square_, 3, (2 * exponent) & 63);
}

template <class Input>
void Accumulator<Input>::merge_band(const Accumulator& other) {
  if (!other.has_band()) return;
  uint32_t k = other.band_limb();
  if (k - low_ > span_) widen(k, k + 3);
  other.add_band(sum_[0], sum_[1], square_, kSumLimbs);
}

template <class Input>
void Accumulator<Input>::total(Total& out) const {
  uint32_t begin = 0, end = 0;
  if (low_ != kNone) {
    begin = low_;
    end = low_ + span_ + 3;
  }
  if (has_band()) {
    uint32_t k = band_limb();
    if (end == 0 || k < begin) begin = k;
    if (k + 3 > end) end = k + 3;
  }
  uint64_t negative[kSumLimbs];
  size_t size = end - begin;
  std::memcpy(out.sum + begin, sum_[0] + begin, 8 * size);
  std::memcpy(negative + begin, sum_[1] + begin, 8 * size);
  std::memcpy(out.squares + 2 * begin, square_ + 2 * begin, 16 * size);
  if (has_band()) add_band(out.sum, negative, out.squares, end);
  uint32_t last = end;
  while (last > begin && out.sum[last - 1] == negative[last - 1]) --last;
  out.negative = last > begin && out.sum[last - 1] < negative[last - 1];
  uint8_t borrow = 0;
  for (uint32_t i = begin; i < end; ++i) {
    uint64_t greater = out.negative ? negative[i] : out.sum[i], less = out.negative ? out.sum[i] : negative[i];
    borrow = subtract_borrow(borrow, greater, less, out.sum[i]);
  }
  out.begin = static_cast<int>(begin);
  out.end = static_cast<int>(end);
}

template <class Input>
void Accumulator<Input>::merge(const Accumulator& other) {
  if (other.low_ != kNone) {
    uint32_t begin = other.low_, end = other.low_ + other.span_ + 3;
    widen(begin, end);
    for (int sign = 0; sign < 2; ++sign) {
      uint8_t carry = 0;
      for (uint32_t i = begin; i < end; ++i) {
        carry = add_carry(carry, sum_[sign][i], other.sum_[sign][i], sum_[sign][i]);
      }
      if (carry != 0) propagate(sum_[sign], end, kSumLimbs);
    }
    uint8_t carry = 0;
    for (uint32_t i = 2 * begin; i < 2 * end; ++i) carry = add_carry(carry, square_[i], other.square_[i], square_[i]);
    if (carry != 0) propagate(square_, 2 * end, kSquareLimbs);
  }
  // After the limbs, so that merging with itself does not count the band twice.
  merge_band(other);
}

template <class Input>
bool Accumulator<Input>::fits(const Magnitude& sum, const Magnitude& squares) {
  return (sum.size == 0 || first_limb(sum) >= kFirstLimb) && limbs_end(sum) <= kFirstLimb + kSumLimbs &&
         (squares.size == 0 || first_limb(squares) >= 2 * kFirstLimb) &&
         limbs_end(squares) <= 2 * kFirstLimb + kSquareLimbs;
}

template <class Input>
void Accumulator<Input>::merge(bool negative, const Magnitude& sum, const Magnitude& squares) {
  if (squares.size == 0) return;  // no reading but zeros
  // One limb above what is set, so that 2^64 such contributions stay inside of the used limbs.
  int square_begin = first_limb(squares) - 2 * kFirstLimb, square_end = limbs_end(squares) - 2 * kFirstLimb;
  int begin = square_begin / 2, end = square_end / 2 + 1;
  int sum_begin = 0, sum_end = 0;
  if (sum.size != 0) {
    sum_begin = first_limb(sum) - kFirstLimb;
    sum_end = limbs_end(sum) - kFirstLimb;
    if (sum_begin < begin) begin = sum_begin;
    if (sum_end + 1 > end) end = sum_end + 1;
  }
  if (low_ == kNone || static_cast<uint32_t>(begin) < low_ || static_cast<uint32_t>(end) > low_ + span_ + 3) {
    widen(static_cast<uint32_t>(begin), static_cast<uint32_t>(end));
  }

  uint64_t* limbs = sum_[negative ? 1 : 0];
  uint8_t carry = 0;
  for (int i = sum_begin; i < sum_end; ++i) carry = add_carry(carry, limbs[i], limb_of(sum, i + kFirstLimb), limbs[i]);
  if (carry != 0) propagate(limbs, static_cast<uint32_t>(sum_end), kSumLimbs);
  carry = 0;
  for (int i = square_begin; i < square_end; ++i) {
    carry = add_carry(carry, square_[i], limb_of(squares, i + 2 * kFirstLimb), square_[i]);
  }
  if (carry != 0) propagate(square_, static_cast<uint32_t>(square_end), kSquareLimbs);
}

template <class Input>
void Accumulator<Input>::clear() {
  band_field_ = kNone;
  misses_left_ = 0;
  patience_ = kPatienceMin;
  std::memset(band_sum_, 0, sizeof band_sum_);
  std::memset(band_square_, 0, sizeof band_square_);
  if (low_ == kNone) return;
  size_t begin = low_, size = span_ + 3;
  std::memset(sum_[0] + begin, 0, 8 * size);
  std::memset(sum_[1] + begin, 0, 8 * size);
  std::memset(square_ + 2 * begin, 0, 16 * size);
  low_ = kNone;
  span_ = 0;
}

// The count after adding `count` to it; what saturates loses its sums.
template <class Input>
bool Numeric<Input>::add_count(uint64_t count) {
  count_ = saturating_add(count_, count);
  if (count_ < kCountSaturated) return true;
  count_ = kCountSaturated;
  sums_.clear();
  return false;
}

template <class Input>
void Numeric<Input>::add_slow(int64_t time_ns, double value) {
  value += 0.0;  // -0 + 0 is +0
  ++count_;
  if (value < min_) min_ = value;
  if (value > max_) max_ = value;
  order(time_ns, value);
  if (value != 0) sums_.add_outside(std::bit_cast<uint64_t>(value));
}

template <class Input>
void Numeric<Input>::order(int64_t time_ns, double value) {
  if (time_ns < first_.time_ns || (time_ns == first_.time_ns && value < first_.value)) first_ = {time_ns, value};
  if (time_ns > last_.time_ns || (time_ns == last_.time_ns && value > last_.value)) last_ = {time_ns, value};
}

template <class Input>
void Numeric<Input>::merge(const Numeric& other) {
  if (other.count_ == 0) return;
  if (other.min_ < min_) min_ = other.min_;
  if (other.max_ > max_) max_ = other.max_;
  order(other.first_.time_ns, other.first_.value);
  order(other.last_.time_ns, other.last_.value);
  if (add_count(other.count_)) sums_.merge(other.sums_);
}

template <class Input>
void Numeric<Input>::merge(const View& view) {
  if (view.min < min_) min_ = view.min;
  if (view.max > max_) max_ = view.max;
  order(view.first.time_ns, view.first.value);
  order(view.last.time_ns, view.last.value);
  if (add_count(view.count)) sums_.merge(view.sum_negative, view.sum, view.squares);
}

template <class Input>
void Numeric<Input>::clear() {
  sums_.clear();
  count_ = 0;
  min_ = kInfinity;
  max_ = -kInfinity;
  first_ = {std::numeric_limits<int64_t>::max(), kInfinity};
  last_ = {std::numeric_limits<int64_t>::min(), -kInfinity};
}

template <class Input>
Limbs Numeric<Input>::sum_limbs(const Total& total) {
  return {total.sum + total.begin, total.end - total.begin, 64 * (total.begin + Accumulator<Input>::kFirstLimb) - 1074};
}

template <class Input>
Answer Numeric<Input>::sum() const {
  if (count_ >= kCountSaturated) return {Answer::Kind::kOverflow, 0};
  Total total;
  sums_.total(total);
  return round_limbs(total.negative, sum_limbs(total));
}

template <class Input>
Answer Numeric<Input>::mean() const {
  if (count_ == 0) return {Answer::Kind::kNone, 0};
  if (count_ >= kCountSaturated) return {Answer::Kind::kOverflow, 0};
  Total total;
  sums_.total(total);
  return round_quotient(total.negative, sum_limbs(total), count_);
}

template <class Input>
Answer Numeric<Input>::moment(Moment moment) const {
  if (count_ < 2) return {Answer::Kind::kNone, 0};
  if (count_ >= kCountSaturated) return {Answer::Kind::kOverflow, 0};
  Total total;
  sums_.total(total);
  Limbs sum = sum_limbs(total);
  return round_moment(moment, sum, {total.squares + 2 * total.begin, 2 * sum.size, 2 * sum.exponent}, count_);
}

template <class Input>
Answer Numeric<Input>::variance() const {
  return moment(Moment::kVariance);
}

template <class Input>
Answer Numeric<Input>::stddev() const {
  return moment(Moment::kStddev);
}

template <class Input>
void Numeric<Input>::encode(ByteWriter& writer) const {
  writer.varint(count());
  if (count_ == 0) return;
  uint32_t last = last_.value != first_.value;
  uint32_t min = place_of(min_, first_.value, last_.value), max = place_of(max_, first_.value, last_.value);
  double values[4] = {first_.value};
  int value_count = 1;
  if (last == 1) values[value_count++] = last_.value;
  if (min == 2) values[value_count++] = min_;
  if (max == 2) values[value_count++] = max_;
  uint64_t any = 0xff;  // the least width is one byte, also of zero
  any <<= 56;
  for (int i = 0; i < value_count; ++i) any |= std::bit_cast<uint64_t>(values[i]);
  int unused = std::countr_zero(any) / 8;
  uint32_t width = 8 - static_cast<uint32_t>(unused);
  writer.u8(static_cast<uint8_t>(last | min << 1 | max << 3 | (width - 1) << 5));
  writer.i64(first_.time_ns);
  writer.varint(static_cast<uint64_t>(last_.time_ns) - static_cast<uint64_t>(first_.time_ns));
  for (int i = 0; i < value_count; ++i) {
    uint64_t bits = std::bit_cast<uint64_t>(values[i]);
    writer.bytes({reinterpret_cast<const uint8_t*>(&bits) + unused, width});
  }
  if (count_ >= kCountSaturated) {
    writer.varint(0);
    writer.varint(0);
    return;
  }
  Total total;
  sums_.total(total);
  constexpr int kFirst = Accumulator<Input>::kFirstLimb;
  int size = total.end - total.begin;
  write_magnitude(writer, total.sum + total.begin, size, total.begin + kFirst, true, total.negative);
  write_magnitude(writer, total.squares + 2 * total.begin, 2 * size, 2 * (total.begin + kFirst), false, false);
}

template <class Input>
bool Numeric<Input>::parse(ByteReader& reader, View& view) {
  view.count = reader.varint();
  if (!reader.ok() || view.count > kCountSaturated) return false;
  if (view.count == 0) {
    view = {};
    return true;
  }
  uint32_t flags = reader.u8();
  uint32_t last = flags & 1, min = (flags >> 1) & 3, max = (flags >> 3) & 3, width = (flags >> 5) + 1;
  if (min > 2 || max > 2) return false;
  view.first.time_ns = reader.i64();
  view.last.time_ns =
      static_cast<int64_t>(static_cast<uint64_t>(view.first.time_ns) + static_cast<uint64_t>(reader.varint()));
  size_t value_count = 1 + last + (min == 2) + (max == 2);
  Bytes raw = reader.bytes(width * value_count);
  if (!reader.ok() || view.last.time_ns < view.first.time_ns) return false;
  bool narrower = width > 1;  // whether one byte less would have done
  const uint8_t* at = raw.data();
  auto next = [&]() {
    uint64_t bits = 0;
    std::memcpy(reinterpret_cast<uint8_t*>(&bits) + (8 - width), at, width);
    narrower = narrower && *at == 0;
    at += width;
    return std::bit_cast<double>(bits);
  };
  view.first.value = next();
  view.last.value = last == 1 ? next() : view.first.value;
  view.min = min == 2 ? next() : min == 1 ? view.last.value : view.first.value;
  view.max = max == 2 ? next() : max == 1 ? view.last.value : view.first.value;
  if (narrower) return false;
  if (!is_storable<Input>(view.first.value) || !is_storable<Input>(view.last.value) || !is_storable<Input>(view.min) ||
      !is_storable<Input>(view.max)) {
    return false;
  }
  if (last != (view.last.value != view.first.value) || min != place_of(view.min, view.first.value, view.last.value) ||
      max != place_of(view.max, view.first.value, view.last.value)) {
    return false;
  }
  if (view.min > view.first.value || view.min > view.last.value || view.max < view.first.value ||
      view.max < view.last.value) {
    return false;
  }
  bool same_time = view.first.time_ns == view.last.time_ns;
  if (same_time && (view.first.value != view.min || view.last.value != view.max)) return false;
  if (view.count == 1 && !(same_time && view.min == view.max)) return false;
  if (view.count > 1 && view.count < 2u + (min == 2) + (max == 2)) return false;

  bool unsigned_squares;
  if (!read_magnitude(reader, view.sum, true, view.sum_negative) ||
      !read_magnitude(reader, view.squares, false, unsigned_squares)) {
    return false;
  }
  if (view.count == kCountSaturated) return view.sum.size == 0 && view.squares.size == 0;
  if (!Accumulator<Input>::fits(view.sum, view.squares)) return false;
  if (view.sum.size != 0 && (view.sum_negative ? view.min >= 0 : view.max <= 0)) return false;
  // Sums beyond count times the greatest reading would overflow when merged; of equal readings they are known.
  double greatest = -view.min > view.max ? view.min : view.max;
  if (greatest == 0) return view.sum.size == 0 && view.squares.size == 0;
  int sum_order, square_order;
  compare_with_bounds(view.sum, view.squares, view.count, greatest, sum_order, square_order);
  if (view.min == view.max) return sum_order == 0 && square_order == 0;
  return view.squares.size != 0 && sum_order <= 0 && square_order <= 0;
}

template <class Input>
size_t Numeric<Input>::encode(std::span<uint8_t> out) const {
  ByteWriter writer(out);
  encode(writer);
  return writer.ok() ? writer.size() : 0;
}

template <class Input>
bool Numeric<Input>::decode(Bytes bytes) {
  clear();
  ByteReader reader(bytes);
  View view;
  if (!parse(reader, view) || !reader.done()) return false;
  if (view.count != 0) merge(view);
  return true;
}

}  // namespace tributary::stats
