// SPDX-License-Identifier: Apache-2.0
// Matching declarations: see serves.h. In doubt a pattern fits.
#include "cloud/query/serves.h"

#include <algorithm>
#include <string_view>

namespace tributary::query {
namespace {

bool fits(std::string_view pattern, std::string_view text) {
  if (!pattern.ends_with('*')) return pattern == text;
  pattern.remove_suffix(1);
  return text.starts_with(pattern);
}

bool may_serve(std::string_view pattern, const std::string& metric) {
  const size_t slash = pattern.rfind('/');
  return slash == std::string_view::npos || metric.empty() || fits(pattern.substr(slash + 1), metric);
}

bool may_serve(std::string_view pattern, const std::string& device, const std::string& metric) {
  if (fits(pattern, device)) return true;
  const std::string whole = device + "/" + metric;
  // Without a metric, whatever begins as the device does.
  return metric.empty() ? pattern.starts_with(whole) || fits(pattern, whole) : fits(pattern, whole);
}

}  // namespace

bool excludes(const std::vector<std::string>& serves, const Selection& selection) {
  if (serves.empty()) return false;
  return std::none_of(serves.begin(), serves.end(), [&](const std::string& pattern) {
    if (selection.devices.empty()) return may_serve(pattern, selection.metric);
    return std::any_of(selection.devices.begin(), selection.devices.end(),
                       [&](const std::string& device) { return may_serve(pattern, device, selection.metric); });
  });
}

}  // namespace tributary::query
