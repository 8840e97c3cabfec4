// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/schedule.h"

#include <array>
#include <cinttypes>
#include <cstdio>

namespace tributary::faults {
namespace {

struct KindInfo {
  const char* name;
  uint32_t weight, weight_clocks;  // by profile
  bool fault;
};
constexpr std::array<KindInfo, static_cast<size_t>(Kind::kCount)> kKinds = {{
    {"readings", 60, 60, false},
    {"backlog", 2, 2, true},
    {"post", 12, 3, false},
    {"pause", 10, 8, false},
    {"kill edge", 6, 5, true},
    {"kill edge at a commit", 12, 12, true},
    {"stop edge", 4, 4, true},
    {"network", 12, 6, true},
    {"kill broker", 4, 2, true},
    {"kill bridge", 6, 2, true},
    {"kill bridge before the ack", 6, 2, true},
    {"overload", 4, 1, true},
    {"log trouble", 6, 3, true},
    {"kill aggregator", 5, 2, true},
    {"kill aggregator at a commit", 8, 2, true},
    {"back up the state", 4, 1, true},
    {"restore the state", 4, 1, true},
    {"second aggregator", 2, 0, true},
    {"foreign log", 2, 0, true},
    {"shorter log", 2, 0, true},
    {"back up an outbox", 4, 6, true},
    {"restore an outbox", 4, 6, true},
    {"clone an outbox", 3, 5, true},
    {"corrupt outbox", 5, 4, true},
    {"wipe a gateway", 3, 4, true},
    {"foreign tenant", 3, 2, true},
    {"clock step", 5, 7, true},
    {"power cut, no clock", 6, 10, true},
    {"garbage times", 4, 3, true},
    {"disk full at the edge", 4, 4, true},
    {"disk full at the aggregator", 4, 1, true},
    {"newer version", 3, 1, true},
    {"damaged message", 6, 2, true},
    {"everything killed", 4, 3, true},
    {"probe", 10, 10, false},
}};

// What the profile clocks never leaves out.
bool is_always(Kind kind) { return kind == Kind::kPowerCut || kind == Kind::kBackupOutbox; }

uint32_t run_ms(Random& random) {
  switch (random.below(12)) {
    case 0:
      return static_cast<uint32_t>(60'000 + random.below(240'000));
    case 1:
      return static_cast<uint32_t>(600'000 + random.below(7'200'000));
    case 2:
    case 3:
      return static_cast<uint32_t>(random.below(100));
    default:
      return static_cast<uint32_t>(200 + random.below(random.chance(30) ? 20'000 : 3'000));
  }
}

}  // namespace

const char* to_string(Kind kind) { return kKinds[static_cast<size_t>(kind)].name; }

Schedule make_schedule(uint64_t seed, Profile profile) {
  const bool clocks = profile == Profile::kClocks;
  Random random(seed * 0x2545f4914f6cdd1dULL + (clocks ? 79 : 77));
  Schedule out;
  out.profile = profile;
  out.seed = seed;
  out.gateways = static_cast<uint32_t>(1 + random.below(3));
  out.tenants = static_cast<uint32_t>(1 + random.below(2));
  out.bridges = static_cast<uint32_t>(1 + random.below(2));
  out.base_width_s = std::array<uint32_t, 4>{10, 10, 60, 1}[random.below(4)];
  out.checkpoint_ms = std::array<int64_t, 3>{1000, 1000, 200}[random.below(3)];
  if (random.chance(clocks ? 5 : 15)) out.log_retention_ms = static_cast<int64_t>(60'000 + random.below(1'200'000));
  // Each schedule mixes a few faults of all: rare ones then meet each other often enough.
  std::array<uint32_t, kKinds.size()> weights{};
  const uint64_t share = (clocks ? 20 : 10) + random.below(50);
  uint32_t total = 0;
  for (size_t i = 0; i < kKinds.size(); ++i) {
    const uint32_t weight = clocks ? kKinds[i].weight_clocks : kKinds[i].weight;
    weights[i] = kKinds[i].fault && !random.chance(share) && !(clocks && is_always(static_cast<Kind>(i))) ? 0 : weight;
    if (kKinds[i].fault) weights[i] *= 3;
    total += weights[i];
  }
  const uint64_t count = 10 + random.below(50);
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t at = random.below(total);
    size_t kind = 0;
    while (at >= weights[kind]) at -= weights[kind++];
    Event event;
    event.kind = static_cast<Kind>(kind);
    event.a = static_cast<uint32_t>(random.below(1000));
    event.b = static_cast<uint32_t>(random.below(1000));
    event.run_ms = run_ms(random);
    event.random = random.next();
    out.events.push_back(event);
  }
  // Now and then a backlog that fills the whole flight, seldom one that fills the budget.
  if (seed % 16 == 5) {
    const uint32_t windows = seed % 64 == 5 ? 14'000 : 1'500;
    Event away{Kind::kNetwork, 0, 1, 100, random.next()};
    Event backlog{Kind::kBacklog, 0, windows, 5'000, random.next()};
    const auto at = static_cast<std::ptrdiff_t>(random.below(out.events.size()));
    out.events.insert(out.events.begin() + at, {away, backlog});
  }
  return out;
}

std::string to_text(const Schedule& schedule) {
  char line[200];
  std::snprintf(line, sizeof line,
                "seed %" PRIu64 "%s: %u gateways, %u tenants, %u bridges, base %u s, checkpoint %" PRId64
                " ms, log kept %" PRId64 " ms, %zu events\n",
                schedule.seed, schedule.profile == Profile::kClocks ? " of profile clocks" : "", schedule.gateways,
                schedule.tenants, schedule.bridges, schedule.base_width_s, schedule.checkpoint_ms,
                schedule.log_retention_ms, schedule.events.size());
  std::string out = line;
  for (size_t i = 0; i < schedule.events.size(); ++i) {
    const Event& event = schedule.events[i];
    std::snprintf(line, sizeof line, "  %3zu  %-28s a=%-3u b=%-5u then %u ms  (%016" PRIx64 ")\n", i,
                  to_string(event.kind), event.a, event.b, event.run_ms, event.random);
    out += line;
  }
  return out;
}

}  // namespace tributary::faults
