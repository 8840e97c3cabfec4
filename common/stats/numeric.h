// SPDX-License-Identifier: Apache-2.0
// numeric: count, exact sum and sum of squares, minimum, maximum, first and last of a set of readings.
// The sums are superaccumulators (Kulisch; Neal 2015, "Fast exact summation using small and large superaccumulators"):
// integers wide enough for every double and every square of a double, times 2^64 readings.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "common/base/bytes.h"
#include "common/stats/accumulator.h"
#include "common/stats/exact.h"

namespace tributary::stats {

struct TimedValue {
  int64_t time_ns = 0;
  double value = 0;
  friend bool operator==(const TimedValue&, const TimedValue&) = default;
};

inline constexpr size_t kNumericBytesMax = 1024;

// Input: double, or float for devices whose readings are floats: the same results and bytes from a tenth of the memory.
template <class Input>
class Numeric {
 public:
  // What a part of a summary says of itself: see summary.h.
  using Number = Input;
  static constexpr std::string_view kName = "numeric";
  static constexpr uint8_t kBit = 0x01;
  static constexpr size_t kBytesMax = kNumericBytesMax;
  [[gnu::always_inline]] void take(int64_t time_ns, Input value) { add(time_ns, value); }

  // REQUIRES: value is finite.
  void add(int64_t time_ns, Input input) {
    double value = static_cast<double>(input);
    // What is in the band is no zero and not the first reading, so that the order needs one comparison mostly.
    if (!sums_.add_in_band(std::bit_cast<uint64_t>(value))) [[unlikely]]
      return add_slow(time_ns, value);
    ++count_;
    if (value < min_) [[unlikely]]
      min_ = value;
    if (value > max_) [[unlikely]]
      max_ = value;
    if (time_ns > last_.time_ns) [[likely]] {
      last_ = {time_ns, value};
    } else {
      order(time_ns, value);
    }
  }
  void merge(const Numeric& other);
  void clear();
  // Every reading is delta_ns later. REQUIRES: its times stay within int64.
  void shift_time(int64_t delta_ns) {
    if (count_ == 0) return;
    first_.time_ns += delta_ns;
    last_.time_ns += delta_ns;
  }

  bool empty() const { return count_ == 0; }
  uint64_t count() const { return clamp_count(count_); }
  // Each is the mathematical value over the set, rounded once to the nearest double (ties to even). A saturated count
  // has the sum, mean, variance and stddev kOverflow.
  Answer sum() const;       // 0 of no readings
  Answer mean() const;      // kNone of no readings
  Answer variance() const;  // sample variance (n - 1); kNone below two readings
  Answer stddev() const;    // the rounded root of the exact variance, not of the rounded one
  // REQUIRES: count() > 0.
  double min() const { return min_; }
  double max() const { return max_; }
  TimedValue first() const { return first_; }  // the least (time, value)
  TimedValue last() const { return last_; }    // the greatest (time, value)

  // As for Summary. A Numeric<float> decodes only what a Numeric<float> can hold.
  size_t encode(std::span<uint8_t> out) const;
  bool decode(Bytes bytes);

  // The parts of encode and decode, for Summary. A View is a checked encoded form that still lies in its bytes.
  struct View {
    uint64_t count = 0;
    TimedValue first, last;
    double min = 0, max = 0;
    bool sum_negative = false;
    Magnitude sum, squares;
    bool empty() const { return count == 0; }
  };
  void encode(ByteWriter& writer) const;
  static bool parse(ByteReader& reader, View& view);  // false: not canonical
  void merge(const View& view);

 private:
  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  using Total = typename Accumulator<Input>::Total;

  void add_slow(int64_t time_ns, double value);
  bool add_count(uint64_t count);
  void order(int64_t time_ns, double value);  // as first or last
  static Limbs sum_limbs(const Total& total);
  Answer moment(Moment moment) const;

  uint64_t count_ = 0;  // may go beyond kCountSaturated, and is that then
  double min_ = kInfinity, max_ = -kInfinity;
  TimedValue first_ = {std::numeric_limits<int64_t>::max(), kInfinity};
  TimedValue last_ = {std::numeric_limits<int64_t>::min(), -kInfinity};
  Accumulator<Input> sums_;
};

extern template class Numeric<double>;
extern template class Numeric<float>;

}  // namespace tributary::stats
