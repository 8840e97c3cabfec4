// SPDX-License-Identifier: Apache-2.0
// Params, see params.h.
#include "cloud/api/params.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "common/reading/payload.h"

namespace tributary::api {
namespace {

constexpr std::array<WidthS, 12> kSteps = {10, 30, 60, 120, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400};
constexpr int64_t kAutoRowsMax = 300;
constexpr int64_t kDurationMax = 100LL * 366 * 86400;
constexpr size_t kListMax = 256;
constexpr size_t kStatsMax = 32;
constexpr const char* kTimeExpected =
    "RFC 3339 such as 2026-01-31T12:00:00Z, a date such as 2026-01-31 (its beginning in UTC), Unix time in s, ms, us "
    "or "
    "ns, now, or a distance from now such as -24h or now-24h";

}  // namespace

std::optional<int64_t> parse_duration_s(std::string_view text) {
  int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<size_t>(parsed.ptr - text.data()));
  if (parsed.ec != std::errc() || number <= 0) return std::nullopt;
  int64_t scale = 0;
  if (unit.empty() || unit == "s") scale = 1;
  if (unit == "m") scale = 60;
  if (unit == "h") scale = 3600;
  if (unit == "d") scale = 86400;
  if (unit == "w") scale = 7 * 86400;
  if (scale == 0 || number > kDurationMax / scale) return std::nullopt;
  return number * scale;
}

std::optional<int64_t> parse_time(std::string_view text, int64_t now_ns) {
  if (text == "now") return now_ns;
  if (text.starts_with("now") && text.size() > 4 && text.find_first_of("-+ ") == 3) text.remove_prefix(3);
  // A '+' that was not percent-encoded comes as a blank: before a distance, or in a zone's offset.
  const bool has_unit = !text.empty() && text.back() >= 'a' && text.back() <= 'z';
  if (text.size() > 2 && has_unit && (text.front() == '-' || text.front() == '+' || text.front() == ' ')) {
    const auto distance_s = parse_duration_s(text.substr(1));
    if (!distance_s) return std::nullopt;
    const int64_t distance_ns = *distance_s * kNanosPerSecond;
    return text.front() == '-' ? now_ns - distance_ns : now_ns + distance_ns;
  }
  std::string repaired(text);
  if (repaired.size() == 10 && repaired[4] == '-' && repaired[7] == '-') repaired += "T00:00:00Z";
  if (repaired.size() > 6 && repaired[repaired.size() - 6] == ' ') repaired[repaired.size() - 6] = '+';
  return reading::parse_timestamp(repaired);
}

std::vector<WidthS> auto_steps(int64_t range_ns) {
  const int64_t range_s = std::max<int64_t>(1, range_ns / kNanosPerSecond);
  std::vector<WidthS> steps;
  for (const WidthS step : kSteps) {
    if ((range_s + step - 1) / step <= kAutoRowsMax || step == kSteps.back()) steps.push_back(step);
  }
  return steps;
}

std::vector<WidthS> coarser_steps(WidthS step_s, uint64_t rows, uint64_t rows_max) {
  std::vector<WidthS> all(kSteps.begin(), kSteps.end());
  all.insert(all.end(), {7 * 86400, 28 * 86400, 364 * 86400});
  std::erase_if(all, [&](WidthS step) {
    return step <= step_s || static_cast<double>(rows) * step_s / step > static_cast<double>(rows_max);
  });
  return all;
}

