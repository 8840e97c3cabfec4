// SPDX-License-Identifier: Apache-2.0
// RequestContext, see context.h.
#include "cloud/api/context.h"

#include <algorithm>

#include "cloud/http/delivery.h"
#include "cloud/http/problem.h"
#include "cloud/query/question/catalog.h"
#include "cloud/query/question/completeness.h"
#include "cloud/query/question/names.h"
#include "cloud/render/answers.h"

namespace tributary::api {
namespace {

constexpr int64_t kFactsFreshNs = 2 * kNanosPerSecond;
constexpr size_t kFactsMax = 1'024;

}  // namespace

MetricFacts::Facts MetricFacts::of(const RequestContext& context, const std::string& metric) {
  const std::pair key(context.tenant, metric);
  const int64_t now_ns = context.now_ns;
  {
    std::lock_guard lock(mutex_);
    const auto it = facts_.find(key);
    if (it != facts_.end() && now_ns >= it->second.read_ns && now_ns - it->second.read_ns < kFactsFreshNs)
      return it->second;
  }
  Facts facts{.read_ns = now_ns};
  if (const auto metrics = context.query.ask(query::AskMetrics{context.tenant})) {
    for (const auto& one : *metrics) {
      if (one.name == metric) facts = {one.unit, one.kind, now_ns};
    }
  }
  if (!context.query.missing().empty()) return facts;  // may be another one when all answer
  std::lock_guard lock(mutex_);
  if (facts_.size() >= kFactsMax) facts_.clear();
  facts_[key] = facts;
  return facts;
}

http::Response json_answer(JsonWriter& json) {
  http::Response response{.body = json.take()};
  response.headers.emplace_back("Cache-Control", http::kRevalidate);
  return response;
}

http::Response unknown_metric() {
  return http::problem_response(
      {.status = 404, .detail = "There is no such metric. /api/v1/metrics lists those there are."});
}

std::optional<http::Response> refuse_unknown(const RequestContext& context, const query::Selection& selection) {
  if (!selection.metric.empty() && !query::knows(context.query, context.tenant, selection.metric))
    return unknown_metric();
  const auto names = query::unknown_devices(context.query, context.tenant, selection.devices);
  if (!names) return failure(names.error());
  if (names->unknown.empty()) return std::nullopt;
  std::string near;
  for (const std::string& name : names->near) near += (near.empty() ? "" : ", ") + name;
  return http::problem_response(
      {.status = 404,
       .detail = "There is no such device. /api/v1/devices lists those there are.",
       .parameter = "device",
       .found = names->unknown.front(),
       .expected = near.empty() ? "the name of a device" : "the name of a device, such as " + near,
       .suggestion = names->near.empty() ? "" : names->near.front()});
}

http::Response failure(const Error& error) {
  if (error.code == ErrorCode::kInvalid) return http::problem_response({.status = 400, .detail = error.message});
  if (error.code == ErrorCode::kNotFound)
    return http::problem_response({.status = 404, .detail = "There is nothing here yet."});
  return http::problem_response(
      {.status = 503, .detail = "The state cannot be read at this moment.", .retry_after_s = 5});
}

void add_trace(const RequestContext& context, JsonWriter& json) {
  if (context.trace == nullptr) return;
  json.key("trace");
  write_trace(json, *context.trace);
}

Status add_completeness(const RequestContext& context, JsonWriter& json, const query::Selection& selection,
                        const query::Range& range, const std::optional<query::Range>& asked) {
  auto completeness = context.query.ask(query::AskCompleteness{selection, range, context.now_ns});
  if (!completeness) return completeness.error();
  if (asked) {
    const query::Range answered = completeness->answered.value_or(range);
    completeness->answered = answered == *asked ? std::nullopt : std::optional(answered);
  }
  json.key("completeness");
  write_completeness(json, *completeness);
  add_trace(context, json);
  return {};
}

void name_missing(const http::Request& request, const std::vector<uint32_t>& missing, size_t expected,
                  http::Response& response) {
  const std::string names = partitions_text(missing);
  const bool denied = std::find(request.params.begin(), request.params.end(),
                                std::pair<std::string, std::string>("partial", "deny")) != request.params.end();
  if (response.status == 404 || (response.status == 200 && denied)) {
    response = http::problem_response({.status = 503,
                                       .detail = "Partitions " + names + " did not answer.",
                                       .parameter = denied ? "partial" : "",
                                       .found = std::to_string(expected - missing.size()) + " partitions",
                                       .expected = "all " + std::to_string(expected),
                                       .retry_after_s = 1});
  }
  response.headers.emplace_back("X-Missing-Partitions", names);
}

}  // namespace tributary::api
