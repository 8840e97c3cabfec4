// SPDX-License-Identifier: Apache-2.0
// Ledgers encoded once are kept in tests/data/ledger and decode for ever: what they knew then, they know now. With
// TRIBUTARY_WRITE_GOLDEN set, files that are missing are written.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "common/ledger/receiver.h"

namespace tributary::ledger {
namespace {

// Every part of the format: closed and open epochs, a window, lost, rejected and forgotten ranges, claims, a copy.
GatewayLedger example() {
  GatewayLedger ledger;
  ledger.open(10, {});
  for (uint64_t seq = 2; seq <= 5; ++seq) ledger.admit(10, seq, false);
  ledger.open(20, {.predecessor_epoch = 10, .predecessor_last_seq = 5});
  for (uint64_t seq = 3; seq <= 201; seq += 2) ledger.reject(20, {seq, seq});
  for (uint64_t seq = 2; seq <= 200; seq += 2) ledger.admit(20, seq, false);
  ledger.claim(20, 201, 1'000, 2'000);
  ledger.admit(20, 2'000, false);
  ledger.lose_at_gateway(20, 2'000);
  ledger.claim(20, 1'990, 3'000, 4'000);
  ledger.claim(20, 2'001, 5'000, 6'000);
  ledger.open(30, {.predecessor_epoch = 20, .predecessor_last_seq = 2'000, .last_durable_ns = 7'000});
  ledger.open(40, {.predecessor_epoch = 20, .predecessor_last_seq = 1'500, .last_durable_ns = 8'000});
  ledger.admit(40, 2, true);
  ledger.admit(40, 9, false);
  return ledger;
}

TEST(Golden, Version1DecodesForEverAndIsWrittenTheSame) {
  const std::filesystem::path path = std::filesystem::path(TRIBUTARY_TEST_DATA) / "ledger" / "v1" / "ledger.bin";
  std::vector<uint8_t> made;
  example().encode(made);
  if (!std::filesystem::exists(path) && std::getenv("TRIBUTARY_WRITE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(made.data()), static_cast<std::streamsize>(made.size()));
  }
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file) << path;
  std::vector<uint8_t> kept{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(made, kept);
  auto ledger = GatewayLedger::decode(kept);
  ASSERT_TRUE(ledger.has_value());
  EXPECT_EQ(ledger->frontier_ns(), 1'000);
  EXPECT_EQ(ledger->mark_ns(), 2'000);
  EXPECT_EQ(ledger->rejected_count(), 100u);
  EXPECT_EQ(ledger->lost_count(), 976u - 201 + 1);
  EXPECT_EQ(ledger->parked_count(), 1u);
  EXPECT_EQ(ledger->current_epoch(), 40u);
  EXPECT_EQ(ledger->admit(10, 5, false), Verdict::kDuplicate);
  EXPECT_EQ(ledger->admit(20, 3, false), Verdict::kPark);
  EXPECT_EQ(ledger->admit(20, 199, false), Verdict::kMerge);
  EXPECT_EQ(ledger->admit(20, 1'600, false), Verdict::kPark);
  EXPECT_EQ(ledger->admit(30, 2, true), Verdict::kMerge);
  EXPECT_EQ(ledger->admit(40, 3, true), Verdict::kPark);
}

}  // namespace
}  // namespace tributary::ledger
