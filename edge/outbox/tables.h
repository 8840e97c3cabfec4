// SPDX-License-Identifier: Apache-2.0
// The outbox's tables, by name: the one list from which the program opens them and --inspect reads them
// (edge/outbox/FORMAT.md says what is in each).
#pragma once

#include <array>

#include "common/store/env.h"

namespace tributary::edge {

struct OutboxTables {
  store::Table meta = 0, epochs = 0, series = 0, previous = 0, checkpoint = 0, waiting = 0, flight = 0, undated = 0;
};

struct OutboxTable {
  const char* name;
  store::Table OutboxTables::*table;
};
inline constexpr std::array<OutboxTable, 8> kOutboxTables = {{{"meta", &OutboxTables::meta},
                                                              {"epochs", &OutboxTables::epochs},
                                                              {"series", &OutboxTables::series},
                                                              {"previous", &OutboxTables::previous},
                                                              {"checkpoint", &OutboxTables::checkpoint},
                                                              {"waiting", &OutboxTables::waiting},
                                                              {"flight", &OutboxTables::flight},
                                                              {"undated", &OutboxTables::undated}}};

// Keys of the table meta.
inline constexpr std::string_view kIdentityKey = "identity";
inline constexpr std::string_view kStateKey = "state";
inline constexpr std::string_view kClockKey = "clock";

}  // namespace tributary::edge
