// SPDX-License-Identifier: Apache-2.0
// Params: the query string of one request, checked. The first thing wrong is kept, with its name, what was found and
// what was expected; a parameter nobody asked for is wrong too, so that a misspelled one is never silently without
// effect.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/http/problem.h"
#include "cloud/http/server.h"
#include "cloud/query/query.h"
#include "cloud/render/stats.h"

namespace tributary::api {

// A duration in whole seconds: "90", "10s", "15m", "24h", "7d", "2w"; nullopt if it is none, or 0, or beyond 100 years.
std::optional<int64_t> parse_duration_s(std::string_view text);
// RFC 3339, Unix time (see reading::parse_timestamp), "now", or relative to it: "-24h", "+5m".
std::optional<int64_t> parse_time(std::string_view text, int64_t now_ns);
// The comfortable steps that give at most 300 rows for a range, the least first; at least one.
std::vector<WidthS> auto_steps(int64_t range_ns);
// The comfortable steps wider than step_s that may bring rows, as many as there are at step_s, down to rows_max;
// ascending. Those left out cannot.
std::vector<WidthS> coarser_steps(WidthS step_s, uint64_t rows, uint64_t rows_max);
// What a width or a step may be, in seconds.
inline constexpr int64_t kDurationMaxS = 366 * 86400;
// to - from, as far as it fits.
int64_t distance_ns(int64_t from_ns, int64_t to_ns);
// "10s", "5m", "1h", "1d".
std::string step_text(WidthS step_s);

class Params;
// partial: what to do when partitions do not answer; see name_missing().
void read_partial(Params& params);
// trace: 1 if the answer shall tell what it cost; see add_trace().
void read_trace(Params& params);
// stats: names of statistics, otherwise what is told without it.
std::vector<Stat> read_stats(Params& params, const std::vector<Stat>& otherwise);

class Params {
 public:
  explicit Params(const http::Request& request) : request_(request) {}

  // The value, nothing if absent or empty. Wrong if it stands more than once.
  std::optional<std::string> text(std::string_view name);
  std::string required(std::string_view name, std::string_view expected);
  // Repeated or comma-separated, without empty elements. Within an element "\," is a comma, "\\" a backslash; a
  // backslash before anything else is itself.
  std::vector<std::string> list(std::string_view name);
  std::optional<int64_t> time(std::string_view name, int64_t now_ns);
  bool flag(std::string_view name);  // "1" or "true"
  // One of the choices, the first if absent.
  std::string choice(std::string_view name, const std::vector<std::string>& choices);
  // A whole number within bounds.
  std::optional<uint64_t> number(std::string_view name, uint64_t least, uint64_t most);
  // metric, device and label.K.
  query::Selection selection(const std::string& tenant, bool metric_required = true);
  // from and to; wrong if to is not after from.
  query::Range range(int64_t now_ns);

  void fail(std::string_view name, std::string_view found, std::string_view expected);
  // What was wrong so far.
  const std::optional<http::Problem>& wrong() const { return wrong_; }
  // After everything was asked for: the first thing that was wrong.
  std::optional<http::Problem> finish();

 private:
  const http::Request& request_;
  std::set<std::string, std::less<>> asked_;
  std::optional<http::Problem> wrong_;
  bool labels_ = false;  // label.KEY was asked for
};

// A name as an element of Params::list.
std::string list_entry(std::string_view name);

}  // namespace tributary::api
