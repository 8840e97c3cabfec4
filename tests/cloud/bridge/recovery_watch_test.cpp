// SPDX-License-Identifier: Apache-2.0
// Claims about what the bridge says after a recovery: the sentences, and when they are said.
#include "cloud/bridge/recovery_watch.h"

#include <gtest/gtest.h>

namespace tributary::bridge {
namespace {

constexpr Instant at(int64_t seconds) { return {0, seconds * kNanosPerSecond}; }
const Seen kWell{.broker_connected = true};

TEST(RecoveryWatch, AQuickStartIsNoOutageASlowOneIs) {
  RecoveryWatch quick(at(0)), slow(at(0));
  EXPECT_TRUE(quick.look({}, at(1)).empty());
  EXPECT_TRUE(quick.look(kWell, at(2)).empty());
  EXPECT_TRUE(slow.look({}, at(1)).empty());
  const auto told = slow.look(kWell, at(40));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].line, "broker: back after 40 s; 0 acks had waited, and what gateways sent meanwhile comes again");
}

TEST(RecoveryWatch, ABrokerThatWasAwayIsToldWithTheAcksThatWaited) {
  RecoveryWatch watch(at(0));
  EXPECT_TRUE(watch.look(kWell, at(1)).empty());
  EXPECT_TRUE(watch.look({}, at(100)).empty());
  const auto told = watch.look({.broker_connected = true, .acks_waiting = 14}, at(100 + 3700));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].kind, "broker_outage");
  EXPECT_EQ(told[0].line,
            "broker: back after 1 h 1 min; 14 acks had waited, and what gateways sent meanwhile comes again");
  EXPECT_TRUE(watch.look(kWell, at(4000)).empty());
}

TEST(RecoveryWatch, ALogThatWasAwayIsToldWithWhatWaitedAndWhatWasDropped) {
  RecoveryWatch watch(at(0));
  EXPECT_TRUE(watch.look(kWell, at(1)).empty());
  Seen seen = kWell;
  seen.log_trouble = "Kafka at a:1 does not answer";
  EXPECT_TRUE(watch.look(seen, at(10)).empty());
  seen.waiting_messages = 1204;
  seen.dropped_total = 311;
  EXPECT_TRUE(watch.look(seen, at(60)).empty());
  seen.log_trouble.clear();
  seen.waiting_messages = 3;
  auto told = watch.look(seen, at(202));
  ASSERT_EQ(told.size(), 1U) << "its drops are no overload of their own";
  EXPECT_EQ(told[0].kind, "log_outage");
  EXPECT_EQ(told[0].line,
            "log: written again after 3 min 12 s (Kafka at a:1 does not answer); 1,204 messages had waited, 311 "
            "messages dropped unacknowledged, which their gateways send again");
  EXPECT_TRUE(watch.look(seen, at(300)).empty());
  seen.log_trouble = "disk full: cannot write /log";
  EXPECT_TRUE(watch.look(seen, at(400)).empty());
  seen.log_trouble.clear();
  told = watch.look(seen, at(401));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].kind, "full_disk");
  EXPECT_EQ(told[0].line,
            "log: written again after 1.0 s (disk full: cannot write /log); 3 messages had waited, none was dropped");
}

TEST(RecoveryWatch, AnOverloadIsToldWhenNothingWasDroppedForAWhile) {
  RecoveryWatch watch(at(0));
  EXPECT_TRUE(watch.look(kWell, at(1)).empty());
  Seen seen = kWell;
  for (int s = 10; s < 52; ++s) {
    seen.dropped_total += 100;
    EXPECT_TRUE(watch.look(seen, at(s)).empty());
  }
  EXPECT_TRUE(watch.look(seen, at(53)).empty());
  const auto told = watch.look(seen, at(57));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].line,
            "overload: over after 41 s; 4,200 messages dropped unacknowledged, which their gateways send again");
  EXPECT_TRUE(watch.look(seen, at(90)).empty());
}

}  // namespace
}  // namespace tributary::bridge
