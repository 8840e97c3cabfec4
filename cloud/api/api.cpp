// SPDX-License-Identifier: Apache-2.0
// Api, see api.h: the endpoints.
#include "cloud/api/api.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <mutex>
#include <utility>

#include "cloud/api/days.h"
#include "cloud/api/endpoint/aliases.h"
#include "cloud/api/endpoint/federate.h"
#include "cloud/api/endpoint/lists.h"
#include "cloud/api/endpoint/session.h"
#include "cloud/api/endpoint/static.h"
#include "cloud/api/endpoint/stream.h"
#include "cloud/api/hub.h"
#include "cloud/api/openapi.h"
#include "cloud/api/params.h"
#include "cloud/http/json_writer.h"
#include "cloud/http/problem.h"
#include "cloud/render/answers.h"
#include "cloud/render/rows.h"
#include "cloud/render/stats.h"

namespace tributary::api {
namespace {

using http::Problem;
using http::problem_response;
using http::Request;
using http::Response;

constexpr int64_t kDefaultRangeNs = 24LL * 3600 * kNanosPerSecond;
constexpr int64_t kStepMaxS = 366 * 86400;
constexpr WidthS kDayS = 86400;
constexpr size_t kStatsMax = 32;
constexpr int64_t kInfoFreshNs = 2 * kNanosPerSecond;
constexpr size_t kInfosMax = 1'024;

const std::vector<Stat>& row_stats() {
  static const std::vector<Stat> stats = stats_of({"count", "mean", "min", "max", "stddev", "p50", "p95", "p99"});
  return stats;
}
const std::vector<Stat>& all_stats() {
  static const std::vector<Stat> stats = stats_of(
      {"count", "sum", "mean", "variance", "stddev", "min", "max", "first", "last", "rate", "p50", "p95", "p99"});
  return stats;
}

std::vector<Stat> read_stats(Params& params, const std::vector<Stat>& otherwise) {
  const auto value = params.text("stats");
  if (!value) return otherwise;
  std::vector<Stat> stats;
  for (size_t at = 0; at <= value->size();) {
    const size_t end = std::min(value->find(',', at), value->size());
    const std::string name = value->substr(at, end - at);
    at = end + 1;
    auto stat = parse_stat(name);
    if (!stat) {
      params.fail(
          "stats", name,
          "count, sum, mean, variance, stddev, min, max, first, last, rate, histogram, or pN with 0 < N <= 100");
      return otherwise;
    }
    const bool twice = std::any_of(stats.begin(), stats.end(), [&](const Stat& one) { return one.name == name; });
    if (!twice) stats.push_back(std::move(*stat));
  }
  if (stats.size() > kStatsMax)
    params.fail("stats", std::to_string(stats.size()) + " names", "at most " + std::to_string(kStatsMax));
  return stats;
}

// to - from, as far as it fits.
int64_t distance_ns(int64_t from_ns, int64_t to_ns) {
  int64_t distance = 0;
  if (!__builtin_sub_overflow(to_ns, from_ns, &distance)) return distance;
  return to_ns > from_ns ? std::numeric_limits<int64_t>::max() : std::numeric_limits<int64_t>::min();
}

class ApiImpl final : public Api {
 public:
  ApiImpl(const ApiConfig& config, ApiParts parts)
      : config_(config),
        parts_(std::move(parts)),
        query_(*parts_.query),
        auth_(*parts_.auth),
        streams_(query_, hub_, parts_.now_ns, {config.keep_alive_ms, config.coalesce_ms}),
        system_({parts_.members, config.operators}),
        delivery_(config.delivery) {}

  Status load() {
    if (config_.dashboard_dir.empty()) return {};
    auto files = StaticFiles::load(config_.dashboard_dir);
    if (!files) return files.error();
    files_ = std::move(files).value();
    return {};
  }

  void attach(http::HttpServer& server) override;
  void changed() override { hub_.changed(); }

 private:
  using Endpoint = Response (ApiImpl::*)(const Asked& asked);
  // A handler that knows the tenant; 401 without one.
  http::Handler with_tenant(Endpoint endpoint) {
    return [this, endpoint](const Request& request) {
      const auto identity = identify(auth_, request, now_s());
      if (!identity) return unauthorized();
      const auto query = query_.one_answer();
      Response response = (this->*endpoint)({request, identity->tenant, *query, parts_.now_ns()});
      if (const auto missing = query->missing(); !missing.empty()) respond_partial(request, missing, response);
      return response;
    };
  }
  int64_t now_s() const { return to_seconds_floor(parts_.now_ns()); }

