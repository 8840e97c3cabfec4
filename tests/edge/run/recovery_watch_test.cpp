// SPDX-License-Identifier: Apache-2.0
// Claims about what the edge says after a recovery: the sentences, and when they are said.
#include "edge/run/recovery_watch.h"

#include <gtest/gtest.h>

namespace tributary::edge {
namespace {

constexpr int64_t kSecond = kNanosPerSecond;
constexpr Instant at(int64_t seconds) { return {1'700'000'000 * kSecond + seconds * kSecond, seconds * kSecond}; }

GatewayProgress progress(uint64_t waiting, uint64_t flight, uint64_t acked, uint64_t resent = 0) {
  return {.waiting_partials = waiting, .flight_items = flight, .acked_total = acked, .resent_total = resent};
}

uint64_t amount(const runtime::Recovery& recovery, const std::string& name) {
  for (const auto& [key, value] : recovery.amounts) {
    if (key == name) return value;
  }
  ADD_FAILURE() << name;
  return 0;
}

TEST(RecoveryOfStart, ANewOutboxIsNone) { EXPECT_FALSE(recovery_of_start({.fresh = true}, "/s", 0.01)); }

TEST(RecoveryOfStart, ACrashIsToldWithWhatWasFoundAndTheBoundsOfTheGap) {
  RecoveryReport report;
  report.inherited_partials = 12;
  report.checkpoint_windows = 4;
  report.flight_items = 1;
  report.gap = wire::Gap{at(0).wall_ns, at(90).wall_ns, wire::GapCause::kCrash};
  const auto told = recovery_of_start(report, "/s", 0.031);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->kind, "crash");
  EXPECT_EQ(told->line,
            "outbox /s: taken up after a crash in 0.031 s: 12 partials waiting, 4 of them from open windows, 1 item on "
            "the way; readings may be missing from 2023-11-14T22:13:20Z to 2023-11-14T22:14:50Z, which every answer "
            "says");
  EXPECT_EQ(amount(*told, "gap_seconds"), 90U);
  EXPECT_EQ(amount(*told, "open_windows"), 4U);
  report.clean_stop = true;
  EXPECT_EQ(recovery_of_start(report, "/s", 0.031)->kind, "restart");
}

TEST(RecoveryOfStart, ADamagedOutboxIsToldWithItsPlaceAndTheReason) {
  RecoveryReport report;
  report.moved_aside = true;
  report.moved_to = "/s/outbox.corrupt-1";
  report.moved_why = "page 7 is not itself";
  report.gap = wire::Gap{0, at(0).wall_ns, wire::GapCause::kOutboxReplaced};
  const auto told = recovery_of_start(report, "/s", 0.01);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->kind, "damaged_outbox");
  EXPECT_EQ(
      told->line,
      "outbox /s: the old one did not open and was moved to /s/outbox.corrupt-1 (page 7 is not itself); a new one "
      "begins; readings may be missing up to 2023-11-14T22:13:20Z, which every answer says");
}

TEST(UplinkWatch, AStartThatReachesTheCloudAtOnceIsNoOutage) {
  UplinkWatch watch(at(0));
  EXPECT_FALSE(watch.look(false, progress(0, 1, 0), at(0)));
  EXPECT_FALSE(watch.look(true, progress(0, 1, 0), at(1)));
  EXPECT_FALSE(watch.look(true, progress(0, 0, 1), at(2)));
  EXPECT_FALSE(watch.look(true, progress(0, 0, 1), at(300)));
}

TEST(UplinkWatch, AStartWithoutABrokerIs) {
  UplinkWatch watch(at(0));
  EXPECT_FALSE(watch.look(false, progress(0, 1, 0), at(0)));
  EXPECT_FALSE(watch.look(true, progress(5, 3, 0), at(40)));
  const auto told = watch.look(true, progress(0, 0, 8), at(41));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->seconds, 41);
}

class UplinkWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    EXPECT_FALSE(watch_.look(true, progress(0, 1, 0), at(0)));
    EXPECT_FALSE(watch_.look(true, progress(0, 0, 1), at(1)));
  }
  UplinkWatch watch_{at(0)};
};

