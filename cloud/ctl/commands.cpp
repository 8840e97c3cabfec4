// SPDX-License-Identifier: Apache-2.0
// The list of commands, and what is common to them: see command.h.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "cloud/ctl/command.h"
#include "cloud/ctl/command/dead_letters.h"
#include "cloud/ctl/command/gateway.h"
#include "cloud/ctl/command/log.h"
#include "cloud/ctl/command/state.h"
#include "cloud/ctl/command/summary.h"
#include "cloud/ctl/command/tenant.h"

namespace tributary::ctl {
namespace {

constexpr Noun kNouns[] = {
    {"tenant", "Tenants and their keys"},       {"log", "The log between bridge and aggregator"},
    {"state", "The aggregator's state"},        {"summary", "One encoded summary"},
    {"deadletter", "What could not be merged"}, {"gateway", "Gateways of a tenant"},
};

constexpr const Command* kCommands[] = {
    &kTenantAdd, &kTenantList,  &kTenantRemove, &kLogInfo,     &kLogDump,        &kLogCopy,          &kStateShow,
    &kStateRows, &kStateLedger, &kStateDigest,  &kSummaryShow, &kDeadLetterList, &kDeadLetterReplay, &kGatewayRetire,
};

// How many characters must be put in, taken out or changed to make one of the other.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

std::string refusal(const std::string& what, const std::string& found, const std::vector<std::string>& names) {
  constexpr size_t kWordBytesMax = 64, kTyposMax = 3;
  std::string text =
      found.empty() ? "found no " + what : "found " + what + " \"" + found.substr(0, kWordBytesMax) + "\"";
  text += ", expected one of ";
  for (const std::string& name : names) text += (&name == &names.front() ? "" : ", ") + name;
  const auto nearest = std::min_element(names.begin(), names.end(), [&](const auto& a, const auto& b) {
    return distance(found.substr(0, kWordBytesMax), a) < distance(found.substr(0, kWordBytesMax), b);
  });
  const bool near =
      !found.empty() && distance(found.substr(0, kWordBytesMax), *nearest) <= std::min(kTyposMax, nearest->size() / 2);
  return near ? text + "; did you mean " + *nearest + "?" : text;
}

}  // namespace

std::span<const Noun> nouns() { return kNouns; }
std::span<const Command* const> commands() { return kCommands; }

std::string Arguments::text(std::string_view name) const {
  const auto found = given.find(name);
  return found == given.end() || found->second.empty() ? "" : found->second.front();
}

std::vector<std::string> Arguments::texts(std::string_view name) const {
  const auto found = given.find(name);
  return found == given.end() ? std::vector<std::string>{} : found->second;
}

std::optional<uint64_t> Arguments::number(std::string_view name) const {
  const std::string digits = text(name);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

int fail(const std::string& message) {
  std::fprintf(stderr, "tributaryctl: %s\n", message.c_str());
  return 1;
}

std::string unknown_command(const std::vector<std::string>& words) {
  const auto word = [&](size_t at) { return at < words.size() ? words[at] : std::string(); };
  if (word(0).starts_with('-')) return "";
  std::vector<std::string> names;
  for (const Noun& noun : kNouns) names.emplace_back(noun.name);
  if (std::find(names.begin(), names.end(), word(0)) == names.end()) return refusal("command", word(0), names);
  if (word(1).starts_with('-')) return "";
  std::vector<std::string> verbs;
  for (const Command* command : kCommands) {
    if (word(0) == command->noun) verbs.emplace_back(command->verb);
  }
  if (std::find(verbs.begin(), verbs.end(), word(1)) != verbs.end()) return "";
  return refusal(word(0) + " command", word(1), verbs);
}

log::LogConfig log_config(const Arguments& arguments, const std::string& url) {
  log::LogConfig config;
  config.url = url.empty() ? arguments.text("--url") : url;
  for (const std::string& one : arguments.texts("--kafka")) {
    const size_t equals = std::min(one.find('='), one.size());
    config.kafka[one.substr(0, equals)] = one.substr(std::min(equals + 1, one.size()));
  }
  return config;
}

}  // namespace tributary::ctl
