// SPDX-License-Identifier: Apache-2.0
// The histogram's slower half: new buckets, collapsing, merging, quantiles and the encoded form.
#include "common/stats/distribution.h"

#include <cstring>
#include <limits>

#include "common/base/check.h"
#include "common/stats/exact.h"

namespace tributary::stats {
namespace {

constexpr int32_t kIndexMin = -1074 * 256 - 1;   // of the least subnormal
constexpr int32_t kIndexMax = 1023 * 256 + 255;  // of the greatest double
constexpr uint32_t kShiftMax = kScaleMax - kScaleMin;
constexpr uint32_t kZeroFlag = 0x10;
// Up to this many new buckets are inserted one by one; more are merged as two sorted lists.
constexpr int kInsertMax = 16;

// base^index at scale, rounded.
double bound(int scale, int32_t index) {
  int shift = kScaleMax - scale;
  int64_t fine = static_cast<int64_t>(index) * (int64_t{1} << shift);
  int octave = static_cast<int>(fine >> 8);
  if (octave >= 1024) return std::numeric_limits<double>::max();
  if (octave < -1075) return 0;
  uint32_t step = static_cast<uint32_t>(fine & 255);
  // Every threshold but the octave's start is irrational, so never a tie: a lower limb that is not zero says so.
  uint64_t limbs[2] = {step != 0 ? 1u : 0u, kThresholds[step]};
  return round_limbs(false, {limbs, 2, octave - 63 - 64}).value;
}

}  // namespace

int32_t bucket_index(double value) {
  uint64_t bits = std::bit_cast<uint64_t>(value) & ~(uint64_t{1} << 63);
  int32_t field = static_cast<int32_t>(bits >> 52);
  uint64_t significand = (bits << 11) | (uint64_t{1} << 63);
  if (field == 0) {
    int zeros = std::countl_zero(bits);
    significand = bits << zeros;
    field = 12 - zeros;
  }
  int32_t below = kCellFirst[(significand >> 54) & 511];
  below += significand > kThresholds[below];
  return (field - 1023) * 256 + below - 1;
}

double bucket_lower(int scale, int32_t index) { return bound(scale, index); }
double bucket_upper(int scale, int32_t index) { return bound(scale, index + 1); }

void Distribution::add_small(double value) {
  if (value == 0) {
    ++zero_count_;
    return;
  }
  int32_t magnitude = (bucket_index(value) + kIndexBias) >> shift_;
  add_slow(value < 0 ? -magnitude : magnitude, 1);
}

void Distribution::add_slow(int32_t key, uint64_t count) {
  for (;;) {
    int low = 0, high = size_;
    while (low < high) {
      int middle = (low + high) / 2;
      if (keys_[middle] < key) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    if (low < size_ && keys_[low] == key) {
      counts_[low] = saturating_add(counts_[low], count);
    } else if (size_ < kBucketsMax) {
      size_t after = static_cast<size_t>(size_ - low);
      std::memmove(keys_ + low + 1, keys_ + low, after * sizeof keys_[0]);
      std::memmove(counts_ + low + 1, counts_ + low, after * sizeof counts_[0]);
      keys_[low] = key;
      counts_[low] = count;
      ++size_;
    } else {
      uint32_t shift = 1;
      while (union_size(shift, &key, 1, shift) > kBucketsMax) ++shift;
      collapse(shift);
      key = coarser(key, shift);
      continue;
    }
    cache_[static_cast<uint32_t>(key) % kCacheSize] = static_cast<uint16_t>(low);
    return;
  }
}

int Distribution::union_size(uint32_t shift, const int32_t* keys, int size, uint32_t their_shift) const {
  int i = 0, j = 0, count = 0;
  while (i < size_ || j < size) {
    int32_t mine = i < size_ ? coarser(keys_[i], shift) : INT32_MAX;
    int32_t theirs = j < size ? coarser(keys[j], their_shift) : INT32_MAX;
    int32_t least = mine < theirs ? mine : theirs;
    while (i < size_ && coarser(keys_[i], shift) == least) ++i;
    while (j < size && coarser(keys[j], their_shift) == least) ++j;
    ++count;
  }
  return count;
}

void Distribution::collapse(uint32_t shift) {
  if (shift == 0) return;
  shift_ += shift;
  int out = 0;
  for (int i = 0; i < size_; ++i) {
    int32_t key = coarser(keys_[i], shift);
    if (out > 0 && keys_[out - 1] == key) {
      counts_[out - 1] = saturating_add(counts_[out - 1], counts_[i]);
    } else {
      keys_[out] = key;
      counts_[out++] = counts_[i];
    }
  }
  std::memset(keys_ + out, 0, static_cast<size_t>(size_ - out) * sizeof keys_[0]);
  size_ = out;
}

void Distribution::merge(const Distribution& other) {
  merge(other.keys_, other.counts_, other.size_, other.shift_, other.zero_count_);
}

void Distribution::merge(const int32_t* keys, const uint64_t* counts, int size, uint32_t shift, uint64_t zero_count) {
  zero_count_ = saturating_add(zero_count_, zero_count);
  // What did not fit a scale by itself does not fit it together with more.
  if (shift > shift_) collapse(shift - shift_);
  if (size_ == 0) {
    std::memcpy(keys_, keys, static_cast<size_t>(size) * sizeof keys_[0]);
    std::memcpy(counts_, counts, static_cast<size_t>(size) * sizeof counts_[0]);
    size_ = size;
    return find_again();
  }
  int16_t missing[kBucketsMax];
  int missing_count = 0;
  for (int i = 0; i < size; ++i) {
    int32_t key = coarser(keys[i], shift_ - shift);
    uint32_t at = cache_[static_cast<uint32_t>(key) % kCacheSize];
    if (keys_[at] == key) {
      counts_[at] = saturating_add(counts_[at], counts[i]);
    } else {
      missing[missing_count++] = static_cast<int16_t>(i);
    }
  }
  if (missing_count <= kInsertMax) {
    for (int i = 0; i < missing_count; ++i) {
      add_slow(coarser(keys[missing[i]], shift_ - shift), counts[missing[i]]);
    }
    return;
  }
  int32_t rest[kBucketsMax];
  for (int i = 0; i < missing_count; ++i) rest[i] = coarser(keys[missing[i]], shift_ - shift);
  uint32_t more = 0;
  int together = union_size(0, rest, missing_count, 0);
  while (together > kBucketsMax) {
    ++more;
    together = union_size(more, rest, missing_count, more);
  }
  collapse(more);
  // From the end down, in place: what is written never reaches what is yet to be read.
  int mine = size_ - 1, write = together;
  for (int i = missing_count - 1; i >= 0;) {
    int32_t key = coarser(rest[i], more);
    if (mine >= 0 && keys_[mine] > key) {
      --write;
      keys_[write] = keys_[mine];
      counts_[write] = counts_[mine--];
      continue;
    }
    uint64_t count = counts[missing[i--]];
    if (mine >= 0 && keys_[mine] == key) {
      counts_[mine] = saturating_add(counts_[mine], count);
    } else if (write < together && keys_[write] == key) {
      counts_[write] = saturating_add(counts_[write], count);
    } else {
      --write;
      keys_[write] = key;
      counts_[write] = count;
    }
  }
  size_ = together;
  find_again();
}

void Distribution::find_again() {
  for (int i = 0; i < size_; ++i) cache_[static_cast<uint32_t>(keys_[i]) % kCacheSize] = static_cast<uint16_t>(i);
}

void Distribution::clear() {
  std::memset(keys_, 0, static_cast<size_t>(size_) * sizeof keys_[0]);
  size_ = 0;
  shift_ = 0;
  zero_count_ = 0;
}

uint64_t Distribution::count() const {
  uint64_t total = zero_count();
  for (int i = 0; i < size_; ++i) total = saturating_add(total, counts_[i]);
  return total;
}

Bucket Distribution::bucket(int position) const {
  CHECK(position >= 0 && position < size_);
  int32_t key = keys_[position];
  return {key < 0, index_of(key, shift_), clamp_count(counts_[position])};
}

Quantile Distribution::quantile(uint64_t numerator, uint64_t denominator, double minimum, double maximum) const {
  uint64_t total = count();
  CHECK(total > 0 && numerator > 0 && numerator <= denominator);
  uint64_t remainder;
  uint64_t rank = divide(multiply(numerator, total), denominator, remainder);
  if (numerator == denominator) rank = total;
  if (remainder != 0 && numerator != denominator) ++rank;
  if (rank <= 1) return {minimum, minimum, minimum};
  if (rank == total) return {maximum, maximum, maximum};

  auto cut = [&](double value) { return value < minimum ? minimum : value > maximum ? maximum : value; };
  uint64_t passed = 0;
  bool zeros_passed = zero_count_ == 0;
  for (int i = 0; i <= size_; ++i) {
    if (!zeros_passed && (i == size_ || keys_[i] > 0)) {
      zeros_passed = true;
      passed = saturating_add(passed, zero_count());
      if (passed >= rank) return {cut(0), cut(0), cut(0)};
    }
    if (i == size_) break;
    passed = saturating_add(passed, counts_[i]);
    if (passed < rank) continue;
    int32_t index = index_of(keys_[i], shift_);
    double near = bucket_lower(scale(), index), far = bucket_upper(scale(), index);
    Quantile out;
    out.low = cut(keys_[i] > 0 ? near : -far);
    out.high = cut(keys_[i] > 0 ? far : -near);
    near = keys_[i] > 0 ? out.low : out.high;
    far = keys_[i] > 0 ? out.high : out.low;
    out.value = near == far ? near : near * (2 / (1 + near / far));
    // The quotients round; the point stays inside.
    if (out.value < out.low) out.value = out.low;
    if (out.value > out.high) out.value = out.high;
    return out;
  }
  return {maximum, maximum, maximum};
}

bool Distribution::is_only(double value) const {
  if (value == 0) return size_ == 0 && zero_count_ == 1;
  int32_t magnitude = bucket_index(value) + kIndexBias;
  return zero_count_ == 0 && shift_ == 0 && size_ == 1 && counts_[0] == 1 &&
         keys_[0] == (value < 0 ? -magnitude : magnitude);
}

bool Distribution::is_only(const View& view, double value) {
  if (value == 0) return view.size == 0 && view.zero_count == 1;
  int32_t magnitude = bucket_index(value) + kIndexBias;
  return view.zero_count == 0 && view.shift == 0 && view.size == 1 && view.counts[0] == 1 &&
         view.keys[0] == (value < 0 ? -magnitude : magnitude);
}

void Distribution::encode(ByteWriter& writer) const {
  writer.u8(static_cast<uint8_t>((kShiftMax - shift_) | (zero_count_ != 0 ? kZeroFlag : 0)));
  if (zero_count_ != 0) writer.varint(zero_count());
  writer.varint(static_cast<uint64_t>(size_));
  // Numbers gather here and reach the writer many at a time, which checks its room once for all of them.
  uint8_t gathered[256];
  size_t used = 0;
  auto put = [&](uint64_t number) {
    for (; number >= 0x80; number >>= 7) gathered[used++] = static_cast<uint8_t>(number) | 0x80;
    gathered[used++] = static_cast<uint8_t>(number);
  };
  for (int i = 0; i < size_; ++i) {
    uint64_t place;
    if (i == 0) {
      int64_t index = index_of(keys_[0], shift_);
      uint64_t zigzag = (static_cast<uint64_t>(index) << 1) ^ static_cast<uint64_t>(index >> 63);
      place = (zigzag << 1) | (keys_[0] < 0 ? 1 : 0);
    } else {
      place = static_cast<uint64_t>(keys_[i] - keys_[i - 1] - 1);
    }
    uint64_t count = clamp_count(counts_[i]);
    put((place << 1) | (count != 1 ? 1 : 0));
    if (count != 1) put(count - 2);
    if (used > sizeof gathered - 20) {
      writer.bytes({gathered, used});
      used = 0;
    }
  }
  writer.bytes({gathered, used});
}

bool Distribution::parse(ByteReader& reader, View& view) {
  uint32_t head = reader.u8();
  view.zero_count = (head & kZeroFlag) != 0 ? reader.varint() : 0;
  uint64_t size = reader.varint();
  if (!reader.ok() || (head & ~kZeroFlag) > kShiftMax || size > kBucketsMax) return false;
  if ((head & kZeroFlag) != 0 && (view.zero_count == 0 || view.zero_count > kCountSaturated)) return false;
  uint32_t shift = kShiftMax - (head & ~kZeroFlag);
  view.shift = shift;
  view.size = static_cast<int>(size);
  int32_t magnitude_min = (kIndexMin + kIndexBias) >> shift, magnitude_max = (kIndexMax + kIndexBias) >> shift;
  // Nearly all numbers here take one or two bytes: these are read in place, the others by the reader.
  ByteReader ahead = reader;
  Bytes rest = ahead.bytes(ahead.remaining());
  const uint8_t *at = rest.data(), *end = at + rest.size();
  bool sound = true;
  auto next = [&]() -> uint64_t {
    if (end - at >= 2) [[likely]] {
      if (at[0] < 0x80) return *at++;
      if (static_cast<uint8_t>(at[1] - 1) < 0x7f) {
        at += 2;
        return (at[-2] & 0x7f) | static_cast<uint64_t>(at[-1]) << 7;
      }
    }
    ByteReader slow({at, end});
    uint64_t number = slow.varint();
    sound = sound && slow.ok();
    at = end - slow.remaining();
    return number;
  };
  int64_t key = 0;
  uint64_t finer_max = 0;  // buckets that might be occupied at the next finer scale
  for (int i = 0; i < view.size; ++i) {
    uint64_t place = next();
    uint64_t count = 1;
    finer_max += 1 + (place & 1);
    if ((place & 1) != 0) {
      count = next();
      if (count > kCountSaturated - 2) return false;
      count += 2;
    }
    place >>= 1;
    if (place > uint64_t{1} << 24) return false;
    if (i == 0) {
      int64_t zigzag = static_cast<int64_t>(place >> 1);
      key = ((zigzag >> 1) ^ -(zigzag & 1)) + (kIndexBias >> shift);
      if (key <= 0) return false;
      if ((place & 1) != 0) key = -key;
    } else {
      key += static_cast<int64_t>(place) + 1;
    }
    int64_t magnitude = key < 0 ? -key : key;
    if (magnitude < magnitude_min || magnitude > magnitude_max) return false;
    view.keys[i] = static_cast<int32_t>(key);
    view.counts[i] = count;
  }
  reader.bytes(static_cast<size_t>(at - rest.data()));
  // A scale below the greatest must have been forced by more buckets than there is room for.
  return sound && (shift == 0 || finer_max > kBucketsMax);
}

size_t Distribution::encode(std::span<uint8_t> out) const {
  ByteWriter writer(out);
  encode(writer);
  return writer.ok() ? writer.size() : 0;
}

bool Distribution::decode(Bytes bytes) {
  clear();
  ByteReader reader(bytes);
  View view;
  if (!parse(reader, view) || !reader.done()) return false;
  merge(view);
  return true;
}

}  // namespace tributary::stats
