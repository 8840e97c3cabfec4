// SPDX-License-Identifier: Apache-2.0
// Lists, see api_lists.h.
#include "cloud/api/endpoint/lists.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "cloud/api/params.h"
#include "cloud/http/problem.h"
#include "cloud/render/stats.h"
#include "common/base/hex.h"

namespace tributary::api {
namespace {

using http::problem_response;

constexpr uint64_t kPageMax = 10'000;
constexpr uint64_t kLastDefault = 1'000;
constexpr size_t kPlaceBytesMax = 600;

// Where the next page begins: after the last name of this one, as text that needs no escape.
std::string cursor_of(std::string_view place) { return to_hex(as_bytes(place)); }

std::optional<std::string> place_of(std::string_view cursor) {
  return cursor.size() > 2 * kPlaceBytesMax ? std::nullopt : from_hex(cursor);
}

struct Page {
  std::optional<uint64_t> limit;
  std::string after;  // empty: from the beginning
};

Page read_page(Params& params) {
  Page page{.limit = params.number("limit", 1, kPageMax)};
  if (const auto cursor = params.text("cursor")) {
    if (const auto place = place_of(*cursor)) {
      page.after = *place;
    } else {
      params.fail("cursor", *cursor, "next of the page before");
    }
  }
  return page;
}

// The entries of one page: those after a name, at most limit of them, and as many more as share the last one's name.
template <class T, class Name>
struct Cut {
  Cut(const std::vector<T>& all, const Name& name, const std::string& after, std::optional<uint64_t> limit) {
    begin = std::upper_bound(all.begin(), all.end(), after,
                             [&](const std::string& place, const T& one) { return place < name(one); });
    if (after.empty()) begin = all.begin();
    const auto left = static_cast<uint64_t>(all.end() - begin);
    end = begin + static_cast<ptrdiff_t>(std::min(left, limit.value_or(left)));
    while (end != begin && end != all.end() && name(*end) == name(*std::prev(end))) ++end;
    more = end != all.end();
    last = end == begin ? after : name(*std::prev(end));
  }
  typename std::vector<T>::const_iterator begin, end;
  bool more = false;
  std::string last;
};

// Whether a reading is the very last up to an instant, or in which rows a later one may be.
void write_exactness(JsonWriter& json, const std::vector<query::Row>& open_rows) {
  json.field("exact", open_rows.empty());
  if (open_rows.empty()) return;
  json.key("rows").begin_array();
  for (const query::Row& row : open_rows)
    json.begin_object().field("start", time_text_s(row.start_s)).field("width", row.width_s).end_object();
  json.end_array();
}

}  // namespace

http::Response answer_metrics(const Asked& asked) {
  Params params(asked.request);
  read_partial(params);
  const Page page = read_page(params);
  if (const auto wrong = params.finish()) return problem_response(*wrong);
  const auto found = asked.query.metrics(asked.tenant);
  if (!found) return failure(found.error());
  const Cut cut(
      *found, [](const query::MetricInfo& one) { return one.name; }, page.after, page.limit);
  JsonWriter json;
  json.begin_object().key("metrics").begin_array();
  for (auto it = cut.begin; it != cut.end; ++it) write_metric(json, *it);
  json.end_array();
  if (cut.more) json.field("next", cursor_of(cut.last));
  if (const auto missing = asked.query.missing(); !missing.empty()) {
    json.key("partitions");
    write_partitions(json, static_cast<uint32_t>(asked.query.place().size()), missing);
  }
  json.end_object();
  return json_answer(json);
}

// Devices and gateways go on side by side: a page has up to limit of each.
http::Response answer_devices(const Asked& asked) {
  Params params(asked.request);
  read_partial(params);
  const Page page = read_page(params);
  if (const auto wrong = params.finish()) return problem_response(*wrong);
  const size_t middle = std::min(page.after.find('\0'), page.after.size());
  query::NamePage after_device{.after = page.after.substr(0, middle)};
  query::NamePage after_gateway{.after = page.after.substr(std::min(middle + 1, page.after.size()))};
  // One name more tells whether there is another page.
  if (page.limit) after_device.max = after_gateway.max = *page.limit + 1;
  const auto devices = asked.query.devices_page(asked.tenant, after_device);
  if (!devices) return failure(devices.error());
  const auto gateways = asked.query.gateways_page(asked.tenant, asked.now_ns, after_gateway);
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
  if (const auto status = add_completeness(asked, json, {.tenant = asked.tenant}, {}); !status)
    return failure(status.error());
  json.end_object();
  return json_answer(json);
}

http::Response answer_last(const Asked& asked) {
  Params params(asked.request);
  read_partial(params);
  const query::Selection selection = params.selection(asked.tenant, false);
  const auto at_ns = params.time("at", asked.now_ns);
  const Page page = read_page(params);
  if (const auto wrong = params.finish()) return problem_response(*wrong);
  if (!selection.metric.empty() && !asked.query.known(asked.tenant, selection.metric)) return unknown_metric();
  const size_t limit = page.limit.value_or(kLastDefault);
  const auto found = asked.query.last(selection, at_ns, page.after, limit + 1);
  if (!found) return failure(found.error());
  JsonWriter json;
  json.begin_object();
  if (at_ns) json.field("at", time_text(*at_ns));
  json.key("series").begin_array();
  const size_t count = std::min(found->size(), limit);
  for (size_t i = 0; i < count; ++i) {
    const query::LastReading& one = (*found)[i];
    json.begin_object().field("device", one.series.device).field("metric", one.series.metric).key("labels");
    write_labels(json, one.series.labels);
    json.field("time", time_text(one.time_ns)).field("value", one.value);
    if (at_ns) write_exactness(json, one.open_rows);
    json.end_object();
  }
  json.end_array();
  if (found->size() > limit) json.field("next", cursor_of((*found)[limit - 1].series.id()));
  // What is to come cannot be complete: an instant ahead is asked as the present.
  const query::Range range{.to_ns = at_ns && *at_ns < asked.now_ns ? at_ns : std::nullopt};
  if (const auto status = add_completeness(asked, json, selection, range); !status) return failure(status.error());
  json.end_object();
  return json_answer(json);
}

}  // namespace tributary::api
