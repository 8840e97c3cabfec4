// SPDX-License-Identifier: Apache-2.0
// A window of kSpanMax bits that slides upwards: which seqs above low are settled.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace tributary::ledger {

inline constexpr uint64_t kSpanMax = 1024;  // next seq − oldest unacknowledged seq stays below this at the edge

class SeqWindow {
 public:
  bool operator[](uint64_t at) const { return (words_[at / 64] >> at % 64 & 1) != 0; }
  void set(uint64_t at) { words_[at / 64] |= uint64_t{1} << at % 64; }
  void reset() { words_ = {}; }
  bool none() const { return size() == 0; }

  // One past the highest set bit; 0 if none is.
  uint64_t size() const {
    for (size_t i = kWords; i-- > 0;) {
      if (words_[i] != 0) return 64 * (i + 1) - static_cast<uint64_t>(std::countl_zero(words_[i]));
    }
    return 0;
  }
  // How many bits from the lowest on are set without a hole.
  uint64_t run() const {
    for (size_t i = 0; i < kWords; ++i) {
      if (~words_[i] != 0) return 64 * i + static_cast<uint64_t>(std::countr_one(words_[i]));
    }
    return kSpanMax;
  }
  // Slides up: bit i becomes bit i − count, the lowest go.
  void slide(uint64_t count) {
    if (count >= kSpanMax) return reset();
    size_t words = count / 64;
    uint64_t bits = count % 64;
    for (size_t i = 0; i < kWords; ++i) {
      uint64_t low = i + words < kWords ? words_[i + words] : 0;
      uint64_t high = i + words + 1 < kWords ? words_[i + words + 1] : 0;
      words_[i] = bits == 0 ? low : low >> bits | high << (64 - bits);
    }
  }
  // Bits 8 * i and following, the lowest first.
  uint8_t byte(uint64_t i) const { return static_cast<uint8_t>(words_[i / 8] >> 8 * (i % 8)); }
  void set_byte(uint64_t i, uint8_t byte) { words_[i / 8] |= static_cast<uint64_t>(byte) << 8 * (i % 8); }

 private:
  static constexpr size_t kWords = kSpanMax / 64;
  std::array<uint64_t, kWords> words_{};
};

}  // namespace tributary::ledger
