// SPDX-License-Identifier: Apache-2.0
// The sentences and the moments at which they are said: see recovery_watch.h.
#include "cloud/bridge/recovery_watch.h"

#include <algorithm>

namespace tributary::bridge {
namespace {

using runtime::format_amount;
using runtime::format_duration;
using runtime::Recovery;

constexpr int64_t kStartNs = 10 * kNanosPerSecond;    // a start that finds the broker sooner is no outage
constexpr int64_t kOverloadNs = 5 * kNanosPerSecond;  // without a drop: the overload is over
constexpr const char* kFullDisk = "disk full";        // how the log begins such a trouble

double seconds_between(int64_t from_ns, int64_t to_ns) {
  return static_cast<double>(std::max<int64_t>(to_ns - from_ns, 0)) / 1e9;
}

std::string dropped(uint64_t count) {
  return count == 0 ? "none was dropped"
                    : format_amount(count, "message") + " dropped unacknowledged, which their gateways send again";
}

}  // namespace

std::vector<std::string> recovery_kinds() { return {"broker_outage", "log_outage", "full_disk", "overload"}; }

std::vector<Recovery> RecoveryWatch::look(const Seen& seen, Instant now) {
  std::vector<Recovery> out;
  look_at_broker(seen, now, out);
  look_at_log(seen, now, out);
  look_at_drops(seen, now, out);
  return out;
}

void RecoveryWatch::look_at_broker(const Seen& seen, Instant now, std::vector<Recovery>& out) {
  if (!seen.broker_connected) {
    if (!broker_away_) broker_since_ns_ = now.mono_ns;
    broker_away_ = true;
    return;
  }
  if (!broker_away_) return;
  broker_away_ = false;
  const bool told = !starting_ || now.mono_ns - broker_since_ns_ >= kStartNs;
  starting_ = false;
  if (!told) return;
  Recovery back;
  back.kind = "broker_outage";
  back.seconds = seconds_between(broker_since_ns_, now.mono_ns);
  back.amounts = {{"acks_waiting", seen.acks_waiting}};
  back.line = "broker: back after " + format_duration(back.seconds) + "; " + format_amount(seen.acks_waiting, "ack") +
              " had waited, and what gateways sent meanwhile comes again";
  out.push_back(std::move(back));
}

void RecoveryWatch::look_at_log(const Seen& seen, Instant now, std::vector<Recovery>& out) {
  if (!seen.log_trouble.empty()) {
    if (!log_away_) {
      log_away_ = true;
      log_since_ns_ = now.mono_ns;
      log_waiting_max_ = 0;
      log_dropped_before_ = dropped_seen_;
    }
    log_why_ = seen.log_trouble;
    log_waiting_max_ = std::max(log_waiting_max_, seen.waiting_messages);
    return;
  }
  if (!log_away_) return;
  log_away_ = false;
  const uint64_t lost = seen.dropped_total - log_dropped_before_;
  Recovery back;
  back.kind = log_why_.starts_with(kFullDisk) ? "full_disk" : "log_outage";
  back.seconds = seconds_between(log_since_ns_, now.mono_ns);
  back.amounts = {{"waited_messages", log_waiting_max_}, {"dropped_messages", lost}};
  back.line = "log: written again after " + format_duration(back.seconds) + " (" + log_why_ + "); " +
              format_amount(log_waiting_max_, "message") + " had waited, " + dropped(lost);
  dropped_seen_ = seen.dropped_total;
  out.push_back(std::move(back));
}

// Of drops while the log is away the log's recovery tells.
void RecoveryWatch::look_at_drops(const Seen& seen, Instant now, std::vector<Recovery>& out) {
  const uint64_t fresh = seen.dropped_total - dropped_seen_;
  if (log_away_) return;
  dropped_seen_ = seen.dropped_total;
  if (fresh > 0) {
    if (!overloaded_) {
      overloaded_ = true;
      overload_since_ns_ = now.mono_ns;
      overload_dropped_ = 0;
    }
    overload_dropped_ += fresh;
    last_drop_ns_ = now.mono_ns;
    return;
  }
  if (!overloaded_ || now.mono_ns - last_drop_ns_ < kOverloadNs) return;
  overloaded_ = false;
  Recovery over;
  over.kind = "overload";
  over.seconds = seconds_between(overload_since_ns_, last_drop_ns_);
  over.amounts = {{"dropped_messages", overload_dropped_}};
  over.line = "overload: over after " + format_duration(over.seconds) + "; " + dropped(overload_dropped_);
  out.push_back(std::move(over));
}

}  // namespace tributary::bridge
