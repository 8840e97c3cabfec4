// SPDX-License-Identifier: Apache-2.0
// What the gateway says about itself: figures for /metrics and the JSON of the status topic (edge/STATUS.md).
#include <algorithm>

#include "common/base/hex.h"
#include "common/reading/payload.h"
#include "common/runtime/json_writer.h"
#include "common/runtime/program.h"
#include "edge/gateway/gateway_core.h"

namespace tributary::edge {
namespace {

using runtime::JsonWriter;

// null where there is no such time.
void write_time(JsonWriter& json, const char* name, int64_t time_ns, bool known) {
  json.key(name);
  if (known) {
    json.value(reading::format_timestamp(time_ns));
  } else {
    json.null();
  }
}

// The frontier may be as far back as this even if all is well.
WidthS widest_window_s(const GatewayConfig& config) {
  WidthS widest_s = config.base_width_s;
  for (const auto& [metric, width_s] : config.base_width_by_metric) widest_s = std::max(widest_s, width_s);
  return widest_s;
}

void write_outbox(JsonWriter& json, const GatewayStats& stats) {
  json.key("outbox").begin_object();
  json.field("budget_bytes", stats.budget_bytes).field("used_bytes", stats.used_bytes);
  json.field("waiting", stats.waiting_partials).key("waiting_by_width").begin_object();
  for (const auto& [width_s, count] : stats.waiting_by_width) json.field(std::to_string(width_s), count);
  json.end_object();
  write_time(json, "oldest_waiting", stats.oldest_waiting_ns,
             stats.waiting_partials > 0 && stats.oldest_waiting_ns != kUnknownStart);
  json.field("flight", stats.flight_items).field("flight_bytes", stats.flight_bytes);
  json.field("coarsened", stats.coarsened_total).end_object();
}

}  // namespace

GatewayStats GatewayCore::stats() const {
  GatewayStats stats;
  const Meta& meta = outbox_->meta();
  stats.accepted_total = meta.accepted_total + pending_accepted_;
  stats.rejected_total = {rejected_total_.begin(), rejected_total_.end()};
  stats.left_out_total = {left_out_total_.begin(), left_out_total_.end()};
  stats.counter_resets_total = counter_resets_total_;
  stats.counter_resets = {counter_resets_.begin(), counter_resets_.end()};
  stats.overflow_series_readings_total = meta.overflow_total + pending_overflow_;
  for (uint32_t index = 0; index < series_.size(); ++index) stats.open_windows += series_[index].windows.size();
  stats.series = series_.count();
  stats.waiting_partials = outbox_->waiting_partials();
  for (const auto& [width_s, count] : outbox_->waiting()) stats.waiting_by_width[width_s] = count.partials;
  stats.flight_items = outbox_->flight_items();
  stats.flight_bytes = outbox_->flight_bytes();
  stats.used_bytes = outbox_->used_bytes();
  stats.budget_bytes = config_.budget_bytes;
  stats.coarsened_total = outbox_->coarsened_total() + coarsened_total_;
  stats.acked_total = acked_total_;
  stats.resent_total = sender_ ? sender_->resent_total() : 0;
  stats.checkpoints_total = checkpoints_total_;
  stats.oldest_waiting_ns = stats.waiting_partials > 0 ? outbox_->waiting_min_ns() : 0;
  stats.last_durable_ns = meta.last_durable_ns;
  // What the last message of the flight would claim.
  stats.frontier_ns = std::min(open_min_ns_, outbox_->waiting_min_ns());
  for (const auto& epoch : outbox_->flight()) {
    for (const auto& [seq, start_ns] : epoch->start_ns) stats.frontier_ns = std::min(stats.frontier_ns, start_ns);
  }
  if (stats.frontier_ns == std::numeric_limits<int64_t>::max()) stats.frontier_ns = meta.last_durable_ns;
  stats.clock_set = clock_set();
  stats.undated_readings = clock_set() ? 0 : outbox_->undated().readings() + undated_.size();
  stats.disk_full = disk_full_;
  return stats;
}

GatewayProgress GatewayCore::progress() const {
  GatewayProgress progress;
  progress.waiting_partials = outbox_->waiting_partials();
  progress.flight_items = outbox_->flight_items();
  progress.acked_total = acked_total_;
  progress.resent_total = sender_ ? sender_->resent_total() : 0;
  progress.coarsened_total = outbox_->coarsened_total() + coarsened_total_;
  progress.uncommitted_readings = pending_accepted_;
  progress.write_failing = retry_mono_ns_ != std::numeric_limits<int64_t>::min();
  return progress;
}

std::string GatewayCore::status_json(bool online, Instant now) const {
  const GatewayStats stats = this->stats();
  JsonWriter json;
  json.begin_object().field("state", online ? "online" : "offline").field("version", runtime::kVersion);
  json.field("tenant", config_.tenant).field("gateway", config_.gateway).field("epoch", hex16(recovery_.epoch));
  write_time(json, "time", now.wall_ns, stats.clock_set);
  write_time(json, "frontier", stats.frontier_ns, stats.clock_set && stats.frontier_ns != kUnknownStart);
  write_time(json, "mark", mark_ns(now), stats.clock_set);
  if (!config_.serves.empty()) {
    json.key("serves").begin_array();
    for (const std::string& pattern : config_.serves) json.value(pattern);
    json.end_array();
  }
  json.field("widest_window", widest_window_s(config_));
  json.field("series", stats.series).field("open_windows", stats.open_windows).field("disk_full", stats.disk_full);
  json.key("clock").begin_object().field("set", stats.clock_set).field("undated", stats.undated_readings).end_object();
  write_outbox(json, stats);
  json.key("counters").begin_object().field("accepted", stats.accepted_total).key("rejected").begin_object();
  for (const auto& [reason, count] : stats.rejected_total) json.field(reason, count);
  json.end_object().key("left_out").begin_object();
  for (const auto& [reason, count] : stats.left_out_total) json.field(reason, count);
  json.end_object().field("overflow_readings", stats.overflow_series_readings_total).field("acked", stats.acked_total);
  json.field("resent", stats.resent_total).field("checkpoints", stats.checkpoints_total);
  json.field("acks_ignored", acks_ignored_total_).field("counter_resets", stats.counter_resets_total).end_object();
  json.key("counter_resets").begin_array();
  for (const CounterReset& reset : stats.counter_resets) {
    json.begin_object().field("device", reset.device).field("metric", reset.metric);
    json.field("time", reading::format_timestamp(reset.time_ns)).field("from", reset.from).field("to", reset.to);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.take();
}

}  // namespace tributary::edge
