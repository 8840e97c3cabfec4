// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/kpi: the newest window, merged.
#include "cloud/api/context.h"
#include "cloud/api/params.h"
#include "cloud/http/problem.h"
#include "cloud/query/question/catalog.h"
#include "cloud/query/question/newest.h"
#include "cloud/render/stats.h"

namespace tributary::api {

http::Response answer_kpi(const RequestContext& context) {
  Params params(context.request);
  read_partial(params);
  read_trace(params);
  const query::Selection selection = params.selection(context.tenant);
  const std::string window = params.text("window").value_or("1m");
  const auto window_s = parse_duration_s(window);
  if (!window_s || *window_s > kDurationMaxS)
    params.fail("window", window, "seconds, or a duration such as 10s, 1m, 1h or 1d");
  const auto stats = read_stats(params, summary_stats());
  if (const auto wrong = params.finish()) return http::problem_response(*wrong);
  if (auto refused = refuse_unknown(context, selection)) return *std::move(refused);
  const auto newest = query::newest(context.query, selection, static_cast<WidthS>(*window_s));
  if (!newest) {
    if (newest.error().code != ErrorCode::kNotFound) return failure(newest.error());
    return http::problem_response({.status = 404, .detail = "There is no reading that fits."});
  }
  const MetricFacts::Facts facts = context.services.metrics.of(context, selection.metric);
  const query::Row& row = newest->row;
  JsonWriter json;
  json.begin_object().field("metric", selection.metric).field("unit", facts.unit);
  json.field("start", time_text_s(row.start_s)).field("width", row.width_s);
  write_summary(json, newest->summary, stats, {facts.kind, static_cast<double>(row.width_s)});
  query::Range range;
  if (row.width_s != kAllTime) {
    int64_t bound_ns = 0;  // a wide window may begin before what nanoseconds hold
    if (!__builtin_mul_overflow(row.start_s, kNanosPerSecond, &bound_ns)) range.from_ns = bound_ns;
    if (!__builtin_mul_overflow(row.start_s + static_cast<int64_t>(row.width_s), kNanosPerSecond, &bound_ns))
      range.to_ns = bound_ns;
  }
  if (const auto status = add_completeness(context, json, selection, range); !status) return failure(status.error());
  json.end_object();
  return json_answer(json);
}

}  // namespace tributary::api
