// SPDX-License-Identifier: Apache-2.0
// What the gateway says about itself: figures for /metrics and the JSON of the status topic (edge/STATUS.md).
#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "common/reading/payload.h"
#include "edge/gateway/gateway_core.h"

#ifndef TRIBUTARY_VERSION
#define TRIBUTARY_VERSION "0.1.0"
#endif

namespace tributary::edge {
namespace {

// Builds one JSON object. Keys and texts are the program's own or labels of rejections: quotes, backslashes and control
// characters in them are replaced, not escaped.
class JsonObject {
 public:
  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  ~JsonObject() { out_ += '}'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;
  void number(std::string_view key, uint64_t value) { name(key) += std::to_string(value); }
  void boolean(std::string_view key, bool value) { name(key) += value ? "true" : "false"; }
  void text(std::string_view key, std::string_view value) { quote(name(key), value); }
  // null where there is no such time.
  void time(std::string_view key, int64_t time_ns, bool known) {
    if (known) {
      text(key, reading::format_timestamp(time_ns));
    } else {
      name(key) += "null";
    }
  }
  std::string& name(std::string_view key) {
    if (!first_) out_ += ',';
    first_ = false;
    quote(out_, key);
    return out_ += ':';
  }

 private:
  static void quote(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) out += c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20 ? '_' : c;
    out += '"';
  }
  std::string& out_;
  bool first_ = true;
};

std::string hex(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, value);
  return text;
}

}  // namespace

GatewayStats GatewayCore::stats() const {
  GatewayStats stats;
  const Meta& meta = outbox_->meta();
  stats.accepted_total = meta.accepted_total + pending_accepted_;
  stats.rejected_total = {rejected_total_.begin(), rejected_total_.end()};
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
  std::string out;
  {
    JsonObject status(out);
    status.text("state", online ? "online" : "offline");
    status.text("version", TRIBUTARY_VERSION);
    status.text("tenant", config_.tenant);
    status.text("gateway", config_.gateway);
    status.text("epoch", hex(recovery_.epoch));
    status.time("time", now.wall_ns, stats.clock_set);
    status.time("frontier", stats.frontier_ns, stats.clock_set && stats.frontier_ns != kUnknownStart);
    status.time("mark", mark_ns(now), stats.clock_set);
    status.number("series", stats.series);
    status.number("open_windows", stats.open_windows);
    status.boolean("disk_full", stats.disk_full);
    status.name("clock");
    {
      JsonObject clock(out);
      clock.boolean("set", stats.clock_set);
      clock.number("undated", stats.undated_readings);
    }
    status.name("outbox");
    {
      JsonObject outbox(out);
      outbox.number("budget_bytes", stats.budget_bytes);
      outbox.number("used_bytes", stats.used_bytes);
      outbox.number("waiting", stats.waiting_partials);
      outbox.name("waiting_by_width");
      {
        JsonObject widths(out);
        for (const auto& [width_s, count] : stats.waiting_by_width) widths.number(std::to_string(width_s), count);
      }
      outbox.time("oldest_waiting", stats.oldest_waiting_ns,
                  stats.waiting_partials > 0 && stats.oldest_waiting_ns != kUnknownStart);
      outbox.number("flight", stats.flight_items);
      outbox.number("flight_bytes", stats.flight_bytes);
      outbox.number("coarsened", stats.coarsened_total);
    }
    status.name("counters");
    {
      JsonObject counters(out);
      counters.number("accepted", stats.accepted_total);
      counters.name("rejected");
      {
        JsonObject rejected(out);
        for (const auto& [reason, count] : stats.rejected_total) rejected.number(reason, count);
      }
      counters.number("overflow_readings", stats.overflow_series_readings_total);
      counters.number("acked", stats.acked_total);
      counters.number("resent", stats.resent_total);
      counters.number("checkpoints", stats.checkpoints_total);
      counters.number("acks_ignored", acks_ignored_total_);
    }
  }
  return out;
}

}  // namespace tributary::edge
