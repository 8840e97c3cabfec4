// SPDX-License-Identifier: Apache-2.0
// One line for a refusal, at most once a minute and reason.
#include "edge/source/reject_log.h"

#include "common/base/time.h"
#include "common/runtime/program.h"

namespace tributary::edge {
namespace {
constexpr int64_t kQuietNs = 60 * kNanosPerSecond;
}

void RejectLog::note(reading::Reject reason, const std::string& where, std::string_view found,
                     std::string_view expected, int64_t mono_ns) {
  Entry& entry = entries_[static_cast<size_t>(reason)];
  if (entry.said && mono_ns - entry.said_ns < kQuietNs) {
    ++entry.unsaid;
    return;
  }
  std::string line = where + ": refused (" + reading::to_string(reason) + "): found " + std::string(found) +
                     ", expected " + std::string(expected);
  if (entry.unsaid > 0) line += "; " + std::to_string(entry.unsaid) + " more like this since the last such line";
  runtime::log_warn(line);
  entry = {mono_ns, 0, true};
}

}  // namespace tributary::edge
