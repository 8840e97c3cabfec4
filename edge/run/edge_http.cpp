// SPDX-License-Identifier: Apache-2.0
// The figures of GatewayStats as Prometheus reads them: see edge_http.h.
#include "edge/run/edge_http.h"

#include <string>

#include "common/runtime/probes.h"
#include "common/runtime/program.h"

namespace tributary::edge {
namespace {

using runtime::Exposition;

double to_seconds(int64_t time_ns) { return static_cast<double>(time_ns / 1'000'000) / 1000; }

std::string metrics(const Gateway& gateway, const EdgeLinks& links, const runtime::Recoveries& recoveries) {
  const GatewayStats stats = gateway.stats();
  const GatewayProgress progress = gateway.progress();
  Exposition text;
  text.gauge("tributary_edge_info", "Always 1; the version of the program.")
      .sample(uint64_t{1}, {{"version", runtime::kVersion}});
  text.counter("tributary_edge_accepted_total", "Readings accepted since the outbox was made.")
      .sample(stats.accepted_total);
  text.counter("tributary_edge_rejected_total", "Readings refused since the outbox was made, by reason.");
  for (const auto& [reason, count] : stats.rejected_total) text.sample(count, {{"reason", reason}});
  text.counter("tributary_edge_left_out_fields_total",
               "Fields that are no readings since the start, by reason: text, nulls, long arrays.");
  for (const auto& [reason, count] : stats.left_out_total) text.sample(count, {{"reason", reason}});
  text.counter("tributary_edge_counter_resets_total", "Counters that began again, since the start.")
      .sample(stats.counter_resets_total);
  text.counter("tributary_edge_overflow_readings_total",
               "Readings of series beyond the limit, since the outbox was made.")
      .sample(stats.overflow_series_readings_total);
  text.gauge("tributary_edge_series", "Series known.").sample(stats.series);
  text.gauge("tributary_edge_open_windows", "Windows that take readings.").sample(stats.open_windows);
  text.gauge("tributary_edge_uncommitted_readings", "Readings in memory only.").sample(progress.uncommitted_readings);
  text.gauge("tributary_edge_waiting_partials", "Closed windows without a number, by width in seconds; 0 is all time.");
  for (const auto& [width_s, count] : stats.waiting_by_width) text.sample(count, {{"width", std::to_string(width_s)}});
  text.gauge("tributary_edge_flight_items", "Numbered and not yet acknowledged.").sample(stats.flight_items);
  text.gauge("tributary_edge_flight_bytes", "Bytes of what is numbered and not yet acknowledged.")
      .sample(stats.flight_bytes);
  text.counter("tributary_edge_acked_total", "Items acknowledged since the start.").sample(stats.acked_total);
  text.counter("tributary_edge_resent_total", "Items sent again since the start.").sample(stats.resent_total);
  text.counter("tributary_edge_coarsened_total", "Windows merged into wider ones since the start.")
      .sample(stats.coarsened_total);
  text.counter("tributary_edge_checkpoints_total", "Checkpoints since the start.").sample(stats.checkpoints_total);
  text.gauge("tributary_edge_outbox_used_bytes", "Bytes of the outbox in use.").sample(stats.used_bytes);
  text.gauge("tributary_edge_outbox_budget_bytes", "Bytes the outbox may use.").sample(stats.budget_bytes);
  text.gauge("tributary_edge_last_durable_timestamp_seconds", "What was accepted by then is on disk; Unix time.")
      .sample(to_seconds(stats.last_durable_ns));
  text.gauge("tributary_edge_write_failing", "1 while the outbox cannot be written.")
      .sample(uint64_t{progress.write_failing});
  text.gauge("tributary_edge_uplink_connected", "1 while the connections to the broker stand.")
      .sample(uint64_t{links.uplink});
  text.gauge("tributary_edge_sources", "Sources configured.").sample(uint64_t{links.sources});
  text.gauge("tributary_edge_sources_listening", "Sources at which readings arrive now.")
      .sample(uint64_t{links.listening});
  text.gauge("process_resident_memory_bytes", "What the process holds of the machine's memory.")
      .sample(runtime::resident_bytes());
  recoveries.families(text);
  return text.take();
}

runtime::Probe ready(const GatewayStats& stats, const GatewayProgress& progress, const EdgeLinks& links) {
  const char* trouble = !progress.write_failing ? ""
                        : stats.disk_full       ? "the disk is full: readings are held in memory"
                                                : "the outbox cannot be written: readings are held in memory";
  return runtime::ready_probe(trouble, [&](runtime::JsonWriter& json) {
    json.key("outbox").begin_object();
    json.field("used_bytes", stats.used_bytes).field("budget_bytes", stats.budget_bytes);
    json.field("waiting", stats.waiting_partials).field("flight", stats.flight_items).end_object();
    json.key("uplink").begin_object().field("connected", links.uplink).end_object();
    json.key("sources").begin_object().field("listening", links.listening).field("of", links.sources).end_object();
  });
}

}  // namespace

HttpAnswer edge_answer(std::string_view path, const Gateway& gateway, const EdgeLinks& links,
                       const runtime::Recoveries& recoveries) {
  if (path == "/health") return {200, runtime::kJsonType, runtime::kHealthBody};
  if (path == "/ready") {
    const runtime::Probe probe = ready(gateway.stats(), gateway.progress(), links);
    return {probe.status, probe.content_type, probe.body};
  }
  if (path == "/metrics") return {200, Exposition::kContentType, metrics(gateway, links, recoveries)};
  return {404, "text/plain; charset=utf-8", "expected /health, /ready or /metrics\n"};
}

}  // namespace tributary::edge
