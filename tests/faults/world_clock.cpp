// SPDX-License-Identifier: Apache-2.0
// Machines without a clock battery: power cuts, boots whose clock is not set, and the moment it is. The oracle works
// out by itself where readings of boots that never had a clock must stand.
#include <algorithm>
#include <array>

#include "tests/faults/world.h"

namespace tributary::faults {
namespace {}  // namespace

uint32_t World::number_of(const Edge& edge) const {
  uint32_t number = 0;
  while (edges_[number].get() != &edge) ++number;
  return number;
}

edge::BootId World::boot_id(const Edge& edge) const {
  edge::BootId id{};
  id[0] = static_cast<uint8_t>(number_of(edge) + 1);
  for (size_t i = 0; i < 4; ++i) id[1 + i] = static_cast<uint8_t>(edge.machine.boot >> (8 * i));
  return id;
}

// Readings without a date, or a clock that is not set: what would blur whose clock says what has to wait.
bool World::is_undated(size_t site) const {
  return std::any_of(edges_.begin(), edges_.end(), [&](const auto& edge) {
    return edge->site == site && (!edge->machine.clock_set || !edge->undated.empty());
  });
}

void World::cut_power(Edge& edge, uint32_t how) {
  Site& site = sites_[edge.site];
  Machine& machine = edge.machine;
  if (!clocks()) {
    if (site.cloned || edge.may_be_moved_aside) return;
    // Half dated: which readings are, the oracle cannot know.
    if (machine.clock_set && is_undated(edge.site)) return;
    site.backup.clear();
  }
  const int64_t shown_ns = edge_now(edge).wall_ns;
  drop_edge(edge, static_cast<int64_t>(random_.below(4000)));
  advance(static_cast<int64_t>(random_.below(random_.chance(20) ? 7'200'000 : 60'000)));
  machine.booted_mono_ns = mono_ns_ - static_cast<int64_t>(random_.below(30'000)) * kMilli - kNanosPerSecond;
  ++machine.boot;
  machine.clock_set = false;
  const int64_t shown[] = {0, shown_ns, shown_ns - 3600 * kNanosPerSecond};
  machine.shown_at_boot_ns = shown[how % 3];
  machine.set_at_ns = how / 3 % 4 == 0 ? 0 : mono_ns_ + static_cast<int64_t>(random_.below(120'000)) * kMilli;
  // Now and then it is set before the gateway starts.
  if (clocks() && how / 12 % 6 == 0) {
    machine.clock_set = true;
    machine.set_at_ns = 0;
  }
  // A later change of this clock must not reach back to what came in this boot.
  edge.start_at_ns = std::max(edge.start_at_ns, mono_ns_);
}

void World::step_clock(Edge& edge, uint32_t how) {
  Site& site = sites_[edge.site];
  if (clocks()) {
    const std::array<int64_t, 10> steps = {-365 * kDay,
                                           365 * kDay,
                                           -3600 * kNanosPerSecond,
                                           3600 * kNanosPerSecond,
                                           -90 * kNanosPerSecond,
                                           200 * kNanosPerSecond,
                                           700 * kNanosPerSecond,
                                           -8 * kNanosPerSecond,
                                           0,
                                           0};
    edge.machine.clock_offset_ns = steps[how % steps.size()];
  } else {
    if (is_undated(edge.site)) return;
    const std::array<int64_t, 6> steps = {
        365 * kDay, -365 * kDay, 3600 * kNanosPerSecond, -3600 * kNanosPerSecond, 700 * kNanosPerSecond, 0};
    for (auto& each : edges_) {
      if (each->site == edge.site) each->machine.clock_offset_ns = steps[how % steps.size()];
    }
  }
  site.stepped = site.stepped || edge.machine.clock_offset_ns != 0;
  site.ahead = site.ahead || edge.machine.clock_offset_ns > 0;
}

// The copy of an outbox runs on a machine of its own, every other time on one whose clock is not set yet.
void World::clone_machine(Edge& clone, uint32_t how) {
  clone.machine = Machine();
  clone.machine.booted_mono_ns = mono_ns_ - kNanosPerSecond - static_cast<int64_t>(random_.below(3'600'000)) * kMilli;
  if (how % 2 == 0) return;
  clone.machine.clock_set = false;
  clone.machine.shown_at_boot_ns = how / 2 % 2 == 0 ? 0 : wall_ns() - 3600 * kNanosPerSecond;
  clone.machine.set_at_ns = how / 4 % 3 == 0 ? 0 : mono_ns_ + static_cast<int64_t>(random_.below(300'000)) * kMilli;
}

void World::note_undated(Edge& edge, uint32_t index) {
  Reading& reading = oracle_.readings()[index];
  reading.mono_ns = edge_now(edge).mono_ns;
  edge.undated[boot_id(edge)].push_back(index);
  if (clocks()) edge.boots.readings[boot_id(edge)].push_back(index);
}

// The outbox of this edge is another one from now on: a copy of one with these readings.
void World::take_undated(Edge& edge, const Undated& undated) {
  edge.boots = undated;
  edge.undated = undated.readings;
  edge.generation = ++generations_;
}

// A site's clock is set once its time has come and its edge is up, so that the oracle can look at what it kept first.
void World::set_clock(Edge& edge) {
  Machine& machine = edge.machine;
  if (clocks() && !machine.clock_set && edge.core) {
    require(!edge.core->clock_set(), "an edge takes a clock for set that is not");
  }
  if (machine.clock_set || machine.set_at_ns == 0 || mono_ns_ < machine.set_at_ns) return;
  if (!clocks()) {
    if (!edge.core) return;
    require(!edge.core->clock_set(), "an edge takes a clock for set that is not");
    place_boots(edge);
  }
  machine.clock_set = true;
  machine.set_at_ns = 0;
  note(sites_[edge.site].name + ": its clock is set");
  if (edge.core) edge.core->on_clock_synchronised();
}

// Where the readings of earlier boots will stand: behind the last durable time, one boot behind the other; before the
// present boot where no such time is known or it cannot be true.
void World::place_boots(Edge& edge) {
  const int64_t boot_ns = true_now(edge) - edge_now(edge).mono_ns;
  int64_t behind_ns = edge.core->stats().last_durable_ns, length_ns = 0;
  const edge::BootId now = boot_id(edge);
  const auto boots = edge.core->recovery().boots;
  for (const edge::UndatedBoot& boot : boots) {
    if (boot.placed) behind_ns = std::max(behind_ns, boot.base_ns + boot.last_mono_ns);
    if (!boot.placed && boot.boot_id != now) length_ns += boot.last_mono_ns;
  }
  if (behind_ns <= 0 || behind_ns > boot_ns - length_ns) behind_ns = boot_ns - length_ns;
  for (const edge::UndatedBoot& boot : boots) {
    if (boot.placed || boot.boot_id == now) continue;
    int64_t durable_ns = 0, newest_ns = 0;
    for (const uint32_t index : edge.undated[boot.boot_id]) {
      Reading& reading = oracle_.readings()[index];
      newest_ns = std::max(newest_ns, reading.mono_ns);
      if (reading.durable && reading.excuses == 0) durable_ns = std::max(durable_ns, reading.mono_ns);
      if (reading.own_time) continue;
      reading.time_ns = behind_ns + reading.mono_ns;
      reading.estimated = true;
    }
    require(boot.last_mono_ns >= durable_ns && boot.last_mono_ns <= newest_ns, "a boot's length is wrong");
    behind_ns += boot.last_mono_ns;
  }
}

// Everything is dated: nothing of it changes any more.
void World::forget_undated(Edge& edge) {
  if (edge.core && edge.core->clock_set() && edge.machine.clock_set) edge.undated.clear();
}

}  // namespace tributary::faults
