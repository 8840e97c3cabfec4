// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/summary: one summary of the whole range; without bounds of all time.
#include <utility>

#include "cloud/api/context.h"
#include "cloud/api/params.h"
#include "cloud/http/problem.h"
#include "cloud/query/question/catalog.h"
#include "cloud/query/question/rows.h"
#include "cloud/render/stats.h"

namespace tributary::api {

http::Response answer_summary(const RequestContext& context) {
  Params params(context.request);
  read_partial(params);
  read_trace(params);
  const query::Selection selection = params.selection(context.tenant);
  const query::Range range = params.range(context.now_ns);
  const auto stats = read_stats(params, summary_stats());
  if (const auto wrong = params.finish()) return http::problem_response(*wrong);
  if (auto refused = refuse_unknown(context, selection)) return *std::move(refused);
  const auto found = context.query.ask(query::AskSummary{selection, range});
  if (!found) return failure(found.error());
  const MetricFacts::Facts facts = context.services.metrics.of(context, selection.metric);
  JsonWriter json;
  json.begin_object().field("metric", selection.metric).field("unit", facts.unit);
  for (const auto& [name, bound_ns] : {std::pair{"from", range.from_ns}, std::pair{"to", range.to_ns}}) {
    json.key(name);
    if (bound_ns) {
      json.value(time_text(*bound_ns));
    } else {
      json.null();
    }
  }
  RateBasis basis{facts.kind, 0};
  if (range.from_ns && range.to_ns)
    basis.width_s = static_cast<double>(distance_ns(*range.from_ns, *range.to_ns)) / kNanosPerSecond;
  write_summary(json, *found, stats, basis);
  if (const auto status = add_completeness(context, json, selection, range); !status) return failure(status.error());
  json.end_object();
  return json_answer(json);
}

}  // namespace tributary::api
