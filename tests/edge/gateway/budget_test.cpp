// SPDX-License-Identifier: Apache-2.0
// FAULTS 22: the bridge is away for 30 days, the outbox has 16 MiB. Promise 4 of DESIGN.md: resolution degrades, totals
// do not, byte for byte.
//
// 200 series: 4 have a reading in every window of 10 s, the other 196 one in every 5 minutes: 2.7 million readings,
// each a partial of its own when its window closes. (A reading in every window of all 200 would be 52 million.)
#include <chrono>
#include <cmath>

#include "tests/edge/gateway/fake_cloud.h"
#include "tests/support/reading.h"

namespace tributary::edge {
namespace {

constexpr int kSeries = 200;
constexpr int kDense = 4;
constexpr int64_t kDays = 30;
constexpr int64_t kStepS = 60;

TEST(Budget, ThirtyDaysWithoutABridgeKeepTotalsExactInSixteenMebibytes) {
  const auto started = std::chrono::steady_clock::now();
  TempFolder folder;
  GatewayConfig config = test_config(folder);
  config.budget_bytes = 16 << 20;
  std::mt19937_64 random(22);
  TestClock clock;
  clock.now.wall_ns = kStartNs / (86400 * kNanosPerSecond) * (86400 * kNanosPerSecond);
  const int64_t begin_s = clock.now.wall_ns / kNanosPerSecond;
  auto gateway = open_or_die(config, random, clock.now);
  ASSERT_NE(gateway, nullptr);

  std::vector<std::string> devices, ids;
  std::vector<stats::Summary> expected(kSeries);
  for (int i = 0; i < kSeries; ++i) {
    devices.push_back("device-" + std::to_string(i));
    Series series;
    series.device = devices.back();
    series.metric = "temperature";
    ids.push_back(series.id());
  }
  uint64_t readings = 0, flight_bytes_max = 0, used_bytes_max = 0, coarsened = 0;
  const auto read = [&](int series, int64_t time_ns) {
    // A daily course with noise of many digits, and now and then an outlier.
    const double phase = static_cast<double>(time_ns / kNanosPerSecond % 86400) / 86400 * 6.283185307179586;
    double value = 15 + series * 0.05 + 8 * std::sin(phase) + static_cast<double>(random() % 1000003) / 1e6;
    if (random() % 5000 == 0) value *= -1000;
    ASSERT_TRUE(
        gateway->accept(test::number(devices[static_cast<size_t>(series)], "temperature", time_ns, value), clock.now));
    expected[static_cast<size_t>(series)].add(time_ns, value);
    ++readings;
  };
  const auto check = [&](const GatewayStats& stats) {
    flight_bytes_max = std::max(flight_bytes_max, stats.flight_bytes);
    used_bytes_max = std::max(used_bytes_max, stats.used_bytes);
    ASSERT_LE(stats.flight_bytes, ledger::kFlightBytesMax);
    ASSERT_LE(stats.used_bytes, config.budget_bytes);
    ASSERT_FALSE(stats.disk_full);
  };
  for (int64_t s = 0; s < kDays * 86400; s += kStepS) {
    clock.advance_ms(kStepS * 1000);
    for (int64_t at = s; at < s + kStepS; at += 10) {
      for (int series = 0; series < kDense; ++series) {
        read(series, (begin_s + at) * kNanosPerSecond + static_cast<int64_t>(random() % 10) * kNanosPerSecond);
      }
    }
    for (int series = kDense; series < kSeries; ++series) {
      if ((s / kStepS + series) % 5 == 0) read(series, (begin_s + s) * kNanosPerSecond + 7 * kMilli);
    }
    ASSERT_TRUE(gateway->tick(clock.now).ok());
    // The broker takes messages, no bridge answers.
    while (gateway->next_message(clock.now)) continue;
    check(gateway->stats());
    ASSERT_FALSE(HasFatalFailure());
    if (s == kDays / 2 * 86400) {
      ASSERT_TRUE(gateway->close(clock.now).ok());
      coarsened += gateway->stats().coarsened_total;
      gateway.reset();
      gateway = open_or_die(config, random, clock.now);
      ASSERT_NE(gateway, nullptr);
    }
  }
  const auto simulated = std::chrono::steady_clock::now();
  const GatewayStats full = gateway->stats();
  coarsened += full.coarsened_total;
  EXPECT_EQ(full.accepted_total, readings);
  EXPECT_EQ(std::filesystem::file_size(folder.path() + "/outbox/data.mdb"), config.budget_bytes);
  EXPECT_GT(full.waiting_by_width.at(10), 0U) << "the newest stay fine";
  std::string widths;
  uint64_t coarse = 0;
  for (const auto& [width_s, count] : full.waiting_by_width) {
    widths += " " + std::to_string(width_s) + " s: " + std::to_string(count);
    if (width_s != 10) coarse += count;
  }
  EXPECT_GT(coarse, 0U);

  // The bridge comes back.
  FakeCloud cloud;
  const uint64_t messages = drain(*gateway, cloud, clock);
  const GatewayStats after = gateway->stats();
  EXPECT_EQ(after.waiting_partials + after.flight_items + after.open_windows, 0U);
  const auto totals = cloud.totals();
  ASSERT_EQ(totals.size(), static_cast<size_t>(kSeries));
  for (int i = 0; i < kSeries; ++i) {
    // Count, sum, sum of squares, least, greatest, first, last and histogram, all at once.
    ASSERT_EQ(encoded(totals.at(ids[static_cast<size_t>(i)])), encoded(expected[static_cast<size_t>(i)])) << i;
  }
  EXPECT_EQ(cloud.ledger.lost_count(), 0U);
  EXPECT_EQ(cloud.duplicates, 0U);
  EXPECT_EQ(cloud.parked, 0U);
  const auto seconds = [](auto from, auto to) { return std::chrono::duration<double>(to - from).count(); };
  std::printf(
      "%llu readings in %.1f s; flight at most %llu bytes, file %llu of %llu bytes at most; %llu partials merged; "
      "waiting at the end:%s; drained in %llu messages, %.1f s\n",
      static_cast<unsigned long long>(readings), seconds(started, simulated),
      static_cast<unsigned long long>(flight_bytes_max), static_cast<unsigned long long>(used_bytes_max),
      static_cast<unsigned long long>(config.budget_bytes), static_cast<unsigned long long>(coarsened), widths.c_str(),
      static_cast<unsigned long long>(messages), seconds(simulated, std::chrono::steady_clock::now()));
}

}  // namespace
}  // namespace tributary::edge