int64_t distance_ns(int64_t from_ns, int64_t to_ns) {
  int64_t distance = 0;
  if (!__builtin_sub_overflow(to_ns, from_ns, &distance)) return distance;
  return to_ns > from_ns ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

std::string step_text(WidthS step_s) {
  if (step_s % 86400 == 0) return std::to_string(step_s / 86400) + "d";
  if (step_s % 3600 == 0) return std::to_string(step_s / 3600) + "h";
  if (step_s % 60 == 0) return std::to_string(step_s / 60) + "m";
  return std::to_string(step_s) + "s";
}

std::optional<std::string> Params::text(std::string_view name) {
  asked_.emplace(name);
  std::optional<std::string> found;
  for (const auto& [key, value] : request_.params) {
    if (key != name) continue;
    if (found) fail(name, *found + ", " + value, "one value");
    found = value;
  }
  if (found && found->empty()) return std::nullopt;
  return found;
}

std::string Params::required(std::string_view name, std::string_view expected) {
  auto value = text(name);
  if (!value) fail(name, "nothing", expected);
  return value.value_or("");
}

std::string list_entry(std::string_view name) {
  std::string entry;
  for (const char c : name) {
    if (c == ',' || c == '\\') entry.push_back('\\');
    entry.push_back(c);
  }
  return entry;
}

std::vector<std::string> Params::list(std::string_view name) {
  asked_.emplace(name);
  std::vector<std::string> values;
  for (const auto& [key, value] : request_.params) {
    if (key != name) continue;
    std::string one;
    for (size_t i = 0; i <= value.size(); ++i) {
      if (i == value.size() || value[i] == ',') {
        if (!one.empty()) values.push_back(std::exchange(one, {}));
        continue;
      }
      const bool escaped = value[i] == '\\' && i + 1 < value.size() && (value[i + 1] == ',' || value[i + 1] == '\\');
      one.push_back(value[escaped ? ++i : i]);
    }
  }
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  if (values.size() > kListMax)
    fail(name, std::to_string(values.size()) + " values", "at most " + std::to_string(kListMax));
  return values;
}

std::optional<int64_t> Params::time(std::string_view name, int64_t now_ns) {
  const auto value = text(name);
  if (!value) return std::nullopt;
  const auto time_ns = parse_time(*value, now_ns);
  if (!time_ns) fail(name, *value, kTimeExpected);
  return time_ns;
}

bool Params::flag(std::string_view name) {
  const auto value = text(name);
  if (!value || *value == "0" || *value == "false") return false;
  if (*value != "1" && *value != "true") fail(name, *value, "1 or 0");
  return true;
}

std::string Params::choice(std::string_view name, const std::vector<std::string>& choices) {
  const auto value = text(name);
  if (!value) return choices.front();
  if (std::find(choices.begin(), choices.end(), *value) != choices.end()) return *value;
  std::string expected;
  for (auto one = choices.begin(); one != choices.end(); ++one) {
    if (std::find(choices.begin(), one, *one) == one) expected += (expected.empty() ? "" : " or ") + *one;
  }
  fail(name, *value, expected);
  return choices.front();
}

std::optional<uint64_t> Params::number(std::string_view name, uint64_t least, uint64_t most) {
  const auto value = text(name);
  if (!value) return std::nullopt;
  uint64_t number = 0;
  const auto parsed = std::from_chars(value->data(), value->data() + value->size(), number);
  if (parsed.ec == std::errc() && parsed.ptr == value->data() + value->size() && number >= least && number <= most)
    return number;
  fail(name, *value, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

void read_partial(Params& params) { params.choice("partial", {"allow", "deny"}); }

void read_trace(Params& params) { params.choice("trace", {"0", "1"}); }

std::vector<Stat> read_stats(Params& params, const std::vector<Stat>& otherwise) {
  const auto value = params.text("stats");
  if (!value) return otherwise;
  std::vector<Stat> stats;
  for (size_t at = 0; at <= value->size();) {
    const size_t end = std::min(value->find(',', at), value->size());
    const std::string name = value->substr(at, end - at);
    at = end + 1;
    auto stat = parse_stat(name);
    if (!stat) {
      params.fail("stats", name, statistic_names());
      return otherwise;
    }
    const bool twice = std::any_of(stats.begin(), stats.end(), [&](const Stat& one) { return one.name == name; });
    if (!twice) stats.push_back(std::move(*stat));
  }
  if (stats.size() > kStatsMax)
    params.fail("stats", std::to_string(stats.size()) + " names", "at most " + std::to_string(kStatsMax));
  return stats;
}

query::Selection Params::selection(const std::string& tenant, bool metric_required) {
  query::Selection selection{.tenant = tenant};
  labels_ = true;
  selection.metric = metric_required ? required("metric", "the name of a metric") : text("metric").value_or("");
  selection.devices = list("device");
  constexpr std::string_view kPrefix = "label.";
  for (const auto& [name, value] : request_.params) {
    if (!name.starts_with(kPrefix)) continue;
    asked_.emplace(name);
    const std::string key = name.substr(kPrefix.size());
    if (!is_label_key(key)) fail(name, key, std::string("label.KEY=value with a key of ") + kLabelKeyGrammar);
    selection.labels.push_back({key, value});
  }
  std::sort(selection.labels.begin(), selection.labels.end());
  return selection;
}

query::Range Params::range(int64_t now_ns) {
  query::Range range{.from_ns = time("from", now_ns), .to_ns = time("to", now_ns)};
  if (range.from_ns && range.to_ns && *range.from_ns >= *range.to_ns) {
    fail("to", reading::format_timestamp(*range.to_ns),
         "a time after from, " + reading::format_timestamp(*range.from_ns));
  }
  return range;
}

void Params::fail(std::string_view name, std::string_view found, std::string_view expected) {
  if (wrong_) return;
  wrong_ = http::Problem{.status = 400,
                         .detail = "The parameter " + std::string(name) + " is wrong.",
                         .parameter = std::string(name),
                         .found = std::string(found),
                         .expected = std::string(expected)};
}

std::optional<http::Problem> Params::finish() {
  for (const auto& [name, value] : request_.params) {
    if (asked_.contains(name)) continue;
    std::string expected;
    for (const auto& one : asked_) {
      if (!one.starts_with("label.")) expected += (expected.empty() ? "" : ", ") + one;
    }
    if (labels_) expected += ", label.KEY";
    fail(name, name, expected.empty() ? "no parameters" : "one of " + expected);
  }
  return wrong_;
}

}  // namespace tributary::api
