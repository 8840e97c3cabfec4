// SPDX-License-Identifier: Apache-2.0
// The zones of the tz database, found as people write them. The data is the system's (tzdata), read by Howard Hinnant's
// date library.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace date {
class time_zone;
}

namespace tributary {

// The zone of that name, in any case ("utc", "europe/berlin"). nullptr: the database has none. What a machine calls its
// own ("localtime") is no name: it means another thing on the next one.
const date::time_zone* find_zone(std::string_view name);

// Seconds since 1970 of what a clock on the wall in the zone shows, given as if it showed UTC. An hour that it shows
// twice is the earlier one, one that it leaps over is the leap.
std::function<int64_t(int64_t local_s)> local_time_in(const date::time_zone& zone);

}  // namespace tributary
