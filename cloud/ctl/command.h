// SPDX-License-Identifier: Apache-2.0
// A command of tributaryctl: what it takes and what it does. A new one is a file in command/ and a line in
// commands.cpp; main.cpp makes the command line of the list, and knows none of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/log/log.h"
#include "common/runtime/result.h"

namespace tributary::ctl {

struct Option {
  enum class Takes {
    kText,
    kTexts,   // may be repeated
    kNumber,  // a whole number from 0 on
    kFlag,
  };
  // The first name is what Arguments knows it by. With dashes an option, without a place in the line; "--url,url" may
  // be given either way.
  const char* names;
  const char* help;
  Takes takes = Takes::kText;
  bool required = false;
  const char* otherwise = nullptr;  // shown and used where it is not given
};

// What was given on the command line, by the first name of an option.
struct Arguments {
  std::map<std::string, std::vector<std::string>, std::less<>> given;

  bool has(std::string_view name) const { return given.find(name) != given.end(); }
  std::string text(std::string_view name) const;  // empty: not given
  std::vector<std::string> texts(std::string_view name) const;
  std::optional<uint64_t> number(std::string_view name) const;
};

struct Command {
  const char* noun;
  const char* verb;
  const char* help;
  std::span<const Option> options;
  int (*run)(const Arguments& arguments);  // the exit code
};

struct Noun {
  const char* name;
  const char* help;
};
std::span<const Noun> nouns();
std::span<const Command* const> commands();

// Prints "tributaryctl: MESSAGE" to standard error; the exit code of a failure.
int fail(const std::string& message);

// Why the first two words are no command: what was found, the nearest that is one, and which there are. Empty: they are
// one, or begin with a dash.
std::string unknown_command(const std::vector<std::string>& words);

// What every command that reads a log takes, and what it says.
inline constexpr Option kUrlOption = {"--url,url", "lmdb:///path or kafka://host:port[/prefix]", Option::Takes::kText,
                                      true};
inline constexpr Option kKafkaOption = {"--kafka", "A property of librdkafka, NAME=VALUE; may be repeated",
                                        Option::Takes::kTexts};
// The log at url (of "--url" where it is empty) with the properties of "--kafka".
log::LogConfig log_config(const Arguments& arguments, const std::string& url = "");

}  // namespace tributary::ctl
