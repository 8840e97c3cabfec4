// SPDX-License-Identifier: Apache-2.0
// Rows to tell, see told_rows.h.
#include "cloud/render/told_rows.h"

#include "cloud/query/question/last.h"

namespace tributary::api {

std::vector<query::RowKey> total_rows(const std::vector<query::LastReading>& found) {
  std::vector<query::RowKey> keys;
  keys.reserve(found.size());
  for (const auto& one : found) keys.push_back({one.series, {0, kAllTime}});
  return keys;
}

NewestRows newest_rows(const std::vector<query::LastReading>& found, WidthS window_s, int64_t oldest_end_ns) {
  NewestRows rows;
  const int64_t oldest_end_s = to_seconds_floor(oldest_end_ns);
  for (size_t i = 0; i < found.size(); ++i) {
    const int64_t start_s = window_start_s(to_seconds_floor(found[i].time_ns), window_s);
    if (start_s + static_cast<int64_t>(window_s) < oldest_end_s) continue;
    rows.keys.push_back({found[i].series, {start_s, window_s}});
    rows.which.push_back(i);
  }
  return rows;
}

}  // namespace tributary::api
