// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/last: the last known reading of each series, now or at an instant.
#include "cloud/query/question/last.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "cloud/api/context.h"
#include "cloud/api/pages.h"
#include "cloud/api/params.h"
#include "cloud/http/problem.h"
#include "cloud/query/question/catalog.h"
#include "cloud/render/answers.h"
#include "cloud/render/stats.h"

namespace tributary::api {
namespace {

constexpr uint64_t kLastDefault = 1'000;

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

http::Response answer_last(const RequestContext& context) {
  Params params(context.request);
  read_partial(params);
  read_trace(params);
  const query::Selection selection = params.selection(context.tenant, false);
  const auto at_ns = params.time("at", context.now_ns);
  const Page page = read_page(params);
  if (const auto wrong = params.finish()) return http::problem_response(*wrong);
  if (auto refused = refuse_unknown(context, selection)) return *std::move(refused);
  const size_t limit = page.limit.value_or(kLastDefault);
  const auto found = context.query.ask(query::AskLast{selection, at_ns, page.after, limit + 1});
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
  const query::Range range{.to_ns = at_ns && *at_ns < context.now_ns ? at_ns : std::nullopt};
  if (const auto status = add_completeness(context, json, selection, range); !status) return failure(status.error());
  json.end_object();
  return json_answer(json);
}

}  // namespace tributary::api
