// SPDX-License-Identifier: Apache-2.0
// Machines without a clock battery: power cuts, boots whose clock is not set, and the moment it is. The oracle works
// out by itself where readings of boots that never had a clock must stand.
#include <algorithm>

#include "tests/faults/world.h"

namespace tributary::faults {
namespace {

constexpr int64_t kMilli = 1'000'000;

}  // namespace

edge::BootId World::boot_id(const Edge& edge) const {
  edge::BootId id{};
  size_t number = 0;
  while (edges_[number].get() != &edge) ++number;
  id[0] = static_cast<uint8_t>(number + 1);
  for (size_t i = 0; i < 4; ++i) id[1 + i] = static_cast<uint8_t>(sites_[edge.site].boot >> (8 * i));
  return id;
}

// Readings without a date, or a clock that is not set: what would blur whose clock says what has to wait.
bool World::is_undated(size_t site) const {
  if (!sites_[site].clock_set) return true;
  return std::any_of(edges_.begin(), edges_.end(),
                     [&](const auto& edge) { return edge->site == site && !edge->undated.empty(); });
}

void World::cut_power(Edge& edge, uint32_t how) {
  Site& site = sites_[edge.site];
  if (site.cloned || edge.may_be_moved_aside) return;
  // Half dated: which readings are, the oracle cannot know.
  if (site.clock_set && is_undated(edge.site)) return;
  const int64_t shown_ns = edge_now(site).wall_ns;
  drop_edge(edge, static_cast<int64_t>(random_.below(4000)));
  advance(static_cast<int64_t>(random_.below(random_.chance(20) ? 7'200'000 : 60'000)));
  site.booted_mono_ns = mono_ns_ - static_cast<int64_t>(random_.below(30'000)) * kMilli - kNanosPerSecond;
  ++site.boot;
  site.clock_set = false;
  const int64_t shown[] = {0, shown_ns, shown_ns - 3600 * kNanosPerSecond};
  site.shown_at_boot_ns = shown[how % 3];
  site.set_at_ns = how / 3 % 4 == 0 ? 0 : mono_ns_ + static_cast<int64_t>(random_.below(120'000)) * kMilli;
  site.backup.clear();
  // A later change of this clock must not reach back to what came in this boot.
  edge.start_at_ns = std::max(edge.start_at_ns, mono_ns_);
}

void World::note_undated(Edge& edge, uint32_t index) {
  Reading& reading = oracle_.readings()[index];
  reading.mono_ns = edge_now(sites_[edge.site]).mono_ns;
  edge.undated[boot_id(edge)].push_back(index);
}

// A site's clock is set once its time has come and its edge is up, so that the oracle can look at what it kept first.
void World::set_clock(size_t site_index) {
  Site& site = sites_[site_index];
  if (site.clock_set || site.set_at_ns == 0 || mono_ns_ < site.set_at_ns) return;
  for (auto& edge : edges_) {
    if (edge->site == site_index && !edge->core) return;
  }
  for (auto& edge : edges_) {
    if (edge->site != site_index) continue;
    require(!edge->core->clock_set(), "an edge takes a clock for set that is not");
    place_boots(*edge);
  }
  site.clock_set = true;
  site.set_at_ns = 0;
  note(site.name + ": its clock is set");
  for (auto& edge : edges_) {
    if (edge->site == site_index) edge->core->on_clock_synchronised();
  }
}

// Where the readings of earlier boots will stand: behind the last durable time, one boot behind the other; before the
// present boot where no such time is known or it cannot be true.
void World::place_boots(Edge& edge) {
  const Site& site = sites_[edge.site];
  const int64_t boot_ns = true_now(site) - edge_now(site).mono_ns;
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
  if (edge.core && edge.core->clock_set() && sites_[edge.site].clock_set) edge.undated.clear();
}

}  // namespace tributary::faults
