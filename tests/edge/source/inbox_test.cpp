// SPDX-License-Identifier: Apache-2.0
// Claims about the inbox: order, bounds, what happens when it is full.
#include "edge/source/inbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/wakes.h"

namespace tributary::edge {
namespace {

size_t drain_into(Inbox& inbox, std::vector<std::string>& out, bool gather = false) {
  return inbox.drain(gather, [&](const InboxMessage& message) {
    out.push_back(std::to_string(message.arrived.wall_ns) + (message.retained ? "R " : " ") +
                  std::string(message.topic) + " " + std::string(message.payload));
  });
}

TEST(Inbox, GivesEverythingInOrder) {
  test::Wakes wakes;
  Inbox inbox({}, wakes.wake());
  EXPECT_TRUE(inbox.push({{1, 0}, false, "a", "x"}));
  EXPECT_TRUE(inbox.push({{2, 0}, true, "b", ""}));
  std::vector<std::string> seen;
  EXPECT_EQ(drain_into(inbox, seen), 2u);
  EXPECT_EQ(seen, (std::vector<std::string>{"1 a x", "2R b "}));
  EXPECT_EQ(drain_into(inbox, seen), 0u);
}

TEST(Inbox, WhenFullItDropsTheNewestAndCountsThem) {
  test::Wakes wakes;
  Inbox inbox({.bytes_max = 1000, .full_wait_ms = 1}, wakes.wake());
  int accepted = 0;
  while (inbox.push({{0, 0}, false, "topic", std::string(100, 'x')})) ++accepted;
  EXPECT_GT(accepted, 5);
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(inbox.push({{0, 0}, false, "topic", std::string(100, 'x')}));
  EXPECT_EQ(inbox.take_dropped(), 10u);
  EXPECT_EQ(inbox.take_dropped(), 0u);
  std::vector<std::string> seen;
  EXPECT_EQ(drain_into(inbox, seen), static_cast<size_t>(accepted));
  EXPECT_TRUE(inbox.push({{0, 0}, false, "topic", "x"}));
}

TEST(Inbox, TakesOneMessageLargerThanItself) {
  test::Wakes wakes;
  Inbox inbox({.bytes_max = 1000, .full_wait_ms = 1}, wakes.wake());
  EXPECT_TRUE(inbox.push({{0, 0}, false, "a", std::string(5000, 'x')}));
  EXPECT_FALSE(inbox.push({{0, 0}, false, "a", "y"}));
}

TEST(Inbox, AFullOneWaitsForRoomAndLosesNothing) {
  const uint64_t seed = 11;
  test::Wakes wakes;
  Inbox inbox({.bytes_max = 2000, .full_wait_ms = 20'000}, wakes.wake());
  constexpr int kCount = 100'000;
  std::thread producer([&] {
    std::mt19937_64 random(seed);
    for (int i = 0; i < kCount; ++i) ASSERT_TRUE(inbox.push({{i, 0}, false, "t", std::string(random() % 50, 'x')}));
  });
  int64_t expected = 0;
  std::mt19937_64 random(seed);
  while (expected < kCount) {
    inbox.drain(random() % 2 == 0,
                [&](const InboxMessage& message) { EXPECT_EQ(message.arrived.wall_ns, expected++); });
    wakes.wait(1);
  }
  producer.join();
  EXPECT_EQ(inbox.take_dropped(), 0u);
}

TEST(Inbox, ClosingReleasesWhoWaits) {
  test::Wakes wakes;
  Inbox inbox({.bytes_max = 100, .full_wait_ms = 60'000}, wakes.wake());
  EXPECT_TRUE(inbox.push({{0, 0}, false, "a", std::string(200, 'x')}));
  std::thread producer([&] { EXPECT_FALSE(inbox.push({{0, 0}, false, "a", "y"})); });
  inbox.close();
  producer.join();
  std::vector<std::string> seen;
  EXPECT_EQ(drain_into(inbox, seen), 1u);
}

TEST(Inbox, TheFirstMessageWakesTheLoopAndWhileItGathersNoneDoes) {
  test::Wakes wakes;
  Inbox inbox({}, wakes.wake());
  inbox.push({{0, 0}, false, "a", "x"});
  EXPECT_TRUE(wakes.wait());
  std::vector<std::string> seen;
  drain_into(inbox, seen, true);
  inbox.push({{0, 0}, false, "a", "x"});
  EXPECT_FALSE(wakes.wait(0));
  drain_into(inbox, seen, true);
  EXPECT_EQ(drain_into(inbox, seen, true), 0u);
  inbox.push({{0, 0}, false, "a", "x"});
  EXPECT_TRUE(wakes.wait());
  EXPECT_EQ(seen.size(), 2u);
}

}  // namespace
}  // namespace tributary::edge
