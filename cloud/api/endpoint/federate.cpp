// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/federate: a tenant's series, gateways and completeness for Prometheus to scrape (API.md says what each
// family is). The readings since the beginning are cumulative histograms; the newest windows are gauges.
#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "cloud/api/context.h"
#include "cloud/api/params.h"
#include "cloud/http/families.h"
#include "cloud/http/problem.h"
#include "cloud/query/question/catalog.h"
#include "cloud/query/question/completeness.h"
#include "cloud/query/question/gateways.h"
#include "cloud/query/question/last.h"
#include "cloud/query/question/rows.h"
#include "cloud/render/prometheus.h"
#include "cloud/render/stats.h"
#include "cloud/render/told_rows.h"

namespace tributary::api {
namespace {

using http::Problem;
using http::problem_response;
using Type = Families::Type;

constexpr uint64_t kScrapeSeriesDefault = 2'000, kScrapeSeriesMax = 10'000;
constexpr uint64_t kBucketsDefault = 20, kBucketsMax = 320;
constexpr int64_t kMaxAgeDefaultS = 300;      // as long as Prometheus itself takes a sample for the present
constexpr size_t kPage = 500;                 // series at once
constexpr size_t kScrapeBytesMax = 64 << 20;  // of an answer
// What a tenant's completeness is judged by where no range is named: gateways that are not further behind than this.
constexpr int64_t kCompleteLagNs = 120 * kNanosPerSecond;
constexpr size_t kReasonsMax = 100;  // of a gateway

constexpr std::array<std::pair<const char*, WidthS>, 4> kWindows = {
    {{"1m", 60}, {"15m", 900}, {"1h", 3600}, {"1d", 86400}}};
constexpr std::array<const char*, 3> kParts = {"readings", "windows", "gateways"};

struct ScrapeOptions {
  query::Selection selection;
  WidthS window_s = 60;
  int64_t max_age_s = kMaxAgeDefaultS;
  uint64_t limit = kScrapeSeriesDefault;
  int buckets = kBucketsDefault;
  bool readings = true, windows = true, gateways = true;
};

ScrapeOptions read_options(Params& params, const std::string& tenant) {
  ScrapeOptions options;
  read_partial(params);
  options.selection = params.selection(tenant, false);
  std::vector<std::string> names;
  for (const auto& [name, width_s] : kWindows) names.emplace_back(name);
  const std::string window = params.choice("window", names);
  for (const auto& [name, width_s] : kWindows) {
    if (window == name) options.window_s = width_s;
  }
  if (const auto age = params.text("max_age")) {
    const auto age_s = parse_duration_s(*age);
    if (!age_s) params.fail("max_age", *age, "seconds, or a duration such as 5m or 1h");
    options.max_age_s = age_s.value_or(kMaxAgeDefaultS);
  }
  options.limit = params.number("limit", 1, kScrapeSeriesMax).value_or(kScrapeSeriesDefault);
  options.buckets = static_cast<int>(params.number("buckets", 0, kBucketsMax).value_or(kBucketsDefault));
  const auto parts = params.list("include");
  for (const auto& part : parts) {
    if (std::find(kParts.begin(), kParts.end(), part) == kParts.end())
      params.fail("include", part, "some of readings, windows, gateways");
  }
  const auto wanted = [&](const char* part) {
    return parts.empty() || std::find(parts.begin(), parts.end(), part) != parts.end();
  };
  options.readings = wanted("readings");
  options.windows = wanted("windows");
  options.gateways = wanted("gateways");
  return options;
}

double seconds(int64_t time_ns) { return static_cast<double>(time_ns) / kNanosPerSecond; }

double or_nan(const stats::Answer& answer) {
  return answer.kind == stats::Answer::Kind::kValue ? answer.value : std::numeric_limits<double>::quiet_NaN();
}

void add_total(Families& out, const Series& series, const stats::Summary& total) {
  auto& family = out.family("tributary_readings_" + prometheus_name(series.metric), Type::kHistogram,
                            "The readings merged since the beginning.");
  out.add(family, series_labels(series), total.distribution(), or_nan(total.numeric().sum()));
}

void add_window(Families& out, const query::RowKey& key, MetricKind kind, const stats::Summary& window) {
  const std::string name = "tributary_window_" + prometheus_name(key.series.metric);
  const SampleLabels labels = series_labels(key.series);
  const auto gauge = [&](const std::string& ending, std::string_view help, double value) {
    out.add(out.family(name + ending, Type::kGauge, help), labels, value);
  };
  const RateBasis basis{kind, static_cast<double>(key.row.width_s)};
  for (const Stat& stat : window.numeric().count() > 0 ? gauge_stats() : std::vector<Stat>()) {
    const WindowGauge& told = stat.statistic->gauge;
    if (told.prometheus.empty() || (told.counters_only && kind != MetricKind::kCounter)) continue;
    const stats::Answer answer = told.value({window, basis}, stat);
    if (answer.kind != stats::Answer::Kind::kValue) continue;
    const std::string ending = stat.statistic->parse ? stat.name : std::string(told.prometheus);
    gauge("_" + ending, told.prometheus_help, answer.value);
  }
  gauge("_end_timestamp_seconds", "End of the newest window.",
        static_cast<double>(key.row.start_s + static_cast<int64_t>(key.row.width_s)));
  if (window.distribution().count() == 0) return;
  out.add(out.family(name + "_distribution", Type::kGaugeHistogram, "The readings of the newest window."), labels,
          window.distribution(), or_nan(window.numeric().sum()));
}

// Series page by page. An error if there are more than the limit, which the problem then says.
Status add_series(const RequestContext& context, const ScrapeOptions& options, Families& totals, Families& windows,
                  std::optional<Problem>& problem) {
  std::map<std::string, MetricKind> kinds;
  if (options.windows) {
    const auto metrics = context.query.ask(query::AskMetrics{context.tenant});
    if (!metrics) return metrics.error();
    for (const auto& metric : *metrics) kinds[metric.name] = metric.kind;
  }
  const int64_t oldest_end_ns = context.now_ns - options.max_age_s * kNanosPerSecond;
  std::string after;
  for (uint64_t told = 0;;) {
    const auto found = context.query.ask(query::AskLast{options.selection, std::nullopt, after, kPage});
    if (!found) return found.error();
    told += found->size();
    if (told > options.limit || totals.bytes() + windows.bytes() > kScrapeBytesMax) {
      problem = Problem{.status = 400,
                        .detail = "More series than one answer may have.",
                        .parameter = "limit",
                        .found = "more than " + std::to_string(std::min(told - 1, options.limit)) + " series",
                        .expected = "fewer, by metric, device or label.KEY; or a greater limit, up to " +
                                    std::to_string(kScrapeSeriesMax) + ", or fewer buckets",
                        .limit = options.limit};
      return {};
    }
    if (options.readings) {
      const auto keys = total_rows(*found);
      const auto add = [&](size_t i, const stats::Summary& total) { add_total(totals, keys[i].series, total); };
      if (const auto status = query::rows(context.query, context.tenant, keys, add); !status) return status.error();
      auto& seen = totals.family("tributary_last_reading_timestamp_seconds", Type::kGauge, "Time of the last reading.");
      for (const auto& one : *found) {
        SampleLabels labels = series_labels(one.series);
        if (labels.empty() || labels.back().first != "metric") labels.emplace_back("metric", one.series.metric);
        totals.add(seen, labels, seconds(one.time_ns));
      }
    }
    if (options.windows) {
      const auto newest = newest_rows(*found, options.window_s, oldest_end_ns);
      const auto add = [&](size_t i, const stats::Summary& window) {
        add_window(windows, newest.keys[i], kinds[newest.keys[i].series.metric], window);
      };
      if (const auto status = query::rows(context.query, context.tenant, newest.keys, add); !status)
        return status.error();
    }
    if (found->size() < kPage) return {};
    after = found->back().series.id();
  }
}

// What the gateway says of itself; what does not fit is left out.
void add_status(Families& out, const std::string& gateway, const std::string& status_json) {
  const auto json = nlohmann::json::parse(status_json, nullptr, false);
  if (!json.is_object()) return;
  const SampleLabels labels = {{"gateway", gateway}};
  if (const auto full = json.find("disk_full"); full != json.end() && full->is_boolean())
    out.add(out.family("tributary_gateway_disk_full", Type::kGauge, "1 while the gateway's disk takes no more."),
            labels, full->get<bool>() ? 1 : 0);
  const auto outbox = json.find("outbox");
  if (outbox == json.end() || !outbox->is_object()) return;
  const auto gauge = [&](const char* key, const char* name, const char* help) {
    const auto found = outbox->find(key);
    if (found != outbox->end() && found->is_number())
      out.add(out.family(name, Type::kGauge, help), labels, found->get<double>());
  };
  gauge("used_bytes", "tributary_gateway_outbox_used_bytes", "Bytes of the outbox in use.");
  gauge("budget_bytes", "tributary_gateway_outbox_budget_bytes", "Bytes the outbox has.");
  gauge("waiting", "tributary_gateway_outbox_waiting_partials", "Partials that wait to be sent.");
  gauge("flight", "tributary_gateway_outbox_flight_partials", "Partials sent and not acknowledged.");
}

Status add_gateways(const RequestContext& context, Families& out) {
  const auto gateways = context.query.ask(query::AskGateways{context.tenant, context.now_ns});
  if (!gateways) return gateways.error();
  for (const auto& one : *gateways) {
    const SampleLabels labels = {{"gateway", one.gateway}};
    const auto gauge = [&](const char* name, const char* help, double value) {
      out.add(out.family(name, Type::kGauge, help), labels, value);
    };
    out.add(
        out.family("tributary_gateway_state", Type::kGauge, "1 for the state: online, late, silent, offline, retired."),
        {{"gateway", one.gateway}, {"state", one.state}}, 1);
    gauge("tributary_gateway_last_seen_timestamp_seconds", "When its last message was appended.",
          seconds(one.last_seen_ns));
    gauge("tributary_gateway_frontier_timestamp_seconds", "Everything before it is merged or named as missing.",
          seconds(one.frontier_ns));
    gauge("tributary_gateway_devices", "Devices it speaks for.", static_cast<double>(one.devices));
    gauge("tributary_gateway_gaps", "Times named in which readings may be missing.",
          static_cast<double>(one.gaps.size()));
    double lost = 0;
    for (const auto& note : one.lost) lost += static_cast<double>(note.last_seq - note.first_seq) + 1;
    gauge("tributary_gateway_lost_seqs", "Seqs named as lost.", lost);
    gauge("tributary_gateway_parked_partials", "Partials parked in the dead letter.", static_cast<double>(one.parked));
    gauge("tributary_gateway_alarms", "Alarms: its outbox was wiped, restored or cloned.",
          static_cast<double>(one.alarms.size()));
    auto& rejected = out.family("tributary_gateway_rejected_total", Type::kCounter,
                                "Readings and partials rejected at the gateway or behind it, by reason.");
    size_t reasons = 0;
    for (const auto& [reason, count] : one.rejected) {
      if (++reasons > kReasonsMax) break;
      out.add(rejected, {{"gateway", one.gateway}, {"reason", reason}}, static_cast<double>(count));
    }
    add_status(out, one.gateway, one.status_json);
  }
  return {};
}

Status add_completeness(const RequestContext& context, const query::Selection& selection, Families& out) {
  const query::Range range{.to_ns = context.now_ns - kCompleteLagNs};
  const auto found = context.query.ask(query::AskCompleteness{selection, range, context.now_ns});
  if (!found) return found.error();
  const auto gauge = [&](const char* name, const char* help, double value) {
    out.add(out.family(name, Type::kGauge, help), {}, value);
  };
  gauge("tributary_completeness_share",
        "Share of the gateways expected whose readings up to two minutes ago are merged.", found->share.value_or(1));
  gauge("tributary_completeness_expected_gateways", "Gateways expected.", static_cast<double>(found->expected));
  gauge("tributary_completeness_behind_gateways", "Gateways whose readings up to two minutes ago are not all merged.",
        static_cast<double>(found->behind.size()));
  gauge("tributary_completeness_possible_gateways",
        "Gateways that never reported to the selection and whose readings up to two minutes ago are not all merged.",
        static_cast<double>(found->possible.count));
  if (found->expected > 0)
    gauge("tributary_complete_until_timestamp_seconds", "Up to here all gateways' readings are merged.",
          seconds(found->to_ns));
  gauge("tributary_log_gaps", "Stretches of the log that could not be read, named as missing.",
        static_cast<double>(found->log_gaps.size()));
  gauge("tributary_partitions_expected", "Partitions of the log.", found->partitions_expected);
  gauge("tributary_partitions_answered", "Partitions whose aggregator answered.", found->partitions_answered);
  return {};
}

}  // namespace

http::Response answer_federate(const RequestContext& context) {
  Params params(context.request);
  const ScrapeOptions options = read_options(params, context.tenant);
  if (const auto wrong = params.finish()) return http::problem_response(*wrong);
  if (auto refused = refuse_unknown(context, options.selection)) return *std::move(refused);
  const bool protobuf = prefers_protobuf(context.request.header("accept"));
  Families totals(protobuf, options.buckets), others(protobuf, options.buckets);
  std::optional<Problem> problem;
  if (options.readings || options.windows) {
    if (const auto status = add_series(context, options, totals, others, problem); !status)
      return failure(status.error());
    if (problem) return http::problem_response(*problem);
  }
  if (options.gateways) {
    if (const auto status = add_gateways(context, others); !status) return failure(status.error());
  }
  if (const auto status = add_completeness(context, options.selection, others); !status) return failure(status.error());
  http::Response response{.content_type = protobuf ? Families::kProtobuf : Exposition::kContentType};
  response.headers = {{"Cache-Control", "no-store"}, {"Vary", "Accept"}};
  // Without some partitions the totals would fall and rise again, which Prometheus counts as new readings.
  if (context.query.missing().empty()) response.body = totals.take();
  response.body += others.take();
  return response;
}

}  // namespace tributary::api
