// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/system: where a tenant's readings are on the server's side, and for operators the log and the services:
// of all aggregators together, each of which is asked for its part. Who does not tell its part is named.
#include "cloud/query/question/system.h"

#include <algorithm>
#include <map>
#include <utility>

#include "cloud/api/context.h"
#include "cloud/api/params.h"
#include "cloud/http/json_writer.h"
#include "cloud/http/problem.h"
#include "cloud/render/answers.h"
#include "cloud/render/stats.h"

namespace tributary::api {
namespace {

using query::DelayBuckets;
using query::ServiceInfo;
using query::SystemMember;

// The parts of those who told theirs, added up.
query::SystemPart sum_of(const std::vector<SystemMember>& members) {
  query::SystemPart sum;
  std::map<int64_t, std::pair<query::TrafficMinute, std::map<uint32_t, uint64_t>>> minutes;
  for (const SystemMember& member : members) {
    if (!member.part) continue;
    sum.readings += member.part->readings;
    const int64_t since_ns = member.part->since_ns;
    if (since_ns > 0 && (sum.since_ns == 0 || since_ns < sum.since_ns)) sum.since_ns = since_ns;
    for (const auto& one : member.part->minutes) {
      auto& [minute, delays] = minutes[one.start_s];
      minute.messages += one.messages;
      minute.posts += one.posts;
      minute.rejected += one.rejected;
      for (const auto& [bucket, count] : one.delays) delays[bucket] += count;
    }
  }
  for (auto& [start_s, one] : minutes) {
    one.first.start_s = start_s;
    one.first.delays.assign(one.second.begin(), one.second.end());
    sum.minutes.push_back(std::move(one.first));
  }
  return sum;
}

void write_minutes(JsonWriter& json, const std::vector<query::TrafficMinute>& minutes) {
  json.key("delay_buckets").begin_object().field("least_ms", DelayBuckets::kLeastMs);
  json.field("per_octave", DelayBuckets::kPerOctave).end_object();
  json.key("minutes").begin_array();
  for (const auto& minute : minutes) {
    json.begin_object().field("start", time_text_s(minute.start_s)).field("messages", minute.messages);
    json.field("posts", minute.posts).field("rejected", minute.rejected).key("delays").begin_array();
    for (const auto& [bucket, count] : minute.delays)
      json.begin_array().value(uint64_t{bucket}).value(count).end_array();
    json.end_array().end_object();
  }
  json.end_array();
}

void write_numbers(JsonWriter& json, std::string_view name, const std::vector<uint32_t>& numbers) {
  json.key(name).begin_array();
  for (const uint32_t number : numbers) json.value(uint64_t{number});
  json.end_array();
}

void write_log(JsonWriter& json, const std::vector<SystemMember>& members, const std::vector<uint32_t>& missing) {
  std::string durability;
  std::vector<std::pair<ServiceInfo::Partition, uint32_t>> partitions;
  for (const SystemMember& member : members) {
    if (!member.part || !member.part->service) continue;
    if (durability.empty()) durability = member.part->service->durability;
    for (const auto& one : member.part->service->partitions) partitions.emplace_back(one, member.ordinal);
  }
  std::sort(partitions.begin(), partitions.end(),
            [](const auto& a, const auto& b) { return a.first.partition < b.first.partition; });
  json.key("log").begin_object().field("durability", durability).key("partitions").begin_array();
  for (const auto& [partition, ordinal] : partitions) {
    json.begin_object().field("partition", partition.partition).field("aggregator", ordinal);
    json.field("position", partition.position).field("end", partition.end).end_object();
  }
  json.end_array();
  if (!missing.empty()) write_numbers(json, "missing", missing);
  json.end_object();
}

void write_recovery(JsonWriter& json, const runtime::LastRecovery& recovery) {
  json.key("last_recovery").begin_object().field("kind", recovery.kind);
  json.field("ended", time_text_s(recovery.ended_s)).field("seconds", recovery.seconds);
  json.key("amounts").begin_object();
  for (const auto& [name, amount] : recovery.amounts) json.field(name, amount);
  json.end_object().end_object();
}

void write_told(JsonWriter& json, const ServiceInfo& info) {
  json.begin_object().field("service", info.service);
  json.field("state", info.trouble.empty() ? "ready" : "trouble").field("trouble", info.trouble);
  json.field("version", info.version).field("since", time_text(info.started_ns));
  json.field("memory_bytes", info.memory_bytes).field("records", info.records).field("partials", info.partials);
  json.field("rejected", info.rejected);
  std::vector<uint32_t> numbers;
  uint64_t lag = 0;
  for (const auto& one : info.partitions) {
    numbers.push_back(one.partition);
    lag += one.end - one.position;
  }
  write_numbers(json, "partitions", numbers);
  json.field("lag", lag);
  if (info.recovery) write_recovery(json, *info.recovery);
  json.end_object();
}

void write_absent(JsonWriter& json, const SystemMember& member) {
  const bool answers = member.absence == query::kOtherVersion || member.absence == query::kUnreadable;
  std::string trouble = "does not answer (" + member.absence + ")";
  if (member.absence == query::kOtherVersion) trouble = "another version, which does not tell this";
  if (member.absence == query::kUnreadable) trouble = "cannot read its state at this moment";
  json.begin_object().field("service", "aggregator " + std::to_string(member.ordinal));
  json.field("state", answers ? "unknown" : "away").field("trouble", trouble);
  write_numbers(json, "partitions", member.partitions);
  json.end_object();
}

void write_services(JsonWriter& json, const std::vector<SystemMember>& members) {
  json.key("services").begin_array();
  for (const SystemMember& member : members) {
    if (!member.part) {
      write_absent(json, member);
    } else if (member.part->service) {
      write_told(json, *member.part->service);
    }
  }
  json.end_array();
}

}  // namespace

http::Response answer_system(const RequestContext& context) {
  Params params(context.request);
  if (const auto wrong = params.finish()) return http::problem_response(*wrong);
  const std::vector<SystemMember> members = context.services.given.members(context.tenant, context.now_ns);
  std::vector<uint32_t> missing;
  size_t expected = 0;
  for (const SystemMember& member : members) {
    expected += member.partitions.size();
    if (!member.part) missing.insert(missing.end(), member.partitions.begin(), member.partitions.end());
  }
  std::sort(missing.begin(), missing.end());
  if (std::none_of(members.begin(), members.end(), [](const SystemMember& one) { return one.part.has_value(); }))
    return http::problem_response(
        {.status = 503, .detail = "The state cannot be read at this moment.", .retry_after_s = 5});
  const query::SystemPart sum = sum_of(members);
  JsonWriter json;
  json.begin_object().field("time", time_text(context.now_ns));
  json.key("merged").begin_object().field("readings", sum.readings).key("since");
  if (sum.since_ns > 0) {
    json.value(time_text(sum.since_ns));
  } else {
    json.null();
  }
  json.end_object();
  write_minutes(json, sum.minutes);
  if (!missing.empty()) {
    json.key("partitions");
    write_partitions(json, static_cast<uint32_t>(expected), missing);
  }
  const auto& operators = context.services.config.operators;
  const bool may_see = std::find(operators.begin(), operators.end(), context.tenant) != operators.end();
  const bool told = std::any_of(members.begin(), members.end(),
                                [](const SystemMember& one) { return one.part && one.part->service.has_value(); });
  if (may_see && told) {
    write_log(json, members, missing);
    write_services(json, members);
  }
  json.end_object();
  http::Response response{.body = json.take()};
  response.headers.emplace_back("Cache-Control", "no-store");
  if (!missing.empty()) response.headers.emplace_back("X-Missing-Partitions", partitions_text(missing));
  return response;
}

}  // namespace tributary::api
