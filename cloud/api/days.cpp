// SPDX-License-Identifier: Apache-2.0
// Local days, see days.h.
#include "cloud/api/days.h"

#include <date/tz.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <map>
#include <tuple>

#include "cloud/query/question/rows.h"
#include "common/base/time.h"
#include "common/stats/summary.h"
#include "common/zone/zone.h"

namespace tributary::api {
namespace {

constexpr int64_t kQuarterS = 900;
constexpr int64_t kHourS = 3600;
constexpr uint64_t kFineRowsMax = 400'000;  // of one day, all groups together

std::string encoded(const stats::Summary& summary) {
  std::array<uint8_t, stats::kSummaryBytesMax> bytes;
  const size_t size = summary.encode(bytes);
  CHECK(size > 0);
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

int64_t start_of(const date::time_zone& zone, date::local_days day) {
  // Where midnight does not exist, the day begins with the leap over it.
  return zone.to_sys(date::local_seconds(day), date::choose::earliest).time_since_epoch().count();
}

}  // namespace

bool is_zone(const std::string& tz) { return find_zone(tz) != nullptr; }

Result<std::vector<int64_t>> local_days(const std::string& tz, int64_t from_ns, int64_t to_ns) {
  const date::time_zone* zone = find_zone(tz);
  CHECK(zone != nullptr);
  const int64_t from_s = to_seconds_floor(from_ns) + (from_ns % kNanosPerSecond != 0);
  const int64_t to_s = to_seconds_floor(to_ns) + (to_ns % kNanosPerSecond != 0);
  const auto local = zone->to_local(date::sys_seconds(std::chrono::seconds(from_s)));
  date::local_days day = date::floor<date::days>(local) - date::days(1);
  std::vector<int64_t> starts;
  for (int64_t last_s = 0;; day += date::days(1)) {
    const int64_t start_s = start_of(*zone, day);
    // A zone that crosses the date line has a day without any time in it.
    if (start_s < from_s || (!starts.empty() && start_s <= last_s)) continue;
    if (start_s % kQuarterS != 0) {
      return Error{ErrorCode::kInvalid, "found a day that begins " + std::to_string(start_s) +
                                            " s after the epoch, expected one at a quarter of an hour of UTC"};
    }
    if (start_s >= to_s && starts.empty()) return starts;
    starts.push_back(start_s);
    last_s = start_s;
    if (start_s >= to_s) return starts;
    if (starts.size() > kLocalDaysMax) {
      return Error{ErrorCode::kInvalid, "found more than " + std::to_string(kLocalDaysMax) + " days"};
    }
  }
}

Status day_rows(const query::Query& query, const query::Selection& selection, const std::vector<int64_t>& days,
                const std::string& by, uint64_t rows_max, const query::AskSeries::Sink& sink,
                std::optional<int64_t> to_ns) {
  using Key = std::tuple<std::string, int64_t, WidthS>;
  std::map<Key, std::string> rows;
  const bool hours = std::all_of(days.begin(), days.end(), [](int64_t start_s) { return start_s % kHourS == 0; });
  const auto step_s = static_cast<WidthS>(hours ? kHourS : kQuarterS);
  for (size_t i = 0; i + 1 < days.size(); ++i) {
    const int64_t begin_s = days[i], end_s = days[i + 1];
    Key at;
    stats::Summary sum;
    const auto flush = [&] {
      if (sum.empty()) return;
      auto [it, added] = rows.try_emplace(at);
      if (!added) CHECK(sum.merge_encoded(as_bytes(it->second)));
      it->second = encoded(sum);
      sum.clear();
    };
    const auto add = [&](const std::string& group, const query::Row& row, const stats::Summary& summary) {
      const bool fits =
          row.width_s != kAllTime && row.start_s >= begin_s && row.start_s + static_cast<int64_t>(row.width_s) <= end_s;
      Key key = fits ? Key{group, begin_s, static_cast<WidthS>(end_s - begin_s)} : Key{group, row.start_s, row.width_s};
      if (key != at) {
        flush();
        at = std::move(key);
      }
      sum.merge(summary);
    };
    int64_t end_ns = 0;  // the last day that nanoseconds hold is not whole
    if (__builtin_mul_overflow(end_s, kNanosPerSecond, &end_ns)) end_ns = std::numeric_limits<int64_t>::max();
    const query::Range range{begin_s * kNanosPerSecond, std::min(end_ns, to_ns.value_or(end_ns))};
    if (Status status = query.ask(query::AskSeries{selection, range, step_s, by, kFineRowsMax}, add); !status)
      return status;
    flush();
    if (rows.size() > rows_max) {
      return Error{ErrorCode::kInvalid, "found more than " + std::to_string(rows_max) + " rows"};
    }
  }
  stats::Summary sum;
  for (const auto& [key, summary] : rows) {
    CHECK(sum.decode(as_bytes(summary)));
    sink(std::get<0>(key), {std::get<1>(key), std::get<2>(key)}, sum);
  }
  return {};
}

}  // namespace tributary::api
