// SPDX-License-Identifier: Apache-2.0
// OwnSystem, see own_system.h.
#include "cloud/aggregator/own_system.h"

#include <utility>

#include "cloud/query/question/catalog.h"
#include "cloud/query/question/gateways.h"
#include "cloud/query/question/rows.h"
#include "cloud/query/question/system.h"

namespace tributary::api {
namespace {

constexpr int64_t kFreshNs = kNanosPerSecond;
constexpr size_t kTenantsMax = 1'024;

}  // namespace

// The sum over the fleet rows of all time, one a metric.
Result<OwnSystem::Merged> OwnSystem::merged_of(const std::string& tenant, int64_t now_ns) {
  {
    std::lock_guard lock(mutex_);
    const auto found = merged_.find(tenant);
    if (found != merged_.end() && now_ns >= found->second.read_ns && now_ns - found->second.read_ns < kFreshNs)
      return found->second;
  }
  Merged merged{.read_ns = now_ns};
  const auto query = parts_.query->one_answer();
  const auto metrics = query->ask(query::AskMetrics{tenant});
  if (!metrics) return metrics.error();
  for (const auto& metric : *metrics) {
    const auto summary = query->ask(query::AskSummary{{.tenant = tenant, .metric = metric.name}, {}});
    if (!summary) return summary.error();
    merged.readings += summary->numeric().count();
  }
  const auto gateways = query->ask(query::AskGateways{tenant, now_ns});
  if (!gateways) return gateways.error();
  for (const auto& gateway : *gateways) {
    if (gateway.first_seen_ns > 0 && (merged.since_ns == 0 || gateway.first_seen_ns < merged.since_ns))
      merged.since_ns = gateway.first_seen_ns;
  }
  std::lock_guard lock(mutex_);
  if (merged_.size() >= kTenantsMax) merged_.clear();
  return merged_[tenant] = merged;
}

Result<query::SystemPart> OwnSystem::part(const std::string& tenant, int64_t now_ns) {
  const auto merged = merged_of(tenant, now_ns);
  if (!merged) return merged.error();
  query::SystemPart part{.readings = merged->readings, .since_ns = merged->since_ns};
  for (const auto& minute : parts_.traffic ? parts_.traffic->minutes(tenant, now_ns) : std::vector<Traffic::Minute>{}) {
    auto& one = part.minutes.emplace_back(
        query::TrafficMinute{minute.start_s, minute.messages, minute.posts, minute.rejected, {}});
    for (uint32_t i = 0; i < minute.delays.size(); ++i) {
      if (minute.delays[i] > 0) one.delays.emplace_back(i, minute.delays[i]);
    }
  }
  if (parts_.service) part.service = parts_.service();
  return part;
}

std::vector<query::SystemMember> OwnSystem::alone(const std::string& tenant, int64_t now_ns) {
  query::SystemMember one;
  if (auto part = this->part(tenant, now_ns)) {
    one.part = std::move(part).value();
  } else {
    one.absence = query::kUnreadable;
  }
  return {std::move(one)};
}

}  // namespace tributary::api
