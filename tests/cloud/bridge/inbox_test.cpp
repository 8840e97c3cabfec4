// SPDX-License-Identifier: Apache-2.0
// Claims about the inbox: one gateway's flood is its own trouble.
#include "cloud/bridge/inbox.h"

#include <gtest/gtest.h>

namespace tributary::bridge {
namespace {

constexpr const char* kFlood = "tributary/v1/demo/flood/partials";
constexpr const char* kQuiet = "tributary/v1/demo/quiet/partials";

bool offer(Inbox& inbox, const std::string& topic, const std::string& payload) {
  return inbox.offer(mqtt::Message{topic, payload, false, 1});
}

TEST(InboxTest, AFloodWaitsForItselfAndTheOthersAreNext) {
  Inbox inbox(8'192, 64 << 20, 65'537);
  size_t taken = 0;
  for (int i = 0; i < 57'000; ++i) taken += offer(inbox, kFlood, std::to_string(i)) ? 1 : 0;
  EXPECT_EQ(taken, 8'192U / 8);
  EXPECT_TRUE(offer(inbox, kQuiet, "a"));
  EXPECT_TRUE(offer(inbox, kQuiet, "b"));
  const auto first = inbox.take_message(), second = inbox.take_message(), third = inbox.take_message();
  EXPECT_EQ((first->topic == kQuiet) + (second->topic == kQuiet), 1) << "in turns";
  EXPECT_EQ((second->topic == kQuiet) + (third->topic == kQuiet), 1);
  EXPECT_EQ(inbox.stats().dropped_total, 57'000U - taken);
}

TEST(InboxTest, WhenAllIsFullTheLongestGivesWay) {
  Inbox inbox(80, 64 << 20, 65'537);
  while (offer(inbox, kFlood, "x")) {
  }
  while (offer(inbox, "tributary/v1/demo/flood-2/partials", "x")) {
  }
  EXPECT_EQ(inbox.stats().messages, 80U);
  EXPECT_TRUE(offer(inbox, kQuiet, "a"));
  EXPECT_EQ(inbox.stats().messages, 80U);
  bool found = false;
  for (int i = 0; i < 3; ++i) found = found || inbox.take_message()->topic == kQuiet;
  EXPECT_TRUE(found);
}

TEST(InboxTest, OfStatusesTheNewestWaitsAndTakesNoRoomFromPartials) {
  Inbox inbox(100, 64 << 20, 65'537);
  EXPECT_TRUE(offer(inbox, kQuiet, "a"));
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(offer(inbox, "tributary/v1/demo/flood/status", std::to_string(i)));
  EXPECT_EQ(inbox.stats().messages, 2U);
  EXPECT_EQ(inbox.stats().dropped_total, 0U);
  EXPECT_EQ(inbox.stats().replaced_total, 9'999U);
  for (int i = 0; i < 2; ++i) {
    const auto message = inbox.take_message();
    EXPECT_EQ(message->payload, message->topic == kQuiet ? "a" : "9999");
  }
  EXPECT_FALSE(inbox.take_message());
  EXPECT_EQ(inbox.stats().bytes, 0U);
}

TEST(InboxTest, AGatewaysMessagesKeepTheirOrder) {
  Inbox inbox(100, 64 << 20, 65'537);
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(offer(inbox, kFlood, std::to_string(i)));
    EXPECT_TRUE(offer(inbox, kQuiet, std::to_string(i)));
  }
  std::map<std::string, int> next;
  while (const auto message = inbox.take_message()) EXPECT_EQ(message->payload, std::to_string(next[message->topic]++));
  EXPECT_EQ(next[kFlood], 10);
  EXPECT_EQ(next[kQuiet], 10);
}

}  // namespace
}  // namespace tributary::bridge
