// SPDX-License-Identifier: Apache-2.0
// Aliases: the calls of clients made for older systems, answered by the endpoints of today.
#include <algorithm>
#include <set>
#include <string>

#include "cloud/api/endpoints.h"
#include "cloud/api/params.h"
#include "cloud/http/problem.h"
#include "cloud/query/question/last.h"

namespace tributary::api {
namespace {

using http::problem_response;

constexpr size_t kSeriesMax = 1'000;
constexpr size_t kMetricsMax = 100;
constexpr size_t kBytesMax = 32 << 20;

// Asks endpoint about the device that the parameter `name` ("source", "device_id") names. With metric: its answer, as
// it is. Without: {name: device, list: [its answer for each metric of the device]}, at most 100 metrics.
http::Response answer_alias(const RequestContext& context, std::string_view name, std::string_view list,
                            EndpointHandler& endpoint) {
  Params params(context.request);
  const std::string device = params.required(name, "the name of a device");
  const auto metric = params.text("metric");
  if (params.text("device")) params.fail("device", "device", std::string(name) + " only");
  if (const auto wrong = params.wrong()) return http::problem_response(*wrong);

  http::Request request = context.request;
  for (auto& [key, value] : request.params) {
    if (key != name) continue;
    key = "device";
    value = list_entry(value);
  }
  const RequestContext inner{request, context.tenant, context.query, context.now_ns, context.services, context.trace};
  const auto has_readings = [&] {
    const auto found = context.query.ask(
        query::AskLast{{.tenant = context.tenant, .devices = {device}}, std::nullopt, "", kSeriesMax});
    return !found || !found->empty();
  };
  // A device may have a comma in its name; several at once are more likely.
  if (device.find(',') != std::string::npos && !has_readings()) {
    return http::problem_response({.status = 400,
                                   .detail = "One device at a time.",
                                   .parameter = std::string(name),
                                   .found = device,
                                   .expected = "the name of a device"});
  }
  if (metric) return endpoint(inner);

  const auto series =
      context.query.ask(query::AskLast{{.tenant = context.tenant, .devices = {device}}, std::nullopt, "", kSeriesMax});
  if (!series) return failure(series.error());
  if (series->empty()) return http::problem_response({.status = 404, .detail = "There is no such device."});
  std::set<std::string> metrics;
  for (const auto& one : *series) metrics.insert(one.series.metric);
  http::Problem too_much{.status = 400,
                         .detail = "The device has too much for one answer.",
                         .parameter = "metric",
                         .found = std::to_string(metrics.size()) + " metrics",
                         .expected = "metric=, one of the device's"};
  if (metrics.size() > kMetricsMax || series->size() == kSeriesMax) return http::problem_response(too_much);

  JsonWriter json;
  json.begin_object().field(name, device).key(list).begin_array();
  std::erase_if(request.params, [](const auto& one) { return one.first == "metric"; });
  request.params.emplace_back("metric", "");
  for (const std::string& one : metrics) {
    request.params.back().second = one;
    const http::Response part = endpoint(inner);
    if (part.status == 404) continue;
    if (part.status != 200) return part;
    too_much.detail = "Several metrics have no common table.";
    if (!part.content_type.starts_with("application/json")) return http::problem_response(too_much);
    too_much.detail = "The answer would be too long.";
    if (json.size() + part.body.size() > kBytesMax) return http::problem_response(too_much);
    json.raw(part.body);
  }
  json.end_array().end_object();
  return json_answer(json);
}

}  // namespace

http::Response answer_old_data(const RequestContext& context) {
  return answer_alias(context, "device_id", "windows", answer_kpi);
}

http::Response answer_old_kpi(const RequestContext& context) {
  return answer_alias(context, "source", "windows", answer_kpi);
}

http::Response answer_old_series(const RequestContext& context) {
  return answer_alias(context, "source", "series", answer_series);
}

}  // namespace tributary::api
