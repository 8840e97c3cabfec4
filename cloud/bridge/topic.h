// SPDX-License-Identifier: Apache-2.0
// The topics of the uplink: tributary/v1/{tenant}/{gateway}/{leaf}. The broker's access rules tie tenant and gateway to
// the client, so what the topic says is who sent it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tributary::bridge {

enum class Leaf { kPartials, kStatus };

struct Topic {
  std::string_view tenant, gateway;  // live as long as the text parsed
  Leaf leaf = Leaf::kPartials;
};

// Nothing if text is not such a topic, or a name in it is none.
std::optional<Topic> parse_topic(std::string_view text);

std::string ack_topic(std::string_view tenant, std::string_view gateway);

// The subscription for a leaf, of every tenant and gateway; group: a shared subscription of that name, empty for none.
std::string filter(Leaf leaf, const std::string& group);

}  // namespace tributary::bridge
