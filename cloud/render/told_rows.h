// SPDX-License-Identifier: Apache-2.0
// Which rows an exporter tells of the series that a page of last readings found.
#pragma once

#include <cstddef>
#include <vector>

#include "cloud/query/query.h"
#include "cloud/query/question/last.h"

namespace tributary::api {

// The all-time rows of the series that were found, in their order.
std::vector<query::RowKey> total_rows(const std::vector<query::LastReading>& found);

// For each series the window of its last reading, if that ends at oldest_end_ns or later; which[i] is its place in
// found. REQUIRES: window_s is a width of stored rows: 60, 900, 3600 or 86400.
struct NewestRows {
  std::vector<query::RowKey> keys;
  std::vector<size_t> which;
};
NewestRows newest_rows(const std::vector<query::LastReading>& found, WidthS window_s, int64_t oldest_end_ns);

}  // namespace tributary::api
