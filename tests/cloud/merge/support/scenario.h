// SPDX-License-Identifier: Apache-2.0
// A random history of a few gateways and tenants, with all that can happen to messages, and what must count of it.
#pragma once

#include <cstdint>

#include "tests/cloud/merge/support/support.h"

namespace tributary::testing {

struct Scenario {
  Records records;
  Oracle oracle;                   // partials that count, in the order they came to count
  std::vector<size_t> counted_by;  // by oracle entry: the record that made it count
  int64_t begin_s = 0, end_s = 0;  // append times
};

struct ScenarioConfig {
  size_t records = 250;
  bool wild_widths = true;  // every width; otherwise 10 s only
};

Scenario make_scenario(uint64_t seed, const ScenarioConfig& config = {});

inline const char* const kTenants[] = {"demo", "other"};
inline const char* const kMetrics[] = {"temperature", "power"};
// A selection that may name devices, labels, and things that do not exist.
query::Selection random_selection(Random& random);
// A range around the scenario's times, with or without bounds, some of them aligned.
query::Range random_range(Random& random, const Scenario& scenario);

}  // namespace tributary::testing
