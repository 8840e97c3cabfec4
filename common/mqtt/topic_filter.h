// SPDX-License-Identifier: Apache-2.0
// MQTT topic filters (MQTT 5.0, section 4.7): + stands for one level, # at the end for any that follow.
#pragma once

#include <string_view>

namespace tributary::mqtt {

// + and # stand alone in their level, # only in the last.
bool is_topic_filter(std::string_view filter);

// True if a message on topic goes to a subscription of filter. REQUIRES: is_topic_filter(filter).
bool matches(std::string_view filter, std::string_view topic);

// True if there is a topic that both filters match: a broker may then send each message on it twice to a client that
// subscribes to both (MQTT 5.0, section 3.3.4). The group of a shared subscription is no part of its filter.
// REQUIRES: is_topic_filter of both.
bool overlap(std::string_view a, std::string_view b);

}  // namespace tributary::mqtt