  Response metrics(const Asked& asked) { return answer_metrics(asked); }
  Response devices(const Asked& asked) { return answer_devices(asked); }
  Response last(const Asked& asked) { return answer_last(asked); }
  Response federate(const Asked& asked) { return answer_federate(asked); }
  Response series(const Asked& asked);
  Response kpi(const Asked& asked);
  Response summary(const Asked& asked);
  Response stream(const Asked& asked);
  Response old_data(const Asked& asked) {
    return answer_alias(asked, "device_id", "windows", [this](const Asked& one) { return kpi(one); });
  }
  Response old_kpi(const Asked& asked) {
    return answer_alias(asked, "source", "windows", [this](const Asked& one) { return kpi(one); });
  }
  Response old_series(const Asked& asked) {
    return answer_alias(asked, "source", "series", [this](const Asked& one) { return series(one); });
  }
  Response system(const Asked& asked) { return answer_system(asked.request, asked.tenant, system_, asked.now_ns); }
  Response ready() const;
  Response local_series(const Asked& asked, const query::Selection& selection, const query::Range& range,
                        const RowsHead& head);
  Response finished(const Asked& asked, const query::Selection& selection, const query::Range& range,
                    const RowsHead& head, RowsAnswer& rows);
  struct SeriesQuestion {
    const query::Selection& selection;
    const query::Range& range;
    const std::string& by;
  };
  Problem wrong_step(const Asked& asked, const SeriesQuestion& question, const Error& error, WidthS step_s) const;
  Response exposition();

  void respond_partial(const Request& request, const std::vector<uint32_t>& missing, Response& response) const;
  struct Info {
    std::string unit;
    MetricKind kind = MetricKind::kGauge;
    int64_t read_ns = 0;
  };
  Info info_of(const Asked& asked, const std::string& metric);

  const ApiConfig config_;
  const ApiParts parts_;
  const query::Query& query_;
  Auth& auth_;
  Hub hub_;
  Streams streams_;
  const SystemParts system_;
  http::Delivery delivery_;
  std::optional<StaticFiles> files_;
  http::HttpServer* server_ = nullptr;

