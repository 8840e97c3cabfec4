// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/series: rows over time, as JSON or CSV.
#include <algorithm>
#include <charconv>

#include "cloud/api/context.h"
#include "cloud/api/days.h"
#include "cloud/api/params.h"
#include "cloud/http/delivery.h"
#include "cloud/http/problem.h"
#include "cloud/query/question/catalog.h"
#include "cloud/query/question/rows.h"
#include "cloud/render/rows.h"
#include "cloud/render/stats.h"

namespace tributary::api {
namespace {

constexpr int64_t kDefaultRangeNs = 24LL * 3600 * kNanosPerSecond;
constexpr WidthS kDayS = 86400;

uint64_t rows_max(const RequestContext& context) { return context.services.config.rows_max; }

struct SeriesQuestion {
  const query::Selection& selection;
  const query::Range& range;
  const std::string& by;
};

// range: what was answered; asked: what the client asked for.
http::Response finished(const RequestContext& context, const query::Selection& selection, const query::Range& range,
                        const query::Range& asked, const RowsHead& head, RowsAnswer& rows) {
  rows.end_rows();
  if (head.csv) {
    http::Response response{.content_type = "text/csv; charset=utf-8", .body = rows.take_csv()};
    response.headers.emplace_back("Cache-Control", http::kRevalidate);
    return response;
  }
  if (const auto done = add_completeness(context, rows.json(), selection, range, asked); !done)
    return failure(done.error());
  rows.json().end_object();
  return json_answer(rows.json());
}

// Rows of local days.
http::Response local_series(const RequestContext& context, const query::Selection& selection, const query::Range& range,
                            const RowsHead& head) {
  const auto days = local_days(head.tz, head.from_ns, head.to_ns);
  if (!days) {
    return http::problem_response(
        {.status = 400,
         .detail = days.error().message,
         .parameter = "tz",
         .found = head.tz,
         .expected = "at most " + std::to_string(kLocalDaysMax) + " days, each from a quarter of an hour of UTC on",
         .limit = kLocalDaysMax});
  }
  RowsAnswer rows(head, kDayS);
  const auto add = [&](const std::string& group, const query::Row& row, const stats::Summary& summary) {
    rows.add(group, row, summary);
  };
  if (const auto status = day_rows(context.query, selection, *days, head.by, rows_max(context), add, range.to_ns);
      !status) {
    if (status.error().code != ErrorCode::kInvalid) return failure(status.error());
    return http::problem_response({.status = 400,
                                   .detail = status.error().message,
                                   .parameter = "tz",
                                   .found = head.tz,
                                   .expected = "a shorter range, or fewer groups",
                                   .limit = rows_max(context)});
  }
  query::Range answered = range;
  if (days->size() > 1) answered.from_ns = days->front() * kNanosPerSecond;
  return finished(context, selection, answered, range, head, rows);
}

// The part of the range of which whole steps can be told: none that begins before it.
query::Range whole_steps(const query::Range& range, WidthS step_s) {
  const int64_t from_s = to_seconds_floor(*range.from_ns) + (*range.from_ns % kNanosPerSecond != 0);
  const int64_t rest_s = from_s - floor_div(from_s, step_s) * static_cast<int64_t>(step_s);
  int64_t from_ns = 0;
  if (__builtin_mul_overflow(rest_s == 0 ? from_s : from_s + step_s - rest_s, kNanosPerSecond, &from_ns)) return range;
  if (range.to_ns && from_ns >= *range.to_ns) return range;
  return {from_ns, range.to_ns};
}

// What a Query refuses a step for: a width that does not divide it, or the number of rows, which it says ("found N
// rows"). A step is suggested only if it works: sparse rows are not halved by a step of twice the width.
http::Problem wrong_step(const RequestContext& context, const SeriesQuestion& question, const Error& error,
                         WidthS step_s) {
  http::Problem problem{.status = 400,
                        .detail = error.message,
                        .parameter = "step",
                        .found = step_text(step_s),
                        .expected = "another step"};
  uint64_t rows = 0;
  const std::string_view text = error.message;
  constexpr std::string_view kFound = "found ";
  if (text.starts_with(kFound)) {
    const auto parsed = std::from_chars(text.data() + kFound.size(), text.data() + text.size(), rows);
    if (parsed.ec != std::errc() || !std::string_view(parsed.ptr).starts_with(" rows")) rows = 0;
  }
  if (rows > 0) {
    problem.detail = "The answer would have too many rows.";
    problem.found = std::to_string(rows);
    problem.expected = "at most " + std::to_string(rows_max(context)) + " rows";
    problem.limit = rows_max(context);
  }
  for (const WidthS width_s : coarser_steps(step_s, rows, rows_max(context))) {
    const auto nothing = [](const std::string&, const query::Row&, const stats::Summary&) {};
    if (!context.query.ask(
            query::AskSeries{question.selection, question.range, width_s, question.by, rows_max(context)}, nothing))
      continue;
    problem.suggestion = step_text(width_s);
    break;
  }
  return problem;
}

}  // namespace

http::Response answer_series(const RequestContext& context) {
  const int64_t now_ns = context.now_ns;
  Params params(context.request);
  read_partial(params);
  read_trace(params);
  const query::Selection selection = params.selection(context.tenant);
  query::Range range = params.range(now_ns);
  RowsHead head{
      .metric = selection.metric, .by = params.text("by").value_or(""), .stats = read_stats(params, row_stats())};
  if (!head.by.empty() && !is_label_key(head.by)) params.fail("by", head.by, "device, or the key of a label");
  const std::string step = params.text("step").value_or("auto");
  const bool wants_csv = context.request.header("accept").find("text/csv") != std::string_view::npos;
  head.csv = params.choice("format", {wants_csv ? "csv" : "json", "json", "csv"}) == "csv";

  const bool open = !range.to_ns;
  if (open) range.to_ns = range.from_ns ? std::max(now_ns, distance_ns(-1, *range.from_ns)) : now_ns;
  if (!range.from_ns) range.from_ns = distance_ns(kDefaultRangeNs, *range.to_ns);
  const auto step_s = parse_duration_s(step);
  const bool step_fits = step == "auto" || (step_s && *step_s <= kDurationMaxS);
  if (!step_fits) params.fail("step", step, "auto, seconds, or a duration such as 10s, 5m, 1h or 1d");
  head.tz = params.text("tz").value_or("");
  if (!head.tz.empty() && step_s != kDayS) params.fail("tz", head.tz, "step=1d with it");
  if (!head.tz.empty() && !is_zone(head.tz)) params.fail("tz", head.tz, "a name of the IANA time zone database");
  if (const auto wrong = params.finish()) return http::problem_response(*wrong);
  if (auto refused = refuse_unknown(context, selection)) return *std::move(refused);

  const MetricFacts::Facts facts = context.services.metrics.of(context, selection.metric);
  head.unit = facts.unit;
  head.kind = facts.kind;
  head.from_ns = *range.from_ns;
  head.to_ns = *range.to_ns;
  if (open) range.to_ns.reset();  // whatever there is, also of a moment after now
  if (!head.tz.empty()) return local_series(context, selection, range, head);
  const std::vector<WidthS> steps =
      step == "auto" ? auto_steps(distance_ns(head.from_ns, head.to_ns)) : std::vector{static_cast<WidthS>(*step_s)};
  for (const WidthS width_s : steps) {
    RowsAnswer rows(head, width_s);
    const query::Range answered = whole_steps(range, width_s);
    const auto add = [&](const std::string& group, const query::Row& row, const stats::Summary& summary) {
      rows.add(group, row, summary);
    };
    if (const auto status =
            context.query.ask(query::AskSeries{selection, range, width_s, head.by, rows_max(context)}, add);
        !status) {
      if (status.error().code != ErrorCode::kInvalid) return failure(status.error());
      if (width_s != steps.back()) continue;  // auto: stored rows are wider than that, or there are many groups
      return http::problem_response(wrong_step(context, {selection, range, head.by}, status.error(), width_s));
    }
    return finished(context, selection, answered, range, head, rows);
  }
  CHECK(false);
}

}  // namespace tributary::api
