// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/metrics and /api/v1/devices, whole or page by page.
#include <string>

#include "cloud/api/context.h"
#include "cloud/api/pages.h"
#include "cloud/api/params.h"
#include "cloud/http/problem.h"
#include "cloud/query/question/catalog.h"
#include "cloud/query/question/gateways.h"
#include "cloud/render/answers.h"

namespace tributary::api {

http::Response answer_metrics(const RequestContext& context) {
  Params params(context.request);
  read_partial(params);
  read_trace(params);
  const Page page = read_page(params);
  if (const auto wrong = params.finish()) return http::problem_response(*wrong);
  const auto found = context.query.ask(query::AskMetrics{context.tenant});
  if (!found) return failure(found.error());
  const Cut cut(
      *found, [](const query::MetricInfo& one) { return one.name; }, page.after, page.limit);
  JsonWriter json;
  json.begin_object().key("metrics").begin_array();
  for (auto it = cut.begin; it != cut.end; ++it) write_metric(json, *it);
  json.end_array();
  if (cut.more) json.field("next", cursor_of(cut.last));
  if (const auto missing = context.query.missing(); !missing.empty()) {
    json.key("partitions");
    write_partitions(json, static_cast<uint32_t>(context.query.place().size()), missing);
  }
  add_trace(context, json);
  json.end_object();
  return json_answer(json);
}

// Devices and gateways go on side by side: a page has up to limit of each. There is always a limit: a tenant may have
// millions.
http::Response answer_devices(const RequestContext& context) {
  Params params(context.request);
  read_partial(params);
  read_trace(params);
  Page page = read_page(params);
  if (const auto wrong = params.finish()) return http::problem_response(*wrong);
  page.limit = page.limit.value_or(kPageMax);
  const size_t middle = std::min(page.after.find('\0'), page.after.size());
  query::NamePage after_device{.after = page.after.substr(0, middle)};
  query::NamePage after_gateway{.after = page.after.substr(std::min(middle + 1, page.after.size()))};
  // One name more tells whether there is another page.
  after_device.max = after_gateway.max = *page.limit + 1;
  const auto devices = context.query.ask(query::AskDevices{context.tenant, after_device});
  if (!devices) return failure(devices.error());
  const auto gateways = context.query.ask(query::AskGateways{context.tenant, context.now_ns, after_gateway});
  if (!gateways) return failure(gateways.error());
  const Cut device_cut(
      *devices, [](const query::DeviceInfo& one) { return one.device; }, after_device.after, page.limit);
  const Cut gateway_cut(
      *gateways, [](const query::GatewayInfo& one) { return one.gateway; }, after_gateway.after, page.limit);
  JsonWriter json;
  json.begin_object().key("devices").begin_array();
  for (auto it = device_cut.begin; it != device_cut.end; ++it) write_device(json, *it);
  json.end_array().key("gateways").begin_array();
  for (auto it = gateway_cut.begin; it != gateway_cut.end; ++it) write_gateway(json, *it);
  json.end_array();
  if (device_cut.more || gateway_cut.more) json.field("next", cursor_of(device_cut.last + '\0' + gateway_cut.last));
  if (const auto status = add_completeness(context, json, {.tenant = context.tenant}, {}); !status)
    return failure(status.error());
  json.end_object();
  return json_answer(json);
}

}  // namespace tributary::api
