// SPDX-License-Identifier: Apache-2.0
// Runs schedules: many seeds in several processes, one with all that happened, and the shortest that still fails.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/faults/schedule.h"
#include "tests/faults/world.h"

namespace tributary::faults {

struct Outcome {
  bool ok = true;
  std::string failure;  // what was wrong, in one line
  Figures figures;
  std::vector<std::string> trace;
};

// In this process.
Outcome run_schedule(const Schedule& schedule);
// In a process of its own, so that a crash is an outcome too. A run of more than seconds_max is one that hangs.
Outcome run_apart(const Schedule& schedule, unsigned seconds_max = 120);
// Leaves out events as long as it still fails.
Schedule shrink(const Schedule& schedule, uint64_t* runs);

struct Sweep {
  Profile profile = Profile::kMixed;
  uint64_t from = 1, to = 1000;
  unsigned jobs = 2;
  bool stop_at_first = true;
};
struct SweepResult {
  uint64_t seeds = 0;
  Figures figures;
  std::optional<uint64_t> failed;  // the least seed that failed, of those run
  std::string failure;
  double seconds = 0;
};
SweepResult sweep(const Sweep& sweep);

}  // namespace tributary::faults
