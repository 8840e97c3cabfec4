// SPDX-License-Identifier: Apache-2.0
// Recoveries, see recoveries.h.
#include "common/runtime/recoveries.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "common/runtime/program.h"

namespace tributary::runtime {

Recoveries::Recoveries(std::vector<std::string> kinds) {
  for (std::string& kind : kinds) kinds_.try_emplace(std::move(kind));
}

void Recoveries::note(const Recovery& recovery) {
  {
    std::lock_guard lock(mutex_);
    Kept& kept = kinds_[recovery.kind];
    ++kept.count;
    kept.ended_s = now().wall_ns / kNanosPerSecond;
    kept.seconds = recovery.seconds;
    kept.amounts = recovery.amounts;
    last_kind_ = recovery.kind;
  }
  log_info(recovery.line);
}

uint64_t Recoveries::count(std::string_view kind) const {
  std::lock_guard lock(mutex_);
  const auto found = kinds_.find(kind);
  return found == kinds_.end() ? 0 : found->second.count;
}

std::optional<LastRecovery> Recoveries::last() const {
  std::lock_guard lock(mutex_);
  const auto found = kinds_.find(last_kind_);
  if (found == kinds_.end() || found->second.count == 0) return std::nullopt;
  const Kept& kept = found->second;
  return LastRecovery{found->first, kept.ended_s, kept.seconds, kept.amounts};
}

void Recoveries::families(Exposition& text) const {
  std::lock_guard lock(mutex_);
  text.counter("tributary_recoveries_total", "Troubles this process came out of, by kind.");
  for (const auto& [kind, kept] : kinds_) text.sample(kept.count, {{"kind", kind}});
  text.gauge("tributary_last_recovery_timestamp_seconds", "When the last recovery of a kind was complete, Unix time.");
  for (const auto& [kind, kept] : kinds_) {
    if (kept.count > 0) text.sample(static_cast<double>(kept.ended_s), {{"kind", kind}});
  }
  text.gauge("tributary_last_recovery_seconds",
             "How long the trouble before the last recovery of a kind lasted; of a start, how long taking up took.");
  for (const auto& [kind, kept] : kinds_) {
    if (kept.count > 0) text.sample(kept.seconds, {{"kind", kind}});
  }
  text.gauge("tributary_last_recovery_amount", "What the last recovery of a kind found, by name.");
  for (const auto& [kind, kept] : kinds_) {
    for (const auto& [name, amount] : kept.amounts) text.sample(amount, {{"kind", kind}, {"of", name}});
  }
}

std::string format_duration(double seconds) {
  char text[32];
  if (seconds < 10) {
    std::snprintf(text, sizeof text, "%.*f s", seconds < 0.1 ? 3 : 1, std::max(seconds, 0.0));
    return text;
  }
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  const auto two = [](int64_t major, const char* major_unit, int64_t minor, const char* minor_unit) {
    std::string out = std::to_string(major) + major_unit;
    if (minor > 0) out += " " + std::to_string(minor) + minor_unit;
    return out;
  };
  if (whole < 60) return std::to_string(whole) + " s";
  if (whole < 3600) return two(whole / 60, " min", whole % 60, " s");
  if (whole < 86400) return two(whole / 3600, " h", whole % 3600 / 60, " min");
  const int64_t days = whole / 86400;
  return two(days, days == 1 ? " day" : " days", whole % 86400 / 3600, " h");
}

std::string format_amount(uint64_t count, std::string_view of_what) {
  std::string digits = std::to_string(count);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, ",");
  return digits.append(" ").append(of_what).append(count == 1 ? "" : "s");
}

}  // namespace tributary::runtime
