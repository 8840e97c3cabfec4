// SPDX-License-Identifier: Apache-2.0
// The answers against the oracle: every series, every row, completeness, and what must be named.
#include <algorithm>
#include <bit>
#include <memory>
#include <nlohmann/json.hpp>

#include "cloud/query/question/completeness.h"
#include "cloud/query/question/gateways.h"
#include "cloud/query/question/rows.h"
#include "common/reading/payload.h"
#include "tests/faults/disk_faults.h"
#include "tests/faults/world.h"

namespace tributary::faults {
namespace {

constexpr int64_t kSilentNs = 150 * kNanosPerSecond;

std::string time_text(int64_t time_ns) { return reading::format_timestamp(time_ns); }

}  // namespace

// All faults end; everything that is under way arrives.
void World::settle() {
  DiskFaults::clear();
  if (DiskFaults::killed()) drop_aggregator(0);
  DiskFaults::revive();
  for (auto& edge : edges_) {
    edge->disk_full_until_ns = 0;
    edge->kill_countdown = 0;
    edge->start_at_ns = mono_ns_;
  }
  for (size_t i = 0; i < sites_.size(); ++i) {
    for (int left = 200; left > 0 && is_undated(i); --left) {
      for (auto& edge : edges_) {
        if (edge->site == i && !edge->machine.clock_set) edge->machine.set_at_ns = 1;
      }
      advance(500);
      step();
    }
    require(!is_undated(i), "a clock is set, and readings stay without a date");
  }
  for (auto& edge : edges_) edge->machine.clock_offset_ns = 0;
  for (Site& site : sites_) {
    site.link = Link{};
    site.newer_until_ns = 0;
  }
  aggregator_full_until_ns_ = overload_until_ns_ = log_trouble_until_ns_ = 0;
  log_trouble_ = LogTrouble::kNone;
  aggregator_start_at_ns_ = broker_start_at_ns_ = mono_ns_;
  for (BridgeSim& bridge : bridges_) {
    bridge.die_before_ack = false;
    bridge.start_at_ns = mono_ns_;
    if (bridge.core) kill_bridge(bridge, 0);  // one with a small queue has a large one again
  }
  step();
  for (auto& edge : edges_) {
    if (edge->core) edge->core->on_connected(edge_now(*edge));
  }
  retry_requests(true);
  int quiet = 0;
  for (int i = 0; i < 6000 && quiet < 3; ++i) {
    advance(i < 400 ? 500 : 2000);
    step();
    bool busy = !up_.empty() || !down_.empty() || !held_.empty() || !writer_;
    for (auto& edge : edges_) {
      if (!edge->core) {
        busy = true;
        continue;
      }
      const edge::GatewayStats stats = edge->core->stats();
      busy = busy || stats.open_windows + stats.waiting_partials + stats.flight_items > 0;
    }
    quiet = busy ? 0 : quiet + 1;
  }
  require(quiet >= 3, "the system does not come to rest");
  for (int i = 0; i < 14; ++i) {
    advance(10'000);
    step();
  }
  // A gateway may have begun its last message's claim behind a resend.
  advance(500);
  step();
  probe(Depth::kFinal);
  check_replica();
}

bool World::named(const Reading& reading, const query::Completeness& answer) const {
  const std::string name = reading.gateway >= 0 ? sites_[static_cast<size_t>(reading.gateway)].name : "";
  const Site* site = reading.gateway >= 0 ? &sites_[static_cast<size_t>(reading.gateway)] : nullptr;
  const bool stepped = site != nullptr && site->stepped;
  const auto gap = [&](const char* cause, bool bounds) {
    return std::any_of(answer.gaps.begin(), answer.gaps.end(), [&](const query::GapNote& note) {
      return note.gateway == name && note.cause == cause &&
             (!bounds || (note.from_ns <= reading.arrival_ns && reading.arrival_ns <= note.to_ns));
    });
  };
  const uint32_t excuses = reading.excuses;
  if ((excuses & (kExcuseNoAnswer | kExcuseUnknown)) != 0) return true;
  // What would have said so is itself missing, and that is named.
  if (site != nullptr && site->log_gap && excuses != 0 && !answer.log_gaps.empty()) return true;
  if (site != nullptr && site->words_refused && excuses != 0 && !answer.rejected.empty()) return true;
  if ((excuses & kExcuseCrash) != 0 && (gap("crash", !stepped) || gap("stopped", !stepped))) return true;
  // Of runs without a clock, after the outbox was moved aside, one gap tells of both.
  if ((excuses & kExcuseCrash) != 0 && reading.mono_ns > 0 && gap("outbox_replaced", !stepped)) return true;
  const bool copied = gap("restored", false) || gap("cloned", false);
  if ((excuses & kExcuseCrash) != 0 && site->parking_since && copied) return true;
  if ((excuses & kExcuseReplaced) != 0) {
    if (copied) return true;
    // The newest commit's own page was damaged, and all numbers had been given before it: a crash earlier than it was.
    if (gap("crash", true) || gap("stopped", true)) return true;
    // Until its gap has come, the new outbox is as one that was lost.
    if (gap("outbox_replaced", false) || gap("wiped", false)) return true;
    const bool lost = std::any_of(answer.lost.begin(), answer.lost.end(), [&](const query::LostNote& note) {
      return note.gateway == name && note.cause == "gateway";
    });
    if (lost) return true;
  }
  if ((excuses & kExcuseParked) != 0 && answer.parked > 0) {
    // It must be there, where it can be looked at and replayed.
    if (!clocks() || (parked_[reading.series] >> reading.bit & 1) != 0) return true;
  }
  if ((excuses & kExcuseRejected) != 0 && !answer.rejected.empty()) return true;
  // Of two machines with one name the cloud knows the status that came last; each must have counted it.
  if ((excuses & kExcuseRejected) != 0 && clocks() && site != nullptr && site->cloned) {
    const bool counted = std::any_of(edges_.begin(), edges_.end(), [&](const auto& edge) {
      return &sites_[edge->site] == site && edge->core && !edge->core->stats().rejected_total.empty();
    });
    if (counted) return true;
  }
  if ((excuses & kExcuseLogGap) != 0 && !answer.log_gaps.empty()) return true;
  return (excuses & kExcuseWiped) != 0 && gap("wiped", false);
}

void World::probe(Depth depth) {
  const bool final = depth == Depth::kFinal;
  if (!writer_ || !query_) {
    require(!final, "the aggregator is not there at the end");
    return;
  }
  if (clocks()) {
    look_at_parked();
    resolve_places();
  }
  std::vector<Mask> masks(oracle_.series().size());
  for (uint32_t i = 0; i < masks.size(); ++i) {
    const OracleSeries& series = oracle_.series()[i];
    auto summary = query_->ask(query::AskSummary{{series.tenant, series.name.metric, {series.name.device}, {}}, {}});
    if (!summary) fail("no summary: " + summary.error().message);
    masks[i] = oracle_.check(i, *summary, "all time");
    for (const uint32_t index : oracle_.readings_in(i, masks[i])) {
      const Reading& reading = oracle_.readings()[index];
      if (reading.refused) fail(oracle_.describe(reading) + " was refused, and counts");
    }
  }
  for (const std::string& tenant : tenants_) {
    auto listed = query_->ask(query::AskGateways{tenant, wall_ns()});
    if (!listed) fail(listed.error().message);
    std::map<std::string, query::GatewayInfo> gateways;
    for (query::GatewayInfo& info : *listed) {
      if (!site_of(tenant, info.gateway)) fail(tenant + " sees a gateway that is not its own: " + info.gateway);
      // Nobody can have accepted, or be complete, beyond the present.
      if (info.frontier_ns > wall_ns() || info.mark_ns > wall_ns()) {
        fail(info.gateway + " is said to be complete up to " + time_text(info.frontier_ns) + " as of " +
             time_text(info.mark_ns) + "; it is " + time_text(wall_ns()));
      }
      gateways[info.gateway] = std::move(info);
    }
    for (const char* metric : {"temperature", "power"}) {
      if (depth == Depth::kClaims) break;
      for (const WidthS step : {WidthS{0}, WidthS{60}, WidthS{3600}}) {
        if (final || random_.chance(40)) check_rows(tenant, metric, step, masks);
      }
      check_fleet(tenant, metric, masks);
      check_completeness(tenant, metric, {}, masks, gateways);
      const int64_t to_ns = wall_ns() - static_cast<int64_t>(random_.below(7200)) * kNanosPerSecond;
      check_completeness(tenant, metric, {std::nullopt, to_ns}, masks, gateways);
      check_completeness(tenant, metric, {to_ns - 3600 * kNanosPerSecond, to_ns}, masks, gateways);
    }
    if (final) check_no_false_alarm(gateways);
    const auto everything = query_->ask(query::AskCompleteness{{tenant, "", {}, {}}, {}, wall_ns()});
    if (!everything) fail(everything.error().message);
    for (const Reading& reading : oracle_.readings()) {
      const OracleSeries& series = oracle_.series()[reading.series];
      if (series.tenant != tenant || reading.refused) continue;
      if ((masks[reading.series] >> reading.bit & 1) != 0) continue;
      if (final) ++figures_.missing;
      if (final && reading.excuses == 0) fail(oracle_.describe(reading) + " is missing");
      if (final && !named(reading, *everything)) fail(oracle_.describe(reading) + " is missing, and nothing says so");
      if (reading.gateway == kOverHttp) continue;
      const Site& site = sites_[static_cast<size_t>(reading.gateway)];
      // Born after the identity was in doubt: such partials merge.
      if (final && !site.cloned && site.parking_since && reading.excuses == kExcuseParked && reading.logged_born &&
          !site.log_gap && &reading - oracle_.readings().data() >= static_cast<int64_t>(*site.parking_since)) {
        fail(oracle_.describe(reading) + " was born under a sound identity, and is missing");
      }
      const auto info = gateways.find(site.name);
      if (info == gateways.end() || !claims_hold(site)) continue;
      // What was never accepted is not promised; the gap that tells of it comes behind the opening.
      if (reading.durable && arrival_ns(reading) < info->second.mark_ns &&
          latest_ns(reading) < info->second.frontier_ns && !named(reading, *everything)) {
        fail(oracle_.describe(reading) + " is missing, though its gateway is said to be complete up to " +
             time_text(info->second.frontier_ns) + " as of " + time_text(info->second.mark_ns));
      }
    }
    if (!final) continue;
    for (const auto& [name, info] : gateways) {
      const Site& site = sites_[*site_of(tenant, name)];
      if (site.cloned || site.log_gap) continue;
      if (info.frontier_ns < wall_ns() - 75 * kNanosPerSecond || info.state != "online") {
        fail(name + " is " + info.state + " at the end, complete up to " + time_text(info.frontier_ns) + "; it is " +
             time_text(wall_ns()));
      }
    }
  }
}

// Rows of a step: each reading stands in exactly one, which holds its time.
void World::check_rows(const std::string& tenant, const std::string& metric, WidthS step_s,
                       const std::vector<Mask>& masks) {
  std::vector<Mask> seen(masks.size());
  const std::string where = "rows of " + std::to_string(step_s) + " s";
  const Status done =
      query_->ask(query::AskSeries{{tenant, metric, {}, {}}, {}, step_s, "device", 1'000'000},
                  [&](const std::string& device, const query::Row& row, const stats::Summary& summary) {
                    Series name;
                    name.device = device;
                    name.metric = metric;
                    const auto series = oracle_.find(tenant, name.id());
                    if (!series) fail(where + ": a device that nobody measured: " + device);
                    const Mask mask = oracle_.check(*series, summary, where);
                    if ((seen[*series] & mask) != 0) fail(where + ": a reading of " + device + " stands in two rows");
                    seen[*series] |= mask;
                    for (const uint32_t index : oracle_.readings_in(*series, mask)) {
                      const Reading& reading = oracle_.readings()[index];
                      if (window_start_s(to_seconds_floor(reading.time_ns), row.width_s) != row.start_s) {
                        fail(where + ": " + oracle_.describe(reading) + " stands in the row that starts at " +
                             std::to_string(row.start_s) + ", width " + std::to_string(row.width_s));
                      }
                      const bool coarse = reading.gateway >= 0 && sites_[static_cast<size_t>(reading.gateway)].coarse;
                      const WidthS finest = reading.gateway == kOverHttp ? 10 : schedule_.base_width_s;
                      const WidthS expected = step_s == 0 ? finest : std::max(step_s, finest);
                      if (!coarse && row.width_s != expected && row.width_s != std::max(step_s, WidthS{10})) {
                        fail(where + ": " + oracle_.describe(reading) + " stands in a row of " +
                             std::to_string(row.width_s) + " s");
                      }
                    }
                  });
  if (!done) {
    // Base widths of several gateways need not divide one another.
    if (step_s != 0) fail(where + ": " + done.error().message);
    return;
  }
  for (uint32_t i = 0; i < masks.size(); ++i) {
    const OracleSeries& series = oracle_.series()[i];
    if (series.tenant != tenant || series.name.metric != metric || seen[i] == masks[i]) continue;
    fail(where + ", " + tenant + "/" + series.name.device + "/" + metric + ": " +
         std::to_string(std::popcount(seen[i])) + " readings, of all time " + std::to_string(std::popcount(masks[i])));
  }
}

void World::check_fleet(const std::string& tenant, const std::string& metric, const std::vector<Mask>& masks) {
  auto summary = query_->ask(query::AskSummary{{tenant, metric, {}, {}}, {}});
  if (!summary) fail(summary.error().message);
  auto dumb = std::make_unique<stats::Summary>();
  for (uint32_t i = 0; i < masks.size(); ++i) {
    if (oracle_.series()[i].tenant != tenant || oracle_.series()[i].name.metric != metric) continue;
    for (const uint32_t index : oracle_.readings_in(i, masks[i])) {
      dumb->add(oracle_.readings()[index].time_ns, oracle_.readings()[index].value);
    }
  }
  if (encoded(*dumb) != encoded(*summary)) fail("the fleet row of " + metric + " differs from the sum of its devices");
}

void World::check_completeness(const std::string& tenant, const std::string& metric, const query::Range& range,
                               const std::vector<Mask>& masks,
                               const std::map<std::string, query::GatewayInfo>& gateways) {
  const auto answer = query_->ask(query::AskCompleteness{{tenant, metric, {}, {}}, range, wall_ns()});
  if (!answer) fail(answer.error().message);
  require(answer->share.has_value() == (answer->expected > 0), "a share of nobody");
  require(answer->share.value_or(1) >= 0 && answer->share.value_or(1) <= 1, "a share beyond 1");
  const query::Range judged = answer->answered.value_or(range);
  for (const query::Behind& behind : answer->behind) {
    const auto info = gateways.find(behind.gateway);
    require(info != gateways.end(), "an unknown gateway is behind");
    check_behind(tenant, behind, info->second);
    if (judged.to_ns) require(behind.frontier_ns < *judged.to_ns, "a gateway is behind that is not");
  }
  if (answer->share == 1) require(answer->behind.empty(), "a share of 1, and somebody is behind");
  if (answer->share && *answer->share < 1) require(!answer->behind.empty(), "a share below 1, and no reason is named");
  const int64_t end_ns = judged.to_ns ? *judged.to_ns : answer->to_ns;
  check_complete(tenant, metric, *answer, judged, masks, gateways);
  check_estimated(*answer, tenant, metric, range, masks);
  // Who has merged nothing for the selection yet is not expected: nobody can know that it will.
  std::set<int> contributing;
  for (const Reading& reading : oracle_.readings()) {
    const OracleSeries& series = oracle_.series()[reading.series];
    if (series.tenant == tenant && series.name.metric == metric && (masks[reading.series] >> reading.bit & 1) != 0) {
      contributing.insert(reading.gateway);
    }
  }
  for (const Reading& reading : oracle_.readings()) {
    const OracleSeries& series = oracle_.series()[reading.series];
    if (series.tenant != tenant || series.name.metric != metric || reading.gateway == kOverHttp) continue;
    if (reading.refused || latest_ns(reading) >= end_ns) continue;
    // A row belongs to a range if its start does.
    if (judged.from_ns && earliest_ns(reading) < *judged.from_ns) continue;
    const Site& site = sites_[static_cast<size_t>(reading.gateway)];
    const auto info = gateways.find(site.name);
    if (!claims_hold(site) || info == gateways.end()) continue;
    const bool in = (masks[reading.series] >> reading.bit & 1) != 0;
    const bool behind = std::any_of(answer->behind.begin(), answer->behind.end(),
                                    [&](const query::Behind& entry) { return entry.gateway == site.name; });
    if (in) {
      // It contributes, so it is expected.
      if (range.to_ns && info->second.frontier_ns < end_ns) {
        require(behind, "a gateway whose frontier has not passed the end is not named");
      }
      continue;
    }
    if (answer->share.value_or(1) < 1 || !reading.durable || arrival_ns(reading) >= info->second.mark_ns) continue;
    if (info->second.frontier_ns < end_ns || !contributing.contains(reading.gateway)) continue;
    if (named(reading, *answer)) continue;
    // A gap has bounds of arrival. What a copy of the outbox brought back had accepted after it was made, and had dated
    // earlier, is named by a gap that such a range does not touch.
    if (site.parking_since && (reading.excuses & kExcuseCrash) != 0) {
      const auto everything = query_->ask(query::AskCompleteness{{tenant, "", {}, {}}, {}, wall_ns()});
      if (everything && named(reading, *everything)) continue;
    }
    fail("share 1 hides " + oracle_.describe(reading) + " in a range to " + time_text(end_ns));
  }
}

// Complete: whoever accepted it, and whether or not the answering side ever saw it for this selection, what was
// accepted is there or named. Not complete: a reason stands in the answer.
void World::check_complete(const std::string& tenant, const std::string& metric, const query::Completeness& answer,
                           const query::Range& judged, const std::vector<Mask>& masks,
                           const std::map<std::string, query::GatewayInfo>& gateways) {
  require(answer.as_of_ns <= wall_ns(), "an answer as of a moment to come");
  if (!answer.complete) {
    int64_t first_ns = wall_ns();
    for (const auto& [name, info] : gateways) first_ns = std::min(first_ns, info.first_seen_ns);
    const bool known = judged.from_ns && judged.to_ns && *judged.from_ns >= first_ns;
    const bool reason = answer.as_of_ns < judged.to_ns.value_or(0) || !answer.behind.empty() ||
                        answer.possible.count > 0 || !answer.straddling.empty() || !answer.gaps.empty() ||
                        !answer.lost.empty() || answer.parked > 0 || !answer.log_gaps.empty();
    if (known && !reason)
      fail("an answer up to " + time_text(*judged.to_ns) + " is not complete, and does not say why");
    return;
  }
  ++figures_.complete;
  require(judged.from_ns && judged.to_ns, "an open range is complete");
  int64_t heard_ns = wall_ns();
  for (const log::StoredRecord& stored : records_) {
    if (stored.record.tenant == tenant) heard_ns = std::min(heard_ns, stored.record.append_ns);
  }
  require(*judged.from_ns >= heard_ns, "a range before anybody was heard of is complete");
  for (const Reading& reading : oracle_.readings()) {
    const OracleSeries& series = oracle_.series()[reading.series];
    if (series.tenant != tenant || series.name.metric != metric || reading.refused || !reading.durable) continue;
    if ((masks[reading.series] >> reading.bit & 1) != 0) continue;
    if (earliest_ns(reading) < *judged.from_ns || latest_ns(reading) >= *judged.to_ns) continue;
    const std::string why =
        "complete hides " + oracle_.describe(reading) + " in a range to " + time_text(*judged.to_ns);
    if (reading.gateway == kOverHttp) {
      // It was in the log when the request was answered.
      if (reading.answered_ns < answer.as_of_ns && !named(reading, answer)) fail(why);
      continue;
    }
    const Site& site = sites_[static_cast<size_t>(reading.gateway)];
    const auto info = gateways.find(site.name);
    if (!claims_hold(site) || info == gateways.end() || arrival_ns(reading) >= info->second.mark_ns) continue;
    // Of a gateway that never contributed, what was rejected is told of the gateway.
    if ((reading.excuses & kExcuseRejected) != 0 && !info->second.rejected.empty()) continue;
    if (named(reading, answer)) continue;
    if (site.parking_since && (reading.excuses & kExcuseCrash) != 0) continue;  // see check_completeness
    fail(why);
  }
}

// Whose time is an estimate is said; what is not, is not.
void World::check_estimated(const query::Completeness& answer, const std::string& tenant, const std::string& metric,
                            const query::Range& range, const std::vector<Mask>& masks) {
  std::set<std::string> expected;
  for (const Reading& reading : oracle_.readings()) {
    const bool any =
        std::any_of(reading.places.begin(), reading.places.end(), [](const Place& place) { return place.estimated; });
    if (!reading.estimated && !any) continue;
    const std::string& name = sites_[static_cast<size_t>(reading.gateway)].name;
    expected.insert(name);
    if (!reading.estimated) continue;
    const OracleSeries& series = oracle_.series()[reading.series];
    if (series.tenant != tenant || series.name.metric != metric) continue;
    if ((masks[reading.series] >> reading.bit & 1) == 0) continue;
    if (range.from_ns && reading.time_ns < *range.from_ns) continue;
    if (range.to_ns && reading.time_ns >= *range.to_ns) continue;
    const bool said = std::any_of(answer.estimated.begin(), answer.estimated.end(), [&](const auto& note) {
      return note.gateway == name && note.from_ns <= reading.time_ns && reading.time_ns < note.to_ns;
    });
    if (!said) fail(oracle_.describe(reading) + " has an estimated time, and nothing says so");
  }
  for (const query::EstimatedNote& note : answer.estimated) {
    if (!expected.contains(note.gateway)) fail(note.gateway + " is said to have estimated times, and has none");
    if (!clocks()) continue;
    const auto site = site_of(tenant, note.gateway);
    const bool real = std::any_of(oracle_.readings().begin(), oracle_.readings().end(), [&](const Reading& reading) {
      if (reading.gateway != static_cast<int>(*site) || (masks[reading.series] >> reading.bit & 1) == 0) return false;
      return std::any_of(reading.places.begin(), reading.places.end(), [&](const Place& place) {
        return place.estimated && note.from_ns <= place.time_ns && place.time_ns < note.to_ns;
      });
    });
    if (!real) {
      fail(note.gateway + " is said to have estimated times from " + time_text(note.from_ns) + " to " +
           time_text(note.to_ns) + ", and none of them counts");
    }
  }
}

// The state that is named for a gateway that is behind is the real one.
void World::check_behind(const std::string& tenant, const query::Behind& behind, const query::GatewayInfo& info) {
  int64_t last_seen_ns = 0, status_ns = 0;
  bool offline = false;
  for (uint64_t at = 0; at < writer_->position(); ++at) {
    const log::Record& record = records_.at(at).record;
    if (record.tenant != tenant || record.gateway != behind.gateway) continue;
    if (record.kind == log::RecordKind::kMessage || record.kind == log::RecordKind::kRejected) {
      last_seen_ns = std::max(last_seen_ns, record.append_ns);
    }
    if (record.kind != log::RecordKind::kStatus) continue;
    status_ns = record.append_ns;
    const auto json = nlohmann::json::parse(record.payload, nullptr, false);
    offline = json.is_object() && json.value("state", "") == "offline";
  }
  require(behind.frontier_ns == info.frontier_ns && behind.mark_ns == info.mark_ns, "two answers about one gateway");
  if (!state_is_whole_) return;
  require(behind.last_seen_ns == last_seen_ns, "last seen is wrong");
  const std::string expected = offline && last_seen_ns <= status_ns + 10 * kNanosPerSecond ? "offline"
                               : wall_ns() - last_seen_ns > kSilentNs                      ? "silent"
                                                                                           : "late";
  if (behind.state != expected) {
    fail(behind.gateway + " is behind because it is " + behind.state + "; it is " + expected);
  }
}

// What did not happen is not reported.
void World::check_no_false_alarm(const std::map<std::string, query::GatewayInfo>& gateways) {
  if (identity_trouble_ || !state_is_whole_) return;
  for (const auto& [name, info] : gateways) {
    if (!info.alarms.empty()) fail(name + " has an alarm without a reason: " + info.alarms.front());
    if (info.parked > 0) fail(name + " has partials parked without a reason");
    if (!info.lost.empty()) fail(name + " has losses without a reason: cause " + info.lost.front().cause);
  }
}

// The state is a function of the log: a replica that reads it in other batches has the same digest.
void World::check_replica() {
  if (!state_is_whole_) return;
  merge::WriterConfig config;
  config.path = folder("replica");
  config.sync = false;
  for (int64_t& retention : config.retention_s) retention = 300LL * 365 * 86400;
  auto replica = merge::StateWriter::open(config);
  if (!replica) fail(replica.error().message);
  if (!(*replica)->adopt_log(writer_->state().log_id())) fail("the replica does not take the log");
  for (size_t at = 0; at < records_.size();) {
    const size_t count = std::min<size_t>(1 + random_.below(200), records_.size() - at);
    const std::vector<log::StoredRecord> batch(records_.begin() + static_cast<std::ptrdiff_t>(at),
                                               records_.begin() + static_cast<std::ptrdiff_t>(at + count));
    if (Status merged = (*replica)->merge(batch); !merged) fail("the replica: " + merged.error().message);
    at += count;
  }
  require((*replica)->state().digest() == writer_->state().digest(), "a replica's writer differs");
}

}  // namespace tributary::faults
