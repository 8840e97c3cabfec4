// SPDX-License-Identifier: Apache-2.0
// The sentences and the moments at which they are said: see recovery_watch.h.
#include "edge/run/recovery_watch.h"

#include <algorithm>

#include "common/reading/payload.h"

namespace tributary::edge {
namespace {

using runtime::format_amount;
using runtime::format_duration;
using runtime::Recovery;

// Longer than the longest pause between two sendings of the same, so that a lost ack is no outage.
constexpr int64_t kSilenceNs = 60 * kNanosPerSecond;
// A start that reaches the cloud sooner is no outage.
constexpr int64_t kStartNs = 10 * kNanosPerSecond;

double seconds_between(int64_t from_ns, int64_t to_ns) {
  return static_cast<double>(std::max<int64_t>(to_ns - from_ns, 0)) / 1e9;
}

}  // namespace

std::vector<std::string> recovery_kinds() {
  return {"restart", "crash", "damaged_outbox", "uplink_outage", "full_disk"};
}

std::optional<Recovery> recovery_of_start(const RecoveryReport& report, const std::string& state_dir, double seconds) {
  if (report.fresh) return std::nullopt;
  Recovery out;
  out.kind = report.moved_aside ? "damaged_outbox" : report.clean_stop ? "restart" : "crash";
  out.seconds = seconds;
  out.line = "outbox " + state_dir + ": ";
  if (report.moved_aside) {
    out.line += "the old one did not open and was moved to " + report.moved_to +
                (report.moved_why.empty() ? " by an earlier start" : " (" + report.moved_why + ")") +
                "; a new one begins";
  } else {
    out.line += std::string("taken up after a ") + (report.clean_stop ? "clean stop" : "crash") + " in " +
                format_duration(seconds) + ": " + format_amount(report.inherited_partials, "partial") + " waiting, " +
                std::to_string(report.checkpoint_windows) + " of them from open windows, " +
                format_amount(report.flight_items, "item") + " on the way";
    out.amounts = {{"waiting_partials", report.inherited_partials},
                   {"open_windows", report.checkpoint_windows},
                   {"flight_items", report.flight_items}};
  }
  if (report.gap) {
    const std::string to = reading::format_timestamp(report.gap->to_ns);
    out.line +=
        "; readings may be missing " +
        (report.moved_aside ? "up to " + to : "from " + reading::format_timestamp(report.gap->from_ns) + " to " + to) +
        ", which every answer says";
    if (!report.moved_aside) {
      out.amounts.emplace_back("gap_seconds",
                               static_cast<uint64_t>(seconds_between(report.gap->from_ns, report.gap->to_ns) + 0.5));
    }
  }
  return out;
}

std::optional<Recovery> UplinkWatch::look(bool connected, const GatewayProgress& progress, Instant now) {
  if (!known_) {
    known_ = true;
    acked_before_ = progress.acked_total;
    resent_before_ = progress.resent_total;
    coarsened_before_ = progress.coarsened_total;
  }
  const bool acked = progress.acked_total != acked_before_;
  acked_before_ = progress.acked_total;
  if (acked || progress.flight_items == 0) settled_ns_ = now.mono_ns;
  const bool nothing_left = progress.flight_items == 0 && progress.waiting_partials == 0;

  if (state_ == State::kWell) {
    const bool silence = now.mono_ns - settled_ns_ >= kSilenceNs;
    if (connected && !silence) {
      resent_before_ = progress.resent_total;
      coarsened_before_ = progress.coarsened_total;
      return std::nullopt;
    }
    state_ = State::kAway;
    silent_ = connected;
    since_ns_ = connected ? settled_ns_ : now.mono_ns;
    return std::nullopt;
  }
  if (!connected) {
    // Lost again before all was sent: it is the same outage.
    state_ = State::kAway;
    silent_ = false;
    return std::nullopt;
  }
  if (state_ == State::kAway) {
    if (!acked && !nothing_left) return std::nullopt;
    state_ = State::kDraining;
    returned_ns_ = now.mono_ns;
    waited_ = progress.waiting_partials + progress.flight_items;
    acked_at_return_ = progress.acked_total;
  }
  const uint64_t merged = progress.coarsened_total - coarsened_before_;
  if (!nothing_left && progress.acked_total - acked_at_return_ + merged < waited_) return std::nullopt;
  return finish(progress, now);
}

std::optional<Recovery> UplinkWatch::finish(const GatewayProgress& progress, Instant now) {
  state_ = State::kWell;
  Recovery out;
  out.kind = "uplink_outage";
  out.seconds = seconds_between(since_ns_, returned_ns_);
  const uint64_t resent = progress.resent_total - resent_before_;
  const uint64_t merged = progress.coarsened_total - coarsened_before_;
  out.amounts = {{"waited_partials", waited_}, {"resent_items", resent}, {"coarsened_windows", merged}};
  out.line = std::string("uplink: back after ") + format_duration(out.seconds) +
             (silent_ ? " without acknowledgements; " : " without the broker; ");
  if (waited_ > 0) {
    out.line += format_amount(waited_, "partial") + " had waited, as many acknowledged within " +
                format_duration(seconds_between(returned_ns_, now.mono_ns));
  } else {
    out.line += "nothing waits";
  }
  out.line += ", " + format_amount(resent, "item") + " sent more than once";
  if (merged > 0) out.line += ", " + format_amount(merged, "window") + " merged into wider ones to save room";
  const bool told = !starting_ || returned_ns_ - since_ns_ >= kStartNs;
  starting_ = false;
  resent_before_ = progress.resent_total;
  coarsened_before_ = progress.coarsened_total;
  if (!told) return std::nullopt;
  return out;
}

std::optional<Recovery> DiskWatch::look(const GatewayProgress& progress, const std::string& why, Instant now) {
  if (progress.write_failing) {
    if (!failing_) {
      failing_ = true;
      since_ns_ = now.mono_ns;
      coarsened_before_ = progress.coarsened_total;
      held_max_ = 0;
    }
    if (!why.empty()) why_ = why;
    held_max_ = std::max(held_max_, progress.uncommitted_readings);
    return std::nullopt;
  }
  if (!failing_) return std::nullopt;
  failing_ = false;
  Recovery out;
  out.kind = "full_disk";
  out.seconds = seconds_between(since_ns_, now.mono_ns);
  const uint64_t merged = progress.coarsened_total - coarsened_before_;
  out.amounts = {{"held_readings", held_max_}, {"coarsened_windows", merged}};
  out.line = "outbox: written again after " + format_duration(out.seconds) + " (" + why_ + "); " +
             format_amount(held_max_, "reading") + " were held in memory and are safe now";
  if (merged > 0) out.line += ", " + format_amount(merged, "window") + " merged into wider ones meanwhile";
  return out;
}

}  // namespace tributary::edge
