// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/federate: a tenant's series, gateways and completeness for Prometheus to scrape (API.md says what each
// family is). The readings since the beginning are cumulative histograms; the newest windows are gauges.
#pragma once

#include <vector>

#include "cloud/render/answers.h"

namespace tributary::api {

http::Response answer_federate(const Asked& asked);

// The all-time rows of the series that were found, in their order.
std::vector<query::RowKey> total_rows(const std::vector<query::LastReading>& found);
// For each series the window of its last reading, if that ends at oldest_end_ns or later; which[i] is its place in
// found. REQUIRES: window_s is a width of stored rows: 60, 900, 3600 or 86400.
struct NewestRows {
  std::vector<query::RowKey> keys;
  std::vector<size_t> which;
};
NewestRows newest_rows(const std::vector<query::LastReading>& found, WidthS window_s, int64_t oldest_end_ns);

// What a tenant's completeness is judged by where no range is named: gateways that are not further behind than this.
inline constexpr int64_t kCompleteLagNs = 120 * kNanosPerSecond;

}  // namespace tributary::api
