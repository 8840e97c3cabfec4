// SPDX-License-Identifier: Apache-2.0
// Topic filters, level by level: see topic_filter.h.
#include "common/mqtt/topic_filter.h"

#include <algorithm>

namespace tributary::mqtt {

bool is_topic_filter(std::string_view filter) {
  if (filter.empty() || filter.size() > 65535) return false;
  for (size_t i = 0; i < filter.size(); ++i) {
    if (filter[i] != '+' && filter[i] != '#') continue;
    const bool alone = (i == 0 || filter[i - 1] == '/') && (i + 1 == filter.size() || filter[i + 1] == '/');
    if (!alone || (filter[i] == '#' && i + 1 != filter.size())) return false;
  }
  return filter.find('\0') == std::string_view::npos;
}

bool matches(std::string_view filter, std::string_view topic) {
  // Topics of the broker's own are not meant by a wildcard in the first level.
  if (topic.starts_with('$') && (filter.starts_with('+') || filter.starts_with('#'))) return false;
  bool more = true;
  while (true) {
    const std::string_view level = filter.substr(0, filter.find('/'));
    if (level == "#") return true;
    if (!more) return false;
    const std::string_view found = topic.substr(0, topic.find('/'));
    if (level != "+" && level != found) return false;
    more = found.size() < topic.size();
    topic.remove_prefix(std::min(found.size() + 1, topic.size()));
    if (level.size() == filter.size()) return !more;
    filter.remove_prefix(level.size() + 1);
  }
}

}  // namespace tributary::mqtt