TEST_F(UplinkWatchTest, AnOutageIsToldOnceAsMuchIsAcknowledgedAsHadWaited) {
  EXPECT_FALSE(watch_.look(true, progress(0, 2, 10), at(100)));
  EXPECT_FALSE(watch_.look(false, progress(0, 2, 10), at(110)));
  EXPECT_FALSE(watch_.look(false, progress(900, 100, 10), at(3000)));
  EXPECT_FALSE(watch_.look(true, progress(900, 100, 10), at(3708))) << "connected is not yet acknowledged";
  EXPECT_FALSE(watch_.look(true, progress(900, 90, 20, 5), at(3710)));
  EXPECT_FALSE(watch_.look(true, progress(100, 100, 810, 7), at(3711)));
  const auto told = watch_.look(true, progress(3, 4, 1010, 7), at(3712));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->kind, "uplink_outage");
  EXPECT_EQ(told->line,
            "uplink: back after 1 h without the broker; 990 partials had waited, as many acknowledged within 2.0 s, 7 "
            "items sent more than once");
  EXPECT_EQ(amount(*told, "waited_partials"), 990U);
  EXPECT_EQ(amount(*told, "resent_items"), 7U);
  EXPECT_FALSE(watch_.look(true, progress(0, 0, 1017, 7), at(3720))) << "once";
}

TEST_F(UplinkWatchTest, LostAgainBeforeAllIsSentIsTheSameOutage) {
  EXPECT_FALSE(watch_.look(false, progress(0, 2, 1), at(100)));
  EXPECT_FALSE(watch_.look(true, progress(50, 1, 2), at(200)));
  EXPECT_FALSE(watch_.look(false, progress(50, 1, 2), at(201)));
  EXPECT_FALSE(watch_.look(true, progress(60, 1, 2), at(300)));
  EXPECT_FALSE(watch_.look(true, progress(60, 0, 3), at(301)));
  const auto told = watch_.look(true, progress(0, 0, 63), at(302));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->seconds, 201);
  EXPECT_EQ(amount(*told, "waited_partials"), 60U);
}

TEST_F(UplinkWatchTest, AMinuteWithoutAcknowledgementsIsAnOutageThoughTheBrokerIsThere) {
  EXPECT_FALSE(watch_.look(true, progress(0, 1, 1), at(100)));
  for (int64_t s = 101; s < 400; ++s) EXPECT_FALSE(watch_.look(true, progress(7, 1, 1), at(s)));
  EXPECT_FALSE(watch_.look(true, progress(7, 0, 2, 4), at(400)));
  const auto told = watch_.look(true, progress(0, 0, 9, 4), at(401));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->seconds, 399) << "since the last time that nothing was on its way";
  EXPECT_NE(told->line.find("back after 6 min 39 s without acknowledgements"), std::string::npos) << told->line;
  EXPECT_EQ(amount(*told, "resent_items"), 4U);
}

TEST(DiskWatch, IsToldAtTheFirstSuccessWithWhatWasHeldInMemory) {
  DiskWatch watch;
  GatewayProgress well, ill;
  ill.write_failing = true;
  EXPECT_FALSE(watch.look(well, "", at(0)));
  ill.uncommitted_readings = 5;
  EXPECT_FALSE(watch.look(ill, "cannot write /s: no space left", at(10)));
  ill.uncommitted_readings = 1500;
  ill.coarsened_total = 3;
  EXPECT_FALSE(watch.look(ill, "cannot write /s: no space left", at(100)));
  well.coarsened_total = 3;
  const auto told = watch.look(well, "", at(210));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->kind, "full_disk");
  EXPECT_EQ(
      told->line,
      "outbox: written again after 3 min 20 s (cannot write /s: no space left); 1,500 readings were held in memory "
      "and are safe now, 3 windows merged into wider ones meanwhile");
  EXPECT_FALSE(watch.look(well, "", at(211)));
}

}  // namespace
}  // namespace tributary::edge
