// SPDX-License-Identifier: Apache-2.0
// Days of a time zone: their bounds, and rows that are the sums of a local day's finer rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cloud/query/query.h"
#include "cloud/query/question/rows.h"

namespace tributary::api {

// Whether tz names a zone of the IANA database ("Europe/Berlin").
bool is_zone(const std::string& tz);

// The local days whose beginning lies in [from_ns, to_ns): each one's beginning, ascending, and the end of the last, in
// Unix seconds; empty: none. A day has 23, 24 or 25 hours or what else its zone decided. kInvalid: more than
// kLocalDaysMax, or one that does not begin at a quarter of an hour of UTC. REQUIRES: is_zone(tz).
inline constexpr size_t kLocalDaysMax = 3'700;
Result<std::vector<int64_t>> local_days(const std::string& tz, int64_t from_ns, int64_t to_ns);

// As Query::series, with a row for each of the days that has readings. Rows that are stored too wide for the days stay
// rows of their own. Nothing that starts at to_ns or later counts, so that the last day may be a part of one. Every day
// is of one instant of the state. kInvalid: more than rows_max rows.
Status day_rows(const query::Query& query, const query::Selection& selection, const std::vector<int64_t>& days,
                const std::string& by, uint64_t rows_max, const query::AskSeries::Sink& sink,
                std::optional<int64_t> to_ns = std::nullopt);

}  // namespace tributary::api
