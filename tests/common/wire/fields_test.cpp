// SPDX-License-Identifier: Apache-2.0
// Fields reads what nanopb reads, and refuses what nanopb refuses.
#include "common/wire/fields.h"

#include <gtest/gtest.h>
#include <pb_decode.h>

#include <random>
#include <vector>

#include "proto/tributary.pb.h"

namespace tributary::wire {
namespace {

bool read_lost(Bytes bytes, int64_t& start_s, uint32_t& width_s) {
  Fields fields(bytes);
  uint32_t tag;
  WireType type;
  while (fields.next(tag, type)) {
    switch (tag) {
      case tributary_v1_LostAtGateway_start_s_tag:
        fields.sint64(type, start_s);
        break;
      case tributary_v1_LostAtGateway_width_s_tag:
        fields.u32(type, width_s);
        break;
      default:
        fields.skip(type);
    }
  }
  return !fields.failed();
}

TEST(Fields, ReadsRandomBytesAsNanopbDoes) {
  constexpr uint64_t kSeed = 20261120;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937_64 random(kSeed);
  constexpr uint8_t kLikely[] = {0x08, 0x10, 0x18, 0x1a, 0x1d, 0x19, 0x00, 0x01, 0x02, 0x80, 0xff, 0x0a, 0x0b};
  int read = 0;
  for (int round = 0; round < 300'000; ++round) {
    std::vector<uint8_t> bytes(random() % 14);
    for (uint8_t& byte : bytes) {
      byte = random() % 4 != 0 ? kLikely[random() % std::size(kLikely)] : static_cast<uint8_t>(random());
    }
    int64_t start_s = 0;
    uint32_t width_s = 0;
    const bool ours = read_lost(bytes, start_s, width_s);
    tributary_v1_LostAtGateway message = tributary_v1_LostAtGateway_init_zero;
    pb_istream_t stream = pb_istream_from_buffer(bytes.data(), bytes.size());
    const bool theirs = pb_decode(&stream, tributary_v1_LostAtGateway_fields, &message);
    ASSERT_EQ(ours, theirs) << ::testing::PrintToString(bytes);
    if (!ours) continue;
    ++read;
    EXPECT_EQ(start_s, message.start_s);
    EXPECT_EQ(width_s, message.width_s);
  }
  EXPECT_GT(read, 10'000);
}

TEST(Fields, StopsAtTheEndOfItsBytes) {
  const uint8_t cut[] = {0x0a, 0x05, 'a', 'b'};
  Fields fields(cut);
  uint32_t tag = 0;
  WireType type{};
  ASSERT_TRUE(fields.next(tag, type));
  std::string_view text;
  EXPECT_FALSE(fields.text(type, text));
  EXPECT_TRUE(fields.failed());
  EXPECT_FALSE(fields.next(tag, type));
}

}  // namespace
}  // namespace tributary::wire
