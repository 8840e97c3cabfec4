// SPDX-License-Identifier: Apache-2.0
// Claims about topic filters: the examples of the specification, and what is none.
#include "common/mqtt/topic_filter.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace tributary::mqtt {
namespace {

TEST(TopicFilter, WildcardsStandAloneInTheirLevel) {
  for (const char* good : {"a", "/", "+", "#", "a/+/b", "a/#", "+/+", "/+", "a//b"})
    EXPECT_TRUE(is_topic_filter(good)) << good;
  for (const char* bad : {"", "a+", "+a/b", "a#", "#/a", "a/#/b"}) EXPECT_FALSE(is_topic_filter(bad)) << bad;
  EXPECT_FALSE(is_topic_filter(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_topic_filter(std::string(65536, 'a')));
}

TEST(TopicFilter, MatchesAsTheSpecificationSays) {
  EXPECT_TRUE(matches("sport/tennis/player1/#", "sport/tennis/player1"));
  EXPECT_TRUE(matches("sport/tennis/player1/#", "sport/tennis/player1/ranking"));
  EXPECT_TRUE(matches("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon"));
  EXPECT_TRUE(matches("sport/#", "sport"));
  EXPECT_TRUE(matches("#", "sport/tennis"));
  EXPECT_TRUE(matches("sport/tennis/+", "sport/tennis/player1"));
  EXPECT_FALSE(matches("sport/tennis/+", "sport/tennis/player1/ranking"));
  EXPECT_FALSE(matches("sport/+", "sport"));
  EXPECT_TRUE(matches("sport/+", "sport/"));
  EXPECT_TRUE(matches("+/+", "/finance"));
  EXPECT_TRUE(matches("/+", "/finance"));
  EXPECT_FALSE(matches("+", "/finance"));
  EXPECT_FALSE(matches("#", "$SYS/broker"));
  EXPECT_FALSE(matches("+/broker", "$SYS/broker"));
  EXPECT_TRUE(matches("$SYS/#", "$SYS/broker"));
}

TEST(TopicFilter, OverlapIsATopicThatBothMatch) {
  const std::pair<const char*, const char*> both[] = {{"m3/+", "m3/#"},
                                                      {"a", "a"},
                                                      {"a", "a/#"},
                                                      {"a/+", "+/b"},
                                                      {"#", "a/b/c"},
                                                      {"+/#", "a"},
                                                      {"a/+/c", "a/b/+"},
                                                      {"a/", "a/+"},
                                                      {"$share/g/a/+", "a/b"},
                                                      {"$SYS/#", "$SYS/+"},
                                                      {"+", "#"},
                                                      {"a/b/#", "a/+/c"},
                                                      {"/+", "+/+"},
                                                      {"$share/g/#", "$share/h/a"}};
  for (const auto& [a, b] : both) {
    EXPECT_TRUE(overlap(a, b)) << a << " " << b;
    EXPECT_TRUE(overlap(b, a)) << b << " " << a;
  }
  const std::pair<const char*, const char*> apart[] = {
      {"sensors/+", "sensors/+/+"}, {"a", "b"}, {"a/b", "a"}, {"a/+", "b/+"}, {"#", "$SYS/a"}, {"+/a", "$SYS/a"},
      {"a/b/#", "a/c/#"},           {"a", "/a"}};
  for (const auto& [a, b] : apart) {
    EXPECT_FALSE(overlap(a, b)) << a << " " << b;
    EXPECT_FALSE(overlap(b, a)) << b << " " << a;
  }
}

TEST(TopicFilter, WithoutWildcardsItIsTheTopicItself) {
  EXPECT_TRUE(matches("a/b", "a/b"));
  EXPECT_FALSE(matches("a/b", "a"));
  EXPECT_FALSE(matches("a", "a/b"));
  EXPECT_FALSE(matches("a/b", "a/B"));
}

}  // namespace
}  // namespace tributary::mqtt
