// SPDX-License-Identifier: Apache-2.0
// Recoveries: what a program found after each trouble it came out of: one line for a person, and the same as metrics.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/runtime/exposition.h"

namespace tributary::runtime {

struct Recovery {
  std::string kind;    // what it came out of: "crash", "log_outage", "full_disk" …; one of the program's own list
  double seconds = 0;  // how long the trouble lasted; of a start, how long taking up took
  std::vector<std::pair<std::string, uint64_t>> amounts;  // by name, with their unit last: {"waiting_partials", 12}
  std::string line;
};

// The newest one, as it is kept.
struct LastRecovery {
  std::string kind;
  int64_t ended_s = 0;  // Unix time
  double seconds = 0;
  std::vector<std::pair<std::string, uint64_t>> amounts;
};

// Thread-safe.
class Recoveries {
 public:
  // kinds: all that this program has; each is told from the start on, with 0.
  explicit Recoveries(std::vector<std::string> kinds);

  // Keeps it, and says its line.
  void note(const Recovery& recovery);
  uint64_t count(std::string_view kind) const;
  // Nothing: none since the start.
  std::optional<LastRecovery> last() const;
  // How many by kind, and of the last one of each kind its end, its duration and its amounts.
  void families(Exposition& text) const;

 private:
  struct Kept {
    uint64_t count = 0;
    int64_t ended_s = 0;
    double seconds = 0;
    std::vector<std::pair<std::string, uint64_t>> amounts;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Kept, std::less<>> kinds_;
  std::string last_kind_;
};

// "0.4 s", "12 s", "3 min 20 s", "5 h 2 min", "30 days 4 h".
std::string format_duration(double seconds);
// "1 window", "1,204 windows": the plural has an s.
std::string format_amount(uint64_t count, std::string_view of_what);

}  // namespace tributary::runtime
