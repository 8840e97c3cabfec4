// SPDX-License-Identifier: Apache-2.0
// What the tests of common/stats share: random readings and deliberately plain references.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "common/stats/summary.h"

namespace tributary::stats {

struct Reading {
  int64_t time_ns = 0;
  double value = 0;
};

inline std::vector<uint8_t> encoded(const Summary& summary) {
  std::vector<uint8_t> bytes(kSummaryBytesMax);
  bytes.resize(summary.encode(bytes));
  EXPECT_FALSE(bytes.empty());
  return bytes;
}

inline Summary summary_of(const std::vector<Reading>& readings) {
  Summary summary;
  for (const Reading& r : readings) summary.add(r.time_ns, r.value);
  return summary;
}

// Any finite double, every bit pattern equally likely.
inline double any_double(std::mt19937_64& random) {
  for (;;) {
    double value = std::bit_cast<double>(random());
    if (is_acceptable(value)) return value;
  }
}

// One of several characters of series: sensors, counters, booleans, extremes, everything at once.
inline double typical_double(std::mt19937_64& random, int kind) {
  double uniform = static_cast<double>(random() >> 11) * 0x1p-53;
  switch (kind % 8) {
    case 0:
      return static_cast<double>(static_cast<int64_t>(random() % 4001) - 2000) / 100;  // thermometer
    case 1:
      return static_cast<double>(random() % 2);
    case 2:
      return 1e7 + static_cast<double>(random() % 3) / 10;
    case 3:
      return any_double(random);
    case 4:
      return std::bit_cast<double>(random() & 0x800f'ffff'ffff'ffff);  // subnormal
    case 5:
      return std::bit_cast<double>((random() & 0x800f'ffff'ffff'ffff) | 0x7fe0'0000'0000'0000);
    case 6:
      return (uniform - 0.5) * 1e-3 + (random() % 50 == 0 ? 1e6 * uniform : 0);
    default:
      return random() % 10 == 0 ? (random() % 2 == 0 ? 0.0 : -0.0)
                                : typical_double(random, static_cast<int>(random() % 7));
  }
}

inline std::vector<Reading> random_readings(std::mt19937_64& random, int kind, size_t count) {
  std::vector<Reading> readings;
  for (size_t i = 0; i < count; ++i) {
    readings.push_back({static_cast<int64_t>(random() % (count + 1)) * 1'000'000, typical_double(random, kind)});
  }
  return readings;
}

inline std::string show(const std::vector<uint8_t>& bytes) {
  std::string out;
  for (uint8_t byte : bytes) out += "0123456789abcdef"[byte >> 4], out += "0123456789abcdef"[byte & 15];
  return out;
}

}  // namespace tributary::stats
