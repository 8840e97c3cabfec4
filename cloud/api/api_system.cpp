// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/system, see api_system.h.
#include "cloud/api/api_system.h"

#include <algorithm>

#include "cloud/api/api_params.h"
#include "cloud/api/api_stats.h"
#include "cloud/api/json_writer.h"
#include "cloud/api/problem.h"

namespace tributary::api {
namespace {

constexpr int64_t kFreshNs = kNanosPerSecond;
constexpr size_t kTenantsMax = 1'024;

void write_minutes(JsonWriter& json, const std::vector<Traffic::Minute>& minutes) {
  json.key("delay_buckets").begin_object().field("least_ms", Traffic::kLeastMs);
  json.field("per_octave", Traffic::kBucketsPerOctave).end_object();
  json.key("minutes").begin_array();
  for (const auto& minute : minutes) {
    json.begin_object().field("start", time_text_s(minute.start_s)).field("messages", minute.messages);
    json.field("posts", minute.posts).field("rejected", minute.rejected).key("delays").begin_array();
    for (size_t i = 0; i < minute.delays.size(); ++i) {
      if (minute.delays[i] > 0) json.begin_array().value(static_cast<uint64_t>(i)).value(minute.delays[i]).end_array();
    }
    json.end_array().end_object();
  }
  json.end_array();
}

void write_service(JsonWriter& json, const ServiceInfo& info) {
  json.key("log").begin_object().field("durability", info.durability).key("partitions").begin_array();
  for (const auto& partition : info.partitions) {
    json.begin_object().field("partition", partition.partition).field("position", partition.position);
    json.field("end", partition.end).end_object();
  }
  json.end_array().end_object();
  json.key("services").begin_array().begin_object().field("service", info.service);
  json.field("state", info.trouble.empty() ? "ready" : "trouble").field("trouble", info.trouble);
  json.field("version", info.version).field("since", time_text(info.started_ns));
  json.field("memory_bytes", info.memory_bytes).field("records", info.records).field("partials", info.partials);
  json.end_object().end_array();
}

}  // namespace

// The sum over the fleet rows of all time, one a metric.
Result<System::Merged> System::merged_of(const std::string& tenant, const query::Query& query, int64_t now_ns) {
  {
    std::lock_guard lock(mutex_);
    const auto found = merged_.find(tenant);
    if (found != merged_.end() && now_ns >= found->second.read_ns && now_ns - found->second.read_ns < kFreshNs)
      return found->second;
  }
  Merged merged{.read_ns = now_ns};
  const auto metrics = query.metrics(tenant);
  if (!metrics) return metrics.error();
  for (const auto& metric : *metrics) {
    const auto summary = query.summary({.tenant = tenant, .metric = metric.name}, {});
    if (!summary) return summary.error();
    merged.readings += summary->numeric().count();
  }
  const auto gateways = query.gateways(tenant, now_ns);
  if (!gateways) return gateways.error();
  for (const auto& gateway : *gateways) {
    if (gateway.first_seen_ns > 0 && (merged.since_ns == 0 || gateway.first_seen_ns < merged.since_ns))
      merged.since_ns = gateway.first_seen_ns;
  }
  std::lock_guard lock(mutex_);
  if (merged_.size() >= kTenantsMax) merged_.clear();
  return merged_[tenant] = merged;
}

http::Response System::answer(const http::Request& request, const std::string& tenant, const query::Query& query,
                              int64_t now_ns) {
  Params params(request);
  if (const auto wrong = params.finish()) return http::problem_response(*wrong);
  const auto merged = merged_of(tenant, query, now_ns);
  if (!merged)
    return http::problem_response(
        {.status = 503, .detail = "The state cannot be read at this moment.", .retry_after_s = 5});
  JsonWriter json;
  json.begin_object().field("time", time_text(now_ns));
  json.key("merged").begin_object().field("readings", merged->readings).key("since");
  if (merged->since_ns > 0) {
    json.value(time_text(merged->since_ns));
  } else {
    json.null();
  }
  json.end_object();
  write_minutes(json, parts_.traffic ? parts_.traffic->minutes(tenant, now_ns) : std::vector<Traffic::Minute>{});
  const bool may_see = std::find(parts_.operators.begin(), parts_.operators.end(), tenant) != parts_.operators.end();
  if (may_see && parts_.service) write_service(json, parts_.service());
  json.end_object();
  http::Response response{.body = json.take()};
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

}  // namespace tributary::api
