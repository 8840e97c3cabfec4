// SPDX-License-Identifier: Apache-2.0
// An acknowledgement says which seqs it frees, or it frees nothing.
#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "common/wire/message.h"

namespace tributary::wire {
namespace {

TEST(Ack, SaysWhatWasPutIn) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 2'000; ++round) {
    Ack ack{.epoch = random() | 1};
    ack.range_count = static_cast<uint32_t>(random() % (kAckRangesMax + 1));
    for (size_t i = 0; i < ack.range_count; ++i) {
      ack.ranges[i].first = 1 + (random() >> (1 + random() % 63));
      ack.ranges[i].last = ack.ranges[i].first + (random() >> (2 + random() % 62));
    }
    std::vector<uint8_t> bytes(kAckBytesMax);
    bytes.resize(encode_ack(ack, bytes));
    ASSERT_GT(bytes.size(), 0u);
    Ack read;
    ASSERT_TRUE(decode_ack(bytes, read));
    EXPECT_EQ(read.epoch, ack.epoch);
    ASSERT_EQ(read.range_count, ack.range_count);
    for (size_t i = 0; i < ack.range_count; ++i) {
      EXPECT_EQ(read.ranges[i].first, ack.ranges[i].first);
      EXPECT_EQ(read.ranges[i].last, ack.ranges[i].last);
    }
    std::vector<uint8_t> small(bytes.size() - 1);
    EXPECT_EQ(encode_ack(ack, small), 0u);
  }
}

TEST(Ack, WithAnyBitFlippedOrAnyByteMoreOrLessFreesNothing) {
  Ack ack{.epoch = 77};
  ack.ranges[0] = {1, 5};
  ack.ranges[1] = {300, 300};
  ack.range_count = 2;
  std::vector<uint8_t> bytes(kAckBytesMax);
  bytes.resize(encode_ack(ack, bytes));
  Ack read;
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(decode_ack(bytes, read));
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_ack(Bytes(bytes).first(size), read));
  bytes.push_back(0);
  EXPECT_FALSE(decode_ack(bytes, read));
  EXPECT_EQ(read.epoch, 0u);
}

}  // namespace
}  // namespace tributary::wire
