// SPDX-License-Identifier: Apache-2.0
// tributaryctl deadletter list|replay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cloud/log/log.h"

namespace tributary::ctl {

struct DeadLetterChoice {
  log::LogConfig log;
  std::string state_dir;                // the aggregator's; empty: parked ones are not seen, nor what was merged since
  std::string tenant, gateway, reason;  // empty: any
  std::vector<std::string> ids;         // empty: any
  std::optional<uint32_t> partition;
  int64_t max_future_s = 600;  // the aggregator's
  bool json = false;           // list: one object a line
};

// Both print to standard output, errors to standard error; the exit code.
int list_dead_letters(const DeadLetterChoice& choice);
// Appends what can be merged now to the log, once more. Exit code 1 if something chosen was refused.
int replay_dead_letters(const DeadLetterChoice& choice);

}  // namespace tributary::ctl
