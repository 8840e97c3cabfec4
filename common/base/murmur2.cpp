// SPDX-License-Identifier: Apache-2.0
// MurmurHash2 (Austin Appleby, public domain algorithm), little-endian whatever the machine.
#include "common/base/murmur2.h"

namespace tributary {

uint32_t murmur2(Bytes key) {
  constexpr uint32_t kKafkaSeed = 0x9747b28c;
  constexpr uint32_t kMultiplier = 0x5bd1e995;
  constexpr int kShift = 24;
  uint32_t hash = kKafkaSeed ^ static_cast<uint32_t>(key.size());
  size_t at = 0;
  for (; key.size() - at >= 4; at += 4) {
    uint32_t word = key[at] | key[at + 1] << 8 | key[at + 2] << 16 | static_cast<uint32_t>(key[at + 3]) << 24;
    word *= kMultiplier;
    word ^= word >> kShift;
    word *= kMultiplier;
    hash = (hash * kMultiplier) ^ word;
  }
  size_t tail = key.size() - at;
  if (tail >= 3) hash ^= static_cast<uint32_t>(key[at + 2]) << 16;
  if (tail >= 2) hash ^= static_cast<uint32_t>(key[at + 1]) << 8;
  if (tail >= 1) hash = (hash ^ key[at]) * kMultiplier;
  hash ^= hash >> 13;
  hash *= kMultiplier;
  hash ^= hash >> 15;
  return hash;
}

}  // namespace tributary
