// SPDX-License-Identifier: Apache-2.0
// The main loop and its end.
#include "edge/run/loop.h"

#include <algorithm>

#include "common/reading/payload.h"
#include "common/runtime/program.h"

namespace tributary::edge {
namespace {

constexpr int64_t kMilli = 1'000'000;
// How often the gateway looks at its windows and timers: with something open or under way, and with nothing.
constexpr int64_t kBusyTickNs = 100 * kMilli;
constexpr int64_t kIdleTickNs = 1000 * kMilli;
constexpr int64_t kClockNs = 1000 * kMilli;
constexpr int64_t kRecentNs = 1000 * kMilli;
constexpr int64_t kFarewellNs = 20 * kMilli;

}  // namespace

Loop::Loop(Gateway& gateway, Uplink& uplink, std::vector<std::unique_ptr<Source>>& sources, runtime::EventLoop& events,
           runtime::Wakeup& wakeup, runtime::Recoveries& recoveries, std::function<bool()> synchronised)
    : gateway_(gateway),
      uplink_(uplink),
      sources_(sources),
      events_(events),
      wakeup_(wakeup),
      timer_(events),
      recoveries_(recoveries),
      uplink_watch_(runtime::now()),
      synchronised_(std::move(synchronised)),
      clock_set_(gateway.clock_set()) {
  wakeup_.on_wake([this] { turn(); });
}

std::vector<std::string> describe_boots(const RecoveryReport& report) {
  std::vector<std::string> lines = {"clock: set"};
  for (const UndatedBoot& boot : report.boots) {
    lines.push_back("clock: " + std::to_string(boot.readings) + " readings without a date, up to " +
                    reading::format_timestamp(boot.base_ns + boot.last_mono_ns) +
                    (boot.estimated ? ", of a boot whose clock never was set: time estimated" : ", dated"));
  }
  return lines;
}

void Loop::run() {
  uplink_.start();
  for (const auto& source : sources_) source->start();
  wakeup_.wake();
  events_.run();
}

void Loop::turn() {
  const Instant now = runtime::now();
  if (drain(now) > 0) {
    last_message_ns_ = now.mono_ns;
    tick_due_ns_ = std::min(tick_due_ns_, now.mono_ns + kBusyTickNs);
  }
  if (!clock_set_ && synchronised_ && now.mono_ns >= clock_due_ns_) {
    clock_due_ns_ = now.mono_ns + kClockNs;
    if (synchronised_()) gateway_.on_clock_synchronised();
  }
  if (now.mono_ns >= tick_due_ns_) tick(now);
  uplink_.pump(gateway_, now);
  watch(now);
  const int64_t due_ns = next_due_ns();
  if (due_ns == timer_due_ns_) return;  // most turns change nothing of when the next one is due
  timer_due_ns_ = due_ns;
  timer_.start(due_ns - runtime::now().mono_ns, [this] {
    timer_due_ns_ = 0;
    turn();
  });
}

size_t Loop::drain(Instant now) {
  size_t count = 0;
  for (const auto& source : sources_) count += source->drain(gateway_, now);
  return count;
}

void Loop::tick(Instant now) {
  const Status status = gateway_.tick(now);
  if (!status.ok() && status.error().message != last_failure_) {
    if (last_failure_.empty()) uplink_.status_changed();
    last_failure_ = status.error().message;
    runtime::log_error("outbox: " + last_failure_ +
                       "; trying again, readings since the last checkpoint are in memory only");
  }
  if (!clock_set_ && gateway_.clock_set()) {
    clock_set_ = true;
    uplink_.status_changed();
    for (const std::string& line : describe_boots(gateway_.recovery())) runtime::log_info(line);
  }
  tick_due_ns_ = now.mono_ns + kBusyTickNs;
  if (now.mono_ns - last_message_ns_ < kRecentNs) return;
  const GatewayProgress progress = gateway_.progress();
  if (progress.waiting_partials == 0 && progress.flight_items == 0 && !progress.write_failing &&
      gateway_.stats().open_windows == 0)
    tick_due_ns_ = now.mono_ns + kIdleTickNs;
}

void Loop::watch(Instant now) {
  const GatewayProgress progress = gateway_.progress();
  if (const auto back = uplink_watch_.look(uplink_.ready(), progress, now)) recoveries_.note(*back);
  if (const auto written = disk_watch_.look(progress, last_failure_, now)) {
    recoveries_.note(*written);
    last_failure_.clear();
    uplink_.status_changed();
  }
}

int64_t Loop::next_due_ns() const {
  int64_t due_ns = std::min(tick_due_ns_, uplink_.due_ns());
  for (const auto& source : sources_) due_ns = std::min(due_ns, source->due_ns());
  return due_ns;
}

void Loop::farewell(int64_t end_ns) {
  const Instant now = runtime::now();
  if (now.mono_ns >= end_ns || !uplink_.ready() || gateway_.stats().flight_items == 0) return events_.stop();
  uplink_.pump(gateway_, now);
  timer_.start(kFarewellNs, [this, end_ns] { farewell(end_ns); });
}

Status Loop::finish(int send_ms) {
  const int64_t deaf_since_ns = runtime::now().wall_ns;
  for (const auto& source : sources_) source->stop();
  Instant now = runtime::now();
  drain(now);
  (void)gateway_.tick(now).ok();  // close() writes the same again, and says whether that worked
  wakeup_.on_wake(nullptr);
  farewell(now.mono_ns + send_ms * kMilli);
  events_.run();
  now = runtime::now();
  const std::string offline = gateway_.status_json(false, now);
  // What is sent to a gateway that does not listen any more belongs to the gap that the next start reports.
  Status closed = gateway_.close({deaf_since_ns, now.mono_ns});
  uplink_.stop(offline, 500);
  return closed;
}

}  // namespace tributary::edge
