// SPDX-License-Identifier: Apache-2.0
// The profile clocks: outboxes with readings of boots without a clock are copied, restored, moved aside and killed on
// the way. Each copy of an outbox dates what it holds by its own machine, so one reading may have a place by each; the
// oracle knows them all, and looks where the reading counts.
#include <algorithm>
#include <filesystem>

#include "cloud/query/question/rows.h"
#include "cloud/state/records.h"
#include "cloud/state/snapshot.h"
#include "common/reading/payload.h"
#include "tests/faults/world.h"

namespace tributary::faults {
namespace {

constexpr int64_t kMaxFutureNs = 300 * kNanosPerSecond;

}  // namespace

// A run that starts with a clock dates what it finds at once: what that is, a copy tells, opened without one.
void World::look_before_start(Edge& edge) {
  const std::string file = edge.dir + "/outbox/data.mdb";
  if (mono_ns_ < edge.start_at_ns || !edge.machine.clock_set || edge.boots.readings.empty()) return;
  if (!std::filesystem::exists(file)) return;
  edge::GatewayConfig config = edge_config(edge);
  config.state_dir = folder("look");
  config.clock_synchronised = false;
  config.boot_id.fill(0xff);
  std::filesystem::create_directories(config.state_dir + "/outbox");
  std::filesystem::copy_file(file, config.state_dir + "/outbox/data.mdb");
  Random random(generations_);
  auto opened = edge::GatewayCore::open(
      config, [&] { return random.next(); }, edge_now(edge), nullptr);
  if (opened) expect_places(edge, (*opened)->recovery().boots, (*opened)->stats().last_durable_ns);
  opened = Error{};
  std::filesystem::remove_all(config.state_dir);
}

// Where the readings of boots without a clock will stand if they are dated now (edge/outbox/FORMAT.md): those of the
// present boot by the difference of its clocks, the others behind the last durable time, one boot behind the other;
// before the present boot where no such time is known or it cannot be true.
void World::expect_places(Edge& edge, const std::vector<edge::UndatedBoot>& boots, int64_t last_durable_ns) {
  const Instant now = edge_now(edge);
  const int64_t boot_ns = now.wall_ns - now.mono_ns;
  const edge::BootId present = boot_id(edge);
  int64_t behind_ns = last_durable_ns, length_ns = 0;
  for (const edge::UndatedBoot& boot : boots) {
    if (boot.placed) behind_ns = std::max(behind_ns, boot.base_ns + boot.last_mono_ns);
    if (!boot.placed && boot.boot_id != present) length_ns += boot.last_mono_ns;
  }
  if (behind_ns <= 0 || behind_ns > boot_ns - length_ns) behind_ns = boot_ns - length_ns;
  const auto expect = [&](const edge::BootId& boot, const Placing& placing) {
    edge.boots.expected[boot].insert(placing);
    // A time of its own that lies too far ahead is refused now.
    for (const uint32_t index : edge.boots.readings[boot]) {
      Reading& reading = oracle_.readings()[index];
      const int64_t latest_ns = placing.estimated ? now.wall_ns : placing.base_ns + reading.mono_ns;
      if (reading.own_time && reading.time_ns > latest_ns + kMaxFutureNs) reading.excuses |= kExcuseRejected;
    }
  };
  expect(present, {boot_ns, false});
  for (const edge::UndatedBoot& boot : boots) {
    if (boot.boot_id == present) continue;
    if (boot.placed) {
      expect(boot.boot_id, {boot.base_ns, boot.estimated});
      continue;
    }
    expect(boot.boot_id, {behind_ns, true});
    behind_ns += boot.last_mono_ns;
  }
}

// An edge says where it has placed boots, or has dated them and speaks of them no more.
void World::learn_places(Edge& edge) {
  std::set<edge::BootId> told;
  for (const edge::UndatedBoot& boot : edge.core->recovery().boots) {
    told.insert(boot.boot_id);
    int64_t durable_ns = 0, newest_ns = 0;
    for (const uint32_t index : edge.boots.readings[boot.boot_id]) {
      const Reading& reading = oracle_.readings()[index];
      newest_ns = std::max(newest_ns, reading.mono_ns);
      if (reading.durable && reading.excuses == 0) durable_ns = std::max(durable_ns, reading.mono_ns);
    }
    require(boot.last_mono_ns >= durable_ns && boot.last_mono_ns <= newest_ns, "a boot's length is wrong");
    if (!boot.placed) continue;
    const Placing placing{boot.base_ns, boot.estimated};
    if (!edge.boots.expected[boot.boot_id].contains(placing)) {
      fail(sites_[edge.site].name + " places a boot at " + std::to_string(boot.base_ns) +
           (boot.estimated ? ", estimated" : ", exactly") + ": that is not where it belongs");
    }
    place(edge, boot.boot_id, placing);
  }
  for (const auto& [boot, readings] : edge.boots.readings) {
    if (told.contains(boot)) continue;
    const bool placed = std::any_of(readings.begin(), readings.end(), [&](uint32_t index) {
      const std::vector<Place>& places = oracle_.readings()[index].places;
      return std::any_of(places.begin(), places.end(),
                         [&](const Place& each) { return each.generation == edge.generation; });
    });
    if (placed) continue;
    for (const Placing& placing : edge.boots.expected[boot]) place(edge, boot, placing);
  }
}

void World::place(Edge& edge, const edge::BootId& boot, const Placing& placing) {
  for (const uint32_t index : edge.boots.readings[boot]) {
    Reading& reading = oracle_.readings()[index];
    if (reading.own_time) continue;
    const Place found{edge.generation, placing.base_ns + reading.mono_ns, placing.estimated};
    const bool known = std::any_of(reading.places.begin(), reading.places.end(), [&](const Place& each) {
      return each.generation == found.generation && each.time_ns == found.time_ns && each.estimated == found.estimated;
    });
    if (!known) reading.places.push_back(found);
    if (reading.places.size() > 1) continue;
    reading.time_ns = found.time_ns;
    reading.estimated = found.estimated;
  }
}

// What a copy of its outbox holds: all but what is in memory only.
World::Undated World::copied(const Edge& edge) const {
  Undated out = edge.boots;
  const std::set<uint32_t> undurable(edge.undurable.begin(), edge.undurable.end());
  for (auto& [boot, readings] : out.readings) {
    std::erase_if(readings, [&](uint32_t index) { return undurable.contains(index); });
  }
  return out;
}

void World::note_backup(const Edge& edge) {
  Site& site = sites_[edge.site];
  site.backup_undated = copied(edge);
  site.backup_holds.clear();
  for (uint32_t i = 0; i < oracle_.readings().size(); ++i) {
    const Reading& reading = oracle_.readings()[i];
    if (reading.gateway != static_cast<int>(edge.site) || reading.edge != number_of(edge)) continue;
    if (reading.durable && !reading.logged && reading.excuses == 0) site.backup_holds.insert(i);
  }
}

// What came after the copy went with the outbox it was put in place of; what the copy holds may be parked.
void World::excuse_restored(const Edge& edge) {
  for (uint32_t i = 0; i < oracle_.readings().size(); ++i) {
    Reading& reading = oracle_.readings()[i];
    if (reading.gateway != static_cast<int>(edge.site) || reading.logged) continue;
    const bool held = sites_[edge.site].backup_holds.contains(i);
    if (held || reading.edge == number_of(edge)) reading.excuses |= kExcuseParked;
    if (!held && reading.edge == number_of(edge)) reading.excuses |= kExcuseCrash;
  }
}

void World::look_at_parked() {
  parked_.assign(oracle_.series().size(), 0);
  auto snapshot = state::Snapshot::take(writer_->state());
  if (!snapshot) fail(snapshot.error().message);
  snapshot->each(snapshot->tables().deadletter, "", [&](std::string_view, std::string_view value) {
    state::ParkedPartial letter;
    require(letter.decode(value), "a dead letter that is none");
    const auto series = oracle_.find(letter.tenant, letter.series_id);
    require(series.has_value(), "a dead letter of a series that nobody measured");
    parked_[*series] |= oracle_.mask_of(*series, as_bytes(letter.summary));
    return true;
  });
}

int64_t World::earliest_ns(const Reading& reading) const {
  int64_t least = reading.time_ns;
  for (const Place& place : reading.places) least = std::min(least, place.time_ns);
  return least;
}

int64_t World::latest_ns(const Reading& reading) const {
  int64_t most = reading.time_ns;
  for (const Place& place : reading.places) most = std::max(most, place.time_ns);
  return most;
}

// Of readings that have several places: the one where each counts, as the rows say. It counts in one of them, or not
// at all.
void World::resolve_places() {
  std::set<uint32_t> unsure;
  for (const Reading& reading : oracle_.readings()) {
    if (reading.places.size() > 1) unsure.insert(reading.series);
  }
  for (const uint32_t index : unsure) {
    const OracleSeries& series = oracle_.series()[index];
    Status done;
    for (const WidthS step : {WidthS{0}, WidthS{60}, WidthS{900}, WidthS{3600}}) {
      done = query_->ask(
          query::AskSeries{
              {series.tenant, series.name.metric, {series.name.device}, {}}, {}, step, "device", 1'000'000},
          [&](const std::string&, const query::Row& row, const stats::Summary& summary) {
            resolve_row(oracle_.readings_in(index, oracle_.mask_of(index, summary, "a row")), row, summary);
          });
      if (done) break;
    }
    if (!done) fail("no rows: " + done.error().message);
  }
}

void World::resolve_row(const std::vector<uint32_t>& readings, const query::Row& row, const stats::Summary& summary) {
  const stats::TimedValue first = summary.numeric().first(), last = summary.numeric().last();
  for (const uint32_t index : readings) {
    Reading& reading = oracle_.readings()[index];
    if (reading.places.size() < 2) continue;
    std::vector<Place> fit;
    for (const Place& place : reading.places) {
      if (window_start_s(to_seconds_floor(place.time_ns), row.width_s) != row.start_s) continue;
      if (place.time_ns < first.time_ns || place.time_ns > last.time_ns) continue;
      if (reading.value == first.value && place.time_ns != first.time_ns) continue;
      if (reading.value == last.value && place.time_ns != last.time_ns) continue;
      fit.push_back(place);
    }
    if (fit.empty()) {
      std::string places;
      for (const Place& place : reading.places) places += " " + reading::format_timestamp(place.time_ns);
      fail(oracle_.describe(reading) + " stands in the row that starts at " + std::to_string(row.start_s) + ", width " +
           std::to_string(row.width_s) + ", where no copy of its outbox puts it:" + places);
    }
    reading.time_ns = fit.front().time_ns;
    reading.estimated = std::all_of(fit.begin(), fit.end(), [](const Place& place) { return place.estimated; });
  }
}

}  // namespace tributary::faults
