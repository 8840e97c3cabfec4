// SPDX-License-Identifier: Apache-2.0
// Claims about what a refused configuration is told: the nearest name, and why a line is not TOML, without its values.
#include "common/runtime/config_words.h"

#include <gtest/gtest.h>

#include "common/runtime/config.h"

namespace tributary::runtime {
namespace {

TEST(ConfigWords, TheNearestNameIsTheOneThatWasProbablyMeant) {
  const std::vector<std::string> names = {"host", "port", "threads", "streams_max", "url"};
  EXPECT_EQ(nearest_name("prot", names), "port");
  EXPECT_EQ(nearest_name("Port", names), "port");
  EXPECT_EQ(nearest_name("stream_max", names), "streams_max");
  EXPECT_EQ(nearest_name("uri", names), "url");
  EXPECT_EQ(nearest_name("colour", names), "");
  EXPECT_EQ(nearest_name("", names), "");
  EXPECT_EQ(expected_names("prot", names), "port (the nearest), or another of host, port, streams_max, threads, url");
  EXPECT_EQ(expected_names("x", {}), "nothing here");
  EXPECT_EQ(expected_names("x", {"url"}), "url");
}

std::string refusal(const std::string& text) {
  const auto parsed = Config::parse(text, "a.toml");
  return parsed.ok() ? "" : parsed.error().message;
}

TEST(ConfigWords, WhatIsNotTomlIsSaidInPlainWords) {
  const std::pair<const char*, const char*> cases[] = {
      {"url = tcp://secret:1883\n",
       "a.toml:1: found a value of url that is neither text in quotes, a number, true nor "},
      {"a = 1\nurl =\n", "a.toml:2: found url without a value, expected url = …"},
      {"url = # later\n", "a.toml:1: found url without a value"},
      {"url = \"tcp://secret\nb = 1\n", "a.toml:1: found no closing quote of url, expected \" at the end"},
      {"[mqtt\nurl = \"x\"\n", "a.toml:1: found the head of a table without its end, expected [name]"},
      {"[[source.mqtt]\n", "a.toml:1: found the head of a table without its end, expected [[name]]"},
      {"topics = [\"a\" \"b\"]\n", "a.toml:1: found no end of the list or table of topics, expected ]"},
      {"just words\n", "a.toml:1: found a line without =, expected key = value"},
      {"on = True\n", "a.toml:1: found on = true in another spelling, expected true or false"},
      {"on = yes\n", "a.toml:1: found on = yes in another spelling, expected true or false"},
      {"größe = 1\n", "a.toml:1: found a name with unusual letters before ="},
      {"a = 1\na = 2\n", "a.toml:2: found a key or table for the second time, expected each once"},
      {"url = \"x\" secret\n", "a.toml:1: found more behind the text of url"},
  };
  for (const auto& [text, expected] : cases) {
    const std::string found = refusal(text);
    EXPECT_NE(found.find(expected), std::string::npos) << text << "\n" << found;
    EXPECT_EQ(found.find("secret"), std::string::npos) << found;
  }
}

}  // namespace
}  // namespace tributary::runtime
