// SPDX-License-Identifier: Apache-2.0
// One line for a refusal, at most once a minute and reason.
#include "edge/source/reject_log.h"

#include "common/base/time.h"
#include "common/runtime/program.h"

namespace tributary::edge {
namespace {
constexpr int64_t kQuietNs = 60 * kNanosPerSecond;
constexpr int64_t kLeftOutQuietNs = 3600 * kNanosPerSecond;
}  // namespace

bool RejectLog::is_due(Entry& entry, int64_t quiet_ns, int64_t mono_ns) {
  if (!entry.said || mono_ns - entry.said_ns >= quiet_ns) return true;
  ++entry.unsaid;
  return false;
}

std::string RejectLog::rest_of(Entry& entry, int64_t mono_ns) {
  const std::string more =
      entry.unsaid > 0 ? "; " + std::to_string(entry.unsaid) + " more like this since the last such line" : "";
  entry = {mono_ns, 0, true};
  return more;
}

void RejectLog::note(reading::Reject reason, const std::string& where, std::string_view found,
                     std::string_view expected, int64_t mono_ns) {
  Entry& entry = entries_[static_cast<size_t>(reason)];
  if (!is_due(entry, kQuietNs, mono_ns)) return;
  runtime::log_warn(where + ": refused (" + reading::to_string(reason) + "): found " + std::string(found) +
                    ", expected " + std::string(expected) + rest_of(entry, mono_ns));
}

void RejectLog::note_left_out(reading::Reject reason, const std::string& where, std::string_view field,
                              int64_t mono_ns) {
  Entry& entry = entries_[static_cast<size_t>(reason)];
  if (!is_due(entry, kLeftOutQuietNs, mono_ns)) return;
  runtime::log_info(where + ": left out (" + reading::to_string(reason) + "): field " + std::string(field) +
                    rest_of(entry, mono_ns));
}

}  // namespace tributary::edge
