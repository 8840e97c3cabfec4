// SPDX-License-Identifier: Apache-2.0
// The readings of one open window. A few are kept as they came, 16 bytes each, since a Summary takes some kilobytes and
// most windows hold ten readings; beyond kRawMax they become a Summary on the heap.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/stats/summary.h"

namespace tributary::edge {

class WindowReadings {
 public:
  static constexpr uint32_t kRawMax = 32;

  // REQUIRES: stats::is_acceptable(value).
  void add(int64_t time_ns, double value) {
    if (size_ < capacity_) [[likely]] {
      raw_[size_++] = {time_ns, value};
    } else {
      add_slow(time_ns, value);
    }
  }
  bool is_raw() const { return summary_ == nullptr; }
  // The readings as a checkpoint keeps them: time and value, 16 bytes each, little-endian. REQUIRES: is_raw().
  void encode_raw(std::vector<uint8_t>& out) const;
  // Their summary's encoded form; scratch is used where they are raw. out has kSummaryBytesMax bytes.
  Bytes encode(stats::Summary& scratch, std::span<uint8_t> out) const;

 private:
  void add_slow(int64_t time_ns, double value);
  std::unique_ptr<stats::TimedValue[]> raw_;
  std::unique_ptr<stats::Summary> summary_;
  uint32_t size_ = 0, capacity_ = 0;
};

}  // namespace tributary::edge
