// SPDX-License-Identifier: Apache-2.0
// Claims about the records of the outbox: they read back, their keys order as their numbers do, and what is damaged is
// noticed.
#include "edge/outbox/records.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "edge/outbox/undated/undated_records.h"

namespace tributary::edge {
namespace {

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min(), kGreatest = std::numeric_limits<int64_t>::max();

TEST(OutboxRecords, KeysReadBackAndOrderAsTheirNumbers) {
  const std::vector<int64_t> starts = {kLeast, -86400, -1, 0, 1, 1'700'000'000, kGreatest};
  std::string before;
  for (const WidthS width_s : {0U, 1U, 10U, 86400U}) {
    for (const int64_t start_s : starts) {
      const WaitingKey key{width_s, start_s, 7, 9};
      const std::string bytes = key.encode();
      EXPECT_EQ(bytes.size(), WaitingKey::kBytes);
      EXPECT_EQ(WaitingKey::decode(bytes), key);
      EXPECT_LT(before, bytes);
      before = bytes;
    }
  }
  before.clear();
  for (const uint32_t series : {0U, 1U, 256U, 0xffffffffU}) {
    for (const int64_t start_s : starts) {
      const std::string bytes = CheckpointKey{series, 10, start_s}.encode();
      const auto key = CheckpointKey::decode(bytes);
      ASSERT_TRUE(key);
      EXPECT_EQ(std::tuple(key->series, key->width_s, key->start_s), std::tuple(series, WidthS{10}, start_s));
      EXPECT_LT(before, bytes);
      before = bytes;
    }
  }
  EXPECT_LT((FlightKey{1, 0xffffffffff}.encode()), (FlightKey{2, 1}.encode()));
  EXPECT_EQ((FlightKey::decode(FlightKey{3, 1ULL << 40}.encode())->seq), 1ULL << 40);
  EXPECT_EQ(decode_index_key(index_key(0x01020304)), 0x01020304U);
  before.clear();
  for (const uint8_t level : {0, 1, 5, 255}) {
    for (const int64_t start_s : starts) {
      const UndatedKey key{level, 4, start_s, 6};
      EXPECT_EQ(UndatedKey::decode(key.encode()), key);
      EXPECT_LT(before, key.encode());
      before = key.encode();
    }
  }
}

TEST(OutboxRecords, AKeyOfAnotherSizeIsNone) {
  for (size_t size = 0; size < 24; ++size) {
    const std::string bytes(size, '\1');
    EXPECT_EQ(WaitingKey::decode(bytes).has_value(), size == WaitingKey::kBytes);
    EXPECT_EQ(CheckpointKey::decode(bytes).has_value(), size == CheckpointKey::kBytes);
    EXPECT_EQ(FlightKey::decode(bytes).has_value(), size == FlightKey::kBytes);
    EXPECT_EQ(UndatedKey::decode(bytes).has_value(), size == UndatedKey::kBytes);
    EXPECT_EQ(decode_index_key(bytes).has_value(), size == 4);
  }
  EXPECT_FALSE(UndatedKey::decode(UndatedKey{6, 1, 0, 0}.encode())) << "there are six levels, and that of the boots";
}

TEST(OutboxRecords, ASealCoversKeyAndContentAgainstEveryFlippedBit) {
  std::string sealed;
  seal("key", "content", sealed);
  EXPECT_EQ(unseal("key", sealed), "content");
  EXPECT_FALSE(unseal("kez", sealed));
  EXPECT_FALSE(unseal("key", std::string_view(sealed).substr(0, 3)));
  for (size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    std::string flipped = sealed;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    EXPECT_FALSE(unseal("key", flipped)) << bit;
    EXPECT_EQ(open_waiting("key", flipped).flags, WaitingValue::kLost);
  }
}

TEST(OutboxRecords, EveryItemReadsBack) {
  const std::string summary = "any bytes";
  std::string bytes;
  FlightItem partial;
  partial.kind = ItemKind::kPartial;
  partial.series = 5;
  partial.start_s = -60;
  partial.width_s = 60;
  partial.inherited = true;
  partial.summary = as_bytes(summary);
  encode_item(partial, bytes);
  auto read = decode_item(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::tuple(read->series, read->start_s, read->width_s, read->inherited, read->time_estimated),
            std::tuple(5U, int64_t{-60}, WidthS{60}, true, false));
  EXPECT_EQ(as_text(read->summary), summary);
  EXPECT_EQ(item_start_ns(*read), -60 * kNanosPerSecond);

  FlightItem opening;
  opening.kind = ItemKind::kOpening;
  opening.opening.predecessor_epoch = 77;
  opening.opening.predecessor_last_seq = 78;
  opening.opening.machine_id.fill(9);
  opening.opening.last_durable_ns = -5;
  encode_item(opening, bytes);
  read = decode_item(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->opening.predecessor_epoch, 77U);
  EXPECT_EQ(read->opening.predecessor_last_seq, 78U);
  EXPECT_EQ(read->opening.machine_id, opening.opening.machine_id);
  EXPECT_EQ(read->opening.last_durable_ns, -5);
  EXPECT_EQ(item_start_ns(*read), kGreatest);

  FlightItem gap;
  gap.kind = ItemKind::kGap;
  gap.gap = {1, 2, wire::GapCause::kStopped};
  encode_item(gap, bytes);
  read = decode_item(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::tuple(read->gap.from_ns, read->gap.to_ns, read->gap.cause),
            std::tuple(int64_t{1}, int64_t{2}, wire::GapCause::kStopped));

  FlightItem lost;
  lost.kind = ItemKind::kLost;
  lost.start_s = 3600;
  lost.width_s = 3600;
  encode_item(lost, bytes);
  read = decode_item(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(std::tuple(read->start_s, read->width_s), std::tuple(int64_t{3600}, WidthS{3600}));
  for (size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(decode_item(std::string_view(bytes).substr(0, cut)));
  EXPECT_FALSE(decode_item("\x09more"));
}

TEST(OutboxRecords, MetaIdentityEpochSeriesAndPreviousReadBack) {
  Meta meta;
  meta.epoch = 0xfedcba9876543210;
  meta.predecessor = 3;
  meta.next_seq = 99;
  meta.epoch_index = 4;
  meta.clean_stop = true;
  meta.last_durable_ns = 1'700'000'000 * kNanosPerSecond;
  meta.accepted_total = 1000;
  meta.overflow_total = 10;
  meta.rejected_total = {{"bad_json", 3}, {"future", 4}};
  std::string bytes;
  encode_meta(meta, bytes);
  const auto read = decode_meta(bytes);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->epoch, meta.epoch);
  EXPECT_EQ(read->next_seq, meta.next_seq);
  EXPECT_EQ(read->clean_stop, true);
  EXPECT_EQ(read->accepted_total, meta.accepted_total);
  EXPECT_EQ(read->rejected_total, meta.rejected_total);
  for (size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(decode_meta(std::string_view(bytes).substr(0, cut)));

  encode_identity({"acme", "attic"}, bytes);
  EXPECT_EQ(decode_identity(bytes)->gateway, "attic");
  bytes[0] = kOutboxVersion + 1;
  EXPECT_FALSE(decode_identity(bytes)) << "a newer version";
  bytes[0] = 1;
  EXPECT_EQ(decode_identity(bytes)->tenant, "acme") << "version 1 is read, too";

  encode_epoch(8, bytes);
  EXPECT_EQ(decode_epoch(bytes), 8U);
  EXPECT_FALSE(decode_epoch(std::string(8, '\0')));
  encode_previous({-0.5, 12}, bytes);
  EXPECT_EQ(decode_previous(bytes)->value, -0.5);
  EXPECT_EQ(decode_previous(bytes)->time_ns, 12);
  const std::string id = Series{.device = "d", .metric = "m"}.id();
  encode_series({MetricKind::kCounter, id}, bytes);
  EXPECT_EQ(decode_series(bytes)->kind, MetricKind::kCounter);
  EXPECT_EQ(decode_series(bytes)->identity, id);
  EXPECT_FALSE(decode_series(""));
}

TEST(OutboxRecords, UndatedReadingsBootsAndTheClockReadBack) {
  const std::vector<UndatedReading> readings = {{1, false, 5, 0, 2.5}, {2, true, 6, -7, -0.25}};
  std::string bytes;
  encode_undated(readings, bytes);
  std::vector<UndatedReading> read;
  ASSERT_TRUE(decode_undated(bytes, read));
  ASSERT_EQ(read.size(), 2U);
  EXPECT_EQ(std::tuple(read[0].series, read[0].own_time, read[0].mono_ns, read[0].value),
            std::tuple(1U, false, int64_t{5}, 2.5));
  EXPECT_EQ(std::tuple(read[1].series, read[1].own_time, read[1].time_ns, read[1].value),
            std::tuple(2U, true, int64_t{-7}, -0.25));
  EXPECT_FALSE(decode_undated(std::string_view(bytes).substr(0, bytes.size() - 1), read));

  BootRecord boot;
  boot.id.fill(3);
  boot.state = BootState::kEstimated;
  boot.base_ns = 1;
  boot.last_mono_ns = 2;
  boot.readings = 3;
  encode_boot(boot, bytes);
  const auto boot_read = decode_boot(bytes);
  ASSERT_TRUE(boot_read);
  EXPECT_EQ(
      std::tuple(boot_read->id, boot_read->state, boot_read->base_ns, boot_read->last_mono_ns, boot_read->readings),
      std::tuple(boot.id, boot.state, boot.base_ns, boot.last_mono_ns, boot.readings));
  EXPECT_FALSE(decode_boot(std::string_view(bytes).substr(1)));

  encode_clock({boot.id, true, false}, bytes);
  EXPECT_EQ(decode_clock(bytes)->set_boot, boot.id);
  EXPECT_TRUE(decode_clock(bytes)->crashed);
  EXPECT_FALSE(decode_clock(bytes)->replaced);
}

// Any bytes are survived, and what is said to be a checkpoint makes a summary or nothing.
TEST(OutboxRecords, RandomContentIsRefusedOrReadAndNeverMore) {
  const uint64_t seed = 13;
  std::mt19937_64 random(seed);
  auto summary = std::make_unique<stats::Summary>();
  std::vector<UndatedReading> readings;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 80, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 4);
    (void)decode_item(bytes);
    (void)decode_meta(bytes);
    (void)decode_identity(bytes);
    (void)decode_undated(bytes, readings);
    (void)decode_boot(bytes);
    summary->clear();
    const bool read = read_checkpoint(bytes, *summary);
    ASSERT_TRUE(read || summary->empty()) << "seed " << seed << " round " << i;
  }
}

}  // namespace
}  // namespace tributary::edge
