// SPDX-License-Identifier: Apache-2.0
// FAULTS 23 at the edge, for long: while nothing can be written, what closes is kept in memory and merged there.
#include "tests/edge/gateway/fake_cloud.h"
#include "tests/faults/disk_faults.h"
#include "tests/support/reading.h"

namespace tributary::faults {
namespace {

TEST(FullDisk, WindowsMergedInMemoryHoldTheReadingsOfTheirTimeAndNothingIsLost) {
  std::mt19937_64 random(3);
  edge::TempFolder folder;
  edge::TestClock clock;
  auto gateway = edge::open_or_die(edge::test_config(folder), random, clock.now);
  DiskFaults::fill(folder.path());
  constexpr int kReadings = 20'000;
  for (int i = 0; i < kReadings; ++i) {
    ASSERT_TRUE(gateway->accept(
        test::number("d" + std::to_string(i % 2), "m", clock.now.wall_ns - int64_t{i} * 15 * kNanosPerSecond, 1),
        clock.now));
    if (i % 500 != 499) continue;
    clock.advance_ms(1100);
    EXPECT_FALSE(gateway->tick(clock.now).ok());
    EXPECT_TRUE(gateway->stats().disk_full);
  }
  EXPECT_GT(gateway->stats().coarsened_total, 0U) << "what is merged in memory is told too";
  DiskFaults::clear();
  edge::FakeCloud cloud;
  (void)edge::drain(*gateway, cloud, clock, 1100);
  EXPECT_FALSE(gateway->stats().disk_full);
  uint64_t count = 0;
  bool coarse = false;
  for (const auto& [key, summary] : cloud.rows) {
    const auto& [series, width_s, start_s] = key;
    count += summary.numeric().count();
    coarse = coarse || width_s > 10;
    const bool newest = start_s * kNanosPerSecond > edge::kStartNs - 3600 * kNanosPerSecond;
    EXPECT_TRUE(width_s == 10 || !newest) << "the oldest are merged first";
    EXPECT_EQ(window_start_s(to_seconds_floor(summary.numeric().first().time_ns), width_s), start_s);
    EXPECT_EQ(window_start_s(to_seconds_floor(summary.numeric().last().time_ns), width_s), start_s);
  }
  EXPECT_EQ(count, static_cast<uint64_t>(kReadings));
  EXPECT_TRUE(coarse);
}

// A reading an hour: no two windows share the next width, so each must become wider alone before any two can merge.
TEST(FullDisk, WindowsFarApartDoNotFillTheMemory) {
  std::mt19937_64 random(4);
  edge::TempFolder folder;
  edge::TestClock clock;
  auto gateway = edge::open_or_die(edge::test_config(folder), random, clock.now);
  DiskFaults::fill(folder.path());
  constexpr int kReadings = 20'000;
  for (int i = 0; i < kReadings; ++i) {
    const int64_t time_ns = clock.now.wall_ns - int64_t{i} * 3600 * kNanosPerSecond;
    ASSERT_TRUE(gateway->accept(test::number("d" + std::to_string(i % 2), "m", time_ns, 1), clock.now));
    if (i % 500 != 499) continue;
    clock.advance_ms(1100);
    EXPECT_FALSE(gateway->tick(clock.now).ok());
  }
  DiskFaults::clear();
  edge::FakeCloud cloud;
  (void)edge::drain(*gateway, cloud, clock, 1100);
  // At most 8,192 closed windows, and 8 open ones a series.
  EXPECT_LE(cloud.partials, 8192U + 16U);
  uint64_t count = 0;
  for (const auto& [series, summary] : cloud.totals()) count += summary.numeric().count();
  EXPECT_EQ(count, static_cast<uint64_t>(kReadings));
}

}  // namespace
}  // namespace tributary::faults
