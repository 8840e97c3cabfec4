// SPDX-License-Identifier: Apache-2.0
// The checksums equal the published vectors: RFC 3720 for CRC-32C, Apache Kafka's own unit test for murmur2.
#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "common/base/crc32c.h"
#include "common/base/murmur2.h"

namespace tributary {
namespace {

TEST(Crc32c, EqualsTheVectorsOfRfc3720) {
  std::vector<uint8_t> bytes(32, 0);
  EXPECT_EQ(crc32c(bytes), 0x8a9136aau);
  bytes.assign(32, 0xff);
  EXPECT_EQ(crc32c(bytes), 0x62a8ab43u);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  EXPECT_EQ(crc32c(bytes), 0x46dd794eu);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

TEST(Crc32c, OfPartsInTurnEqualsThatOfTheWhole) {
  std::vector<uint8_t> bytes(100);
  std::iota(bytes.begin(), bytes.end(), uint8_t{7});
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    Bytes all(bytes);
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all));
  }
}

TEST(Murmur2, EqualsKafkasOwnVectors) {
  EXPECT_EQ(static_cast<int32_t>(murmur2(as_bytes("21"))), -973932308);
  EXPECT_EQ(static_cast<int32_t>(murmur2(as_bytes("foobar"))), -790332482);
  EXPECT_EQ(static_cast<int32_t>(murmur2(as_bytes("a-little-bit-long-string"))), -985981536);
  EXPECT_EQ(static_cast<int32_t>(murmur2(as_bytes("a-little-bit-longer-string"))), -1486304829);
  EXPECT_EQ(static_cast<int32_t>(murmur2(as_bytes("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"))), -58897971);
  EXPECT_EQ(static_cast<int32_t>(murmur2(as_bytes("abc"))), 479470107);
}

}  // namespace
}  // namespace tributary
