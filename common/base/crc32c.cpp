// SPDX-License-Identifier: Apache-2.0
// CRC-32C by tables computed at compile time: eight bytes a step on servers, one byte a step (1 KiB of table) on
// microcontrollers.
#include "common/base/crc32c.h"

#include <array>

namespace tributary {
namespace {

#if defined(TRIBUTARY_FREESTANDING)
constexpr size_t kSlices = 1;
#else
constexpr size_t kSlices = 8;
#endif

constexpr uint32_t kReflectedPolynomial = 0x82F63B78;

constexpr auto make_tables() {
  std::array<std::array<uint32_t, 256>, kSlices> tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReflectedPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t slice = 1; slice < kSlices; ++slice) {
    for (size_t byte = 0; byte < 256; ++byte) {
      uint32_t before = tables[slice - 1][byte];
      tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr auto kTables = make_tables();

}  // namespace

uint32_t crc32c(Bytes bytes, uint32_t seed) {
  uint32_t crc = ~seed;
  const uint8_t* at = bytes.data();
  size_t left = bytes.size();
  if constexpr (kSlices == 8) {
    for (; left >= 8; at += 8, left -= 8) {
      uint32_t low = crc ^ (at[0] | at[1] << 8 | at[2] << 16 | static_cast<uint32_t>(at[3]) << 24);
      crc = kTables[7 % kSlices][low & 0xff] ^ kTables[6 % kSlices][(low >> 8) & 0xff] ^
            kTables[5 % kSlices][(low >> 16) & 0xff] ^ kTables[4 % kSlices][low >> 24] ^ kTables[3 % kSlices][at[4]] ^
            kTables[2 % kSlices][at[5]] ^ kTables[1 % kSlices][at[6]] ^ kTables[0][at[7]];
    }
  }
  for (; left > 0; ++at, --left) crc = (crc >> 8) ^ kTables[0][(crc ^ *at) & 0xff];
  return ~crc;
}

}  // namespace tributary
