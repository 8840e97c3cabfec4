// SPDX-License-Identifier: Apache-2.0
// Topics and names: see topic.h.
#include "cloud/bridge/topic.h"

#include <array>

#include "common/series/names.h"

namespace tributary::bridge {
namespace {

constexpr std::string_view kPrefix = "tributary/v1/";

const char* name_of(Leaf leaf) { return leaf == Leaf::kPartials ? "partials" : "status"; }

}  // namespace

std::optional<Topic> parse_topic(std::string_view text) {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  const size_t first = text.find('/');
  if (first == std::string_view::npos) return std::nullopt;
  const size_t second = text.find('/', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  Topic topic;
  topic.tenant = text.substr(0, first);
  topic.gateway = text.substr(first + 1, second - first - 1);
  if (!is_topic_name(topic.tenant) || !is_topic_name(topic.gateway)) return std::nullopt;
  const std::string_view leaf = text.substr(second + 1);
  for (const Leaf known : {Leaf::kPartials, Leaf::kStatus}) {
    if (leaf == name_of(known)) {
      topic.leaf = known;
      return topic;
    }
  }
  return std::nullopt;
}

std::string ack_topic(std::string_view tenant, std::string_view gateway) {
  return std::string(kPrefix).append(tenant).append("/").append(gateway).append("/ack");
}

std::string filter(Leaf leaf, const std::string& group) {
  const std::string plain = std::string(kPrefix) + "+/+/" + name_of(leaf);
  return group.empty() ? plain : "$share/" + group + "/" + plain;
}

}  // namespace tributary::bridge