  std::mutex infos_mutex_;
  std::map<std::pair<std::string, std::string>, Info> infos_;
};

void ApiImpl::attach(http::HttpServer& server) {
  server_ = &server;
  server.default_headers({{"X-Content-Type-Options", "nosniff"},
                          {"Referrer-Policy", "no-referrer"},
                          {"Content-Security-Policy",
                           "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action "
                           "'self'; frame-ancestors 'none'"}});
  server.on_stop([this] { hub_.stop(); });
  server.around([this](const Request& request, const http::Handler& next) { return delivery_.answer(request, next); });

  server.handle("GET", "/api/v1/metrics", with_tenant(&ApiImpl::metrics));
  server.handle("GET", "/api/v1/devices", with_tenant(&ApiImpl::devices));
  server.handle("GET", "/api/v1/series", with_tenant(&ApiImpl::series));
  server.handle("GET", "/api/v1/kpi", with_tenant(&ApiImpl::kpi));
  server.handle("GET", "/api/v1/summary", with_tenant(&ApiImpl::summary));
  server.handle("GET", "/api/v1/stream", with_tenant(&ApiImpl::stream));
  server.handle("GET", "/api/v1/system", with_tenant(&ApiImpl::system));
  server.handle("GET", "/api/v1/last", with_tenant(&ApiImpl::last));
  server.handle("GET", "/api/v1/federate", with_tenant(&ApiImpl::federate));
  server.handle("GET", "/api/data", with_tenant(&ApiImpl::old_data));
  server.handle("GET", "/kpi", with_tenant(&ApiImpl::old_kpi));
  server.handle("GET", "/series", with_tenant(&ApiImpl::old_series));

  // Readings go to the bridge, another port: who sends them here is told so. No call of this server, so not in its
  // OpenAPI document.
  server.handle("POST", "/api/v1/data", [](const Request&) {
    return problem_response({.status = 404,
                             .detail = "Readings are not taken here but by the bridge, at a port of its own.",
                             .found = "POST /api/v1/data",
                             .expected = "POST /api/v1/data at the bridge (port 8081, unless configured otherwise)"});
  });

  server.handle("POST", "/api/v1/session",
                [this](const Request& request) { return sign_in(auth_, config_.hints, request, now_s()); });
  server.handle("GET", "/api/v1/session",
                [this](const Request& request) { return show_session(auth_, config_.hints, request, now_s()); });
  server.handle("DELETE", "/api/v1/session", [](const Request&) { return sign_out(); });

  server.handle("GET", "/health", [](const Request&) { return Response{.body = "{\"status\":\"up\"}"}; });
  server.handle("GET", "/ready", [this](const Request&) { return ready(); });
  server.handle("GET", "/metrics", [this](const Request&) { return exposition(); });
  server.handle("GET", "/openapi.json", [](const Request&) {
    return Response{.headers = {{"Cache-Control", "no-cache"}}, .body = std::string(openapi_json())};
  });
  if (files_) server.handle("GET", "/*", [this](const Request& request) { return files_->answer(request); });
}

Response ApiImpl::series(const Asked& asked) {
  const int64_t now_ns = asked.now_ns;
  Params params(asked.request);
  read_partial(params);
  const query::Selection selection = params.selection(asked.tenant);
  query::Range range = params.range(now_ns);
  RowsHead head{
      .metric = selection.metric, .by = params.text("by").value_or(""), .stats = read_stats(params, row_stats())};
  if (!head.by.empty() && !is_label_key(head.by)) params.fail("by", head.by, "device, or the key of a label");
  const std::string step = params.text("step").value_or("auto");
  const bool wants_csv = asked.request.header("accept").find("text/csv") != std::string_view::npos;
  head.csv = params.choice("format", {wants_csv ? "csv" : "json", "json", "csv"}) == "csv";

  if (!range.to_ns) range.to_ns = range.from_ns ? std::max(now_ns, distance_ns(-1, *range.from_ns)) : now_ns;
  if (!range.from_ns) range.from_ns = distance_ns(kDefaultRangeNs, *range.to_ns);
  const auto step_s = parse_duration_s(step);
  const bool step_fits = step == "auto" || (step_s && *step_s <= kStepMaxS);
  if (!step_fits) params.fail("step", step, "auto, seconds, or a duration such as 10s, 5m, 1h or 1d");
  head.tz = params.text("tz").value_or("");
  if (!head.tz.empty() && step_s != kDayS) params.fail("tz", head.tz, "step=1d with it");
  if (!head.tz.empty() && !is_zone(head.tz)) params.fail("tz", head.tz, "a name of the IANA time zone database");
  if (const auto wrong = params.finish()) return problem_response(*wrong);
  if (!asked.query.known(asked.tenant, selection.metric)) return unknown_metric();

  const Info info = info_of(asked, selection.metric);
  head.unit = info.unit;
  head.kind = info.kind;
  head.from_ns = *range.from_ns;
  head.to_ns = *range.to_ns;
  if (!head.tz.empty()) return local_series(asked, selection, range, head);
  const std::vector<WidthS> steps =
      step == "auto" ? auto_steps(distance_ns(head.from_ns, head.to_ns)) : std::vector{static_cast<WidthS>(*step_s)};
  for (const WidthS width_s : steps) {
    RowsAnswer rows(head, width_s);
    const auto add = [&](const std::string& group, const query::Row& row, const stats::Summary& summary) {
      rows.add(group, row, summary);
    };
    if (const auto status = asked.query.series(selection, range, width_s, head.by, config_.rows_max, add); !status) {
      if (status.error().code != ErrorCode::kInvalid) return failure(status.error());
      if (width_s != steps.back()) continue;  // auto: stored rows are wider than that, or there are many groups
      return problem_response(wrong_step(asked, {selection, range, head.by}, status.error(), width_s));
    }
    return finished(asked, selection, range, head, rows);
  }
  CHECK(false);
}

Response ApiImpl::finished(const Asked& asked, const query::Selection& selection, const query::Range& range,
                           const RowsHead& head, RowsAnswer& rows) {
  rows.end_rows();
  if (head.csv) {
    Response response{.content_type = "text/csv; charset=utf-8", .body = rows.take_csv()};
    response.headers.emplace_back("Cache-Control", http::kRevalidate);
    return response;
  }
  if (const auto done = add_completeness(asked, rows.json(), selection, range); !done) return failure(done.error());
  rows.json().end_object();
  return json_answer(rows.json());
}

// Rows of local days.
Response ApiImpl::local_series(const Asked& asked, const query::Selection& selection, const query::Range& range,
                               const RowsHead& head) {
  const auto days = local_days(head.tz, head.from_ns, head.to_ns);
  if (!days) {
    return problem_response(
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
  if (const auto status = day_rows(asked.query, selection, *days, head.by, config_.rows_max, add); !status) {
    if (status.error().code != ErrorCode::kInvalid) return failure(status.error());
    return problem_response({.status = 400,
                             .detail = status.error().message,
                             .parameter = "tz",
                             .found = head.tz,
                             .expected = "a shorter range, or fewer groups",
                             .limit = config_.rows_max});
  }
  return finished(asked, selection, range, head, rows);
}

// What a Query refuses a step for: a width that does not divide it, or the number of rows, which it says ("found N
// rows"). A step is suggested only if it works: sparse rows are not halved by a step of twice the width.
Problem ApiImpl::wrong_step(const Asked& asked, const SeriesQuestion& question, const Error& error,
                            WidthS step_s) const {
  Problem problem{.status = 400,
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
    problem.expected = "at most " + std::to_string(config_.rows_max) + " rows";
    problem.limit = config_.rows_max;
  }
  for (const WidthS width_s : coarser_steps(step_s, rows, config_.rows_max)) {
    const auto nothing = [](const std::string&, const query::Row&, const stats::Summary&) {};
    if (!asked.query.series(question.selection, question.range, width_s, question.by, config_.rows_max, nothing))
      continue;
    problem.suggestion = step_text(width_s);
    break;
  }
  return problem;
}

Response ApiImpl::kpi(const Asked& asked) {
  Params params(asked.request);
  read_partial(params);
  const query::Selection selection = params.selection(asked.tenant);
  const std::string window = params.text("window").value_or("1m");
  const auto window_s = parse_duration_s(window);
  if (!window_s || *window_s > kStepMaxS)
    params.fail("window", window, "seconds, or a duration such as 10s, 1m, 1h or 1d");
  const auto stats = read_stats(params, all_stats());
  if (const auto wrong = params.finish()) return problem_response(*wrong);
  const auto newest = asked.query.newest(selection, static_cast<WidthS>(*window_s));
  if (!newest) {
    if (newest.error().code != ErrorCode::kNotFound) return failure(newest.error());
    if (!asked.query.known(asked.tenant, selection.metric)) return unknown_metric();
    return problem_response({.status = 404, .detail = "There is no reading that fits."});
  }
  const Info info = info_of(asked, selection.metric);
  const query::Row& row = newest->row;
  JsonWriter json;
  json.begin_object().field("metric", selection.metric).field("unit", info.unit);
  json.field("start", time_text_s(row.start_s)).field("width", row.width_s);
  write_summary(json, newest->summary, stats, {info.kind, static_cast<double>(row.width_s)});
  query::Range range;
  if (row.width_s != kAllTime) {
    int64_t bound_ns = 0;  // a wide window may begin before what nanoseconds hold
    if (!__builtin_mul_overflow(row.start_s, kNanosPerSecond, &bound_ns)) range.from_ns = bound_ns;
    if (!__builtin_mul_overflow(row.start_s + static_cast<int64_t>(row.width_s), kNanosPerSecond, &bound_ns))
      range.to_ns = bound_ns;
  }
  if (const auto status = add_completeness(asked, json, selection, range); !status) return failure(status.error());
  json.end_object();
  return json_answer(json);
}

Response ApiImpl::summary(const Asked& asked) {
  Params params(asked.request);
  read_partial(params);
  const query::Selection selection = params.selection(asked.tenant);
  const query::Range range = params.range(asked.now_ns);
  const auto stats = read_stats(params, all_stats());
  if (const auto wrong = params.finish()) return problem_response(*wrong);
  if (!asked.query.known(asked.tenant, selection.metric)) return unknown_metric();
  const auto found = asked.query.summary(selection, range);
  if (!found) return failure(found.error());
  const Info info = info_of(asked, selection.metric);
  JsonWriter json;
  json.begin_object().field("metric", selection.metric).field("unit", info.unit);
  for (const auto& [name, bound_ns] : {std::pair{"from", range.from_ns}, std::pair{"to", range.to_ns}}) {
    json.key(name);
    if (bound_ns) {
      json.value(time_text(*bound_ns));
    } else {
      json.null();
    }
  }
  RateBasis basis{info.kind, 0};
  if (range.from_ns && range.to_ns)
    basis.width_s = static_cast<double>(distance_ns(*range.from_ns, *range.to_ns)) / kNanosPerSecond;
  write_summary(json, *found, stats, basis);
  if (const auto status = add_completeness(asked, json, selection, range); !status) return failure(status.error());
  json.end_object();
  return json_answer(json);
}

Response ApiImpl::stream(const Asked& asked) {
  Params params(asked.request);
  StreamFilter filter{.tenant = asked.tenant, .metrics = params.list("metric"), .devices = params.list("device")};
  filter.fleet = params.flag("fleet");
  filter.stats = read_stats(params, row_stats());
  // Rows come a device anyway; other groupings are for the page to make.
  params.choice("by", {"device"});
  std::optional<std::string> since = params.text("since");
  if (const auto wrong = params.finish()) return problem_response(*wrong);
  // The header is newer: a browser sends it when it comes again by itself, with the address it began with.
  if (const auto last = asked.request.header("last-event-id"); !last.empty()) since = std::string(last);

  Response response;
  response.content_type = "text/event-stream";
  response.headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}};
  response.stream = [this, filter = std::move(filter), since = std::move(since),
                     request = asked.request](http::StreamWriter& writer) {
    const auto allowed = [&] {
      const auto identity = identify(auth_, request, now_s());
      return identity && identity->tenant == filter.tenant;
    };
    streams_.run(filter, since, allowed, writer);
  };
  return response;
}

Response ApiImpl::ready() const {
  std::string trouble = parts_.trouble ? parts_.trouble() : "";
  if (trouble.empty()) trouble = auth_.trouble();
  if (!trouble.empty()) return problem_response({.status = 503, .detail = trouble, .retry_after_s = 1});
  JsonWriter json;
  json.begin_object().field("status", "ready");
  if (parts_.ready) parts_.ready(json);
  json.end_object();
  return Response{.body = json.take()};
}

Response ApiImpl::exposition() {
  Exposition text;
  text.gauge("tributary_ready", "1 when everything works, see /ready.").sample(uint64_t{ready().status == 200});
  http_families(text, server_->stats());
  if (parts_.metrics) parts_.metrics(text);
  return Response{.content_type = Exposition::kContentType, .body = text.take()};
}

// Of other aggregators some did not answer: named in a header too, because CSV has no place for it. Nobody can say that
// a thing does not exist before all were asked.
void ApiImpl::respond_partial(const Request& request, const std::vector<uint32_t>& missing, Response& response) const {
  const std::string names = partitions_text(missing);
  const bool denied = std::find(request.params.begin(), request.params.end(),
                                std::pair<std::string, std::string>("partial", "deny")) != request.params.end();
  if (response.status == 404 || (response.status == 200 && denied)) {
    const size_t expected = query_.place().size();
    response = problem_response({.status = 503,
                                 .detail = "Partitions " + names + " did not answer.",
                                 .parameter = denied ? "partial" : "",
                                 .found = std::to_string(expected - missing.size()) + " partitions",
                                 .expected = "all " + std::to_string(expected),
                                 .retry_after_s = 1});
  }
  response.headers.emplace_back("X-Missing-Partitions", names);
}

// Unit and kind of a metric seldom change, and finding them reads the whole catalogue of a tenant: they may be seconds
// old.
ApiImpl::Info ApiImpl::info_of(const Asked& asked, const std::string& metric) {
  const std::pair key(asked.tenant, metric);
  const int64_t now_ns = parts_.now_ns();
  {
    std::lock_guard lock(infos_mutex_);
    const auto it = infos_.find(key);
    if (it != infos_.end() && now_ns >= it->second.read_ns && now_ns - it->second.read_ns < kInfoFreshNs)
      return it->second;
  }
  Info info{.read_ns = now_ns};
  if (const auto metrics = asked.query.metrics(asked.tenant)) {
    for (const auto& one : *metrics) {
      if (one.name == metric) info = {one.unit, one.kind, now_ns};
    }
  }
  if (!asked.query.missing().empty()) return info;  // may be another one when all answer
  std::lock_guard lock(infos_mutex_);
  if (infos_.size() >= kInfosMax) infos_.clear();
  infos_[key] = info;
  return info;
}

}  // namespace

Result<std::unique_ptr<Api>> Api::make(const ApiConfig& config, ApiParts parts) {
  CHECK(parts.query != nullptr && parts.auth != nullptr && parts.now_ns != nullptr && parts.members != nullptr);
  auto api = std::make_unique<ApiImpl>(config, std::move(parts));
  if (auto status = api->load(); !status) return status.error();
  return std::unique_ptr<Api>(std::move(api));
}

}  // namespace tributary::api
