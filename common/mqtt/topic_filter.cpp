// SPDX-License-Identifier: Apache-2.0
// Topic filters, level by level: see topic_filter.h.
#include "common/mqtt/topic_filter.h"

#include <algorithm>

namespace tributary::mqtt {
namespace {

// Without $share/GROUP/.
std::string_view without_group(std::string_view filter) {
  constexpr std::string_view kShare = "$share/";
  if (!filter.starts_with(kShare)) return filter;
  const size_t end = filter.find('/', kShare.size());
  return end == std::string_view::npos ? filter : filter.substr(end + 1);
}

bool is_wild(std::string_view level) { return level == "+" || level == "#"; }

}  // namespace

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

bool overlap(std::string_view a, std::string_view b) {
  a = without_group(a);
  b = without_group(b);
  bool first = true, more_a = true, more_b = true;
  while (more_a && more_b) {
    const std::string_view level_a = a.substr(0, a.find('/')), level_b = b.substr(0, b.find('/'));
    // Topics of the broker's own are not meant by a wildcard in the first level.
    if (first && ((is_wild(level_a) && level_b.starts_with('$')) || (is_wild(level_b) && level_a.starts_with('$')))) {
      return false;
    }
    if (level_a == "#" || level_b == "#") return true;
    if (level_a != level_b && !is_wild(level_a) && !is_wild(level_b)) return false;
    more_a = level_a.size() < a.size();
    more_b = level_b.size() < b.size();
    a.remove_prefix(std::min(level_a.size() + 1, a.size()));
    b.remove_prefix(std::min(level_b.size() + 1, b.size()));
    first = false;
  }
  // # stands for no level at all, too: "a" fits "a/#".
  return more_a == more_b || (more_a ? a : b) == "#";
}

}  // namespace tributary::mqtt
