// SPDX-License-Identifier: Apache-2.0
// What a state knows of one gateway, read together: record, ledger, last status, and how alive it is.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cloud/query/types.h"
#include "cloud/state/snapshot.h"
#include "common/ledger/receiver.h"

namespace tributary::query {

// Silent: not heard of for this long; an idle gateway sends every 60 s.
inline constexpr int64_t kSilentAfterNs = 150 * kNanosPerSecond;
// The widest base window that there is, for a gateway that does not tell its own.
inline constexpr int64_t kWidestNs = 3600 * kNanosPerSecond;
// Readings are dated at most this far ahead of their acceptance: the edge's greatest max_future.
inline constexpr int64_t kAheadMaxNs = 3600 * kNanosPerSecond;
// A frontier further back than the widest base window and its grace is a backlog.
inline constexpr int64_t kLateAfterNs = 3750 * kNanosPerSecond;

struct GatewayView {
  uint32_t no = 0;
  state::GatewayRecord record;
  ledger::GatewayLedger ledger;
  bool retired = false;
  bool offline = false;  // its last status says so
  std::string version, status_json;
  std::map<std::string, uint64_t> edge_rejected;  // as its last status counts them
  std::vector<std::string> serves;                // as its last status declares; empty: nothing is declared
  int64_t widest_ns = kWidestNs;                  // its widest base window

  // How far behind the present the frontier of a gateway in good health may be.
  int64_t allowance_ns() const { return widest_ns + kSilentAfterNs; }

  // "offline", "silent", or nothing: alive.
  std::string absence(int64_t now_ns) const;
  // The same, and of one that is alive "late" if it is behind, else "online".
  std::string state(int64_t now_ns, bool behind) const { return state_of(absence(now_ns), behind); }
  static std::string state_of(const std::string& absence, bool behind) {
    return !absence.empty() ? absence : behind ? "late" : "online";
  }
};

std::optional<GatewayView> read_gateway(const state::Snapshot& snapshot, uint32_t no);
// The same without its last status, and what that adds.
std::optional<GatewayView> read_bare_gateway(const state::Snapshot& snapshot, uint32_t no);
void read_status(const state::Snapshot& snapshot, GatewayView& view);
// All of a tenant's, by name, one after another, without their statuses: a fleet may have many.
void each_gateway(const state::Snapshot& snapshot, uint32_t tenant_no, const std::function<void(GatewayView&)>& visit);

// Gaps that touch [from, to), and losses, for an answer.
void append_gaps(const GatewayView& gateway, const Range& range, std::vector<GapNote>& out);
void append_estimated(const GatewayView& gateway, const Range& range, std::vector<EstimatedNote>& out);
void append_lost(const GatewayView& gateway, std::vector<LostNote>& out);
// Edge and bridge together.
void add_rejected(const GatewayView& gateway, std::map<std::string, uint64_t>& out);

// What every answer that names a gateway says of it: how far it is, and what of the range is missing.
template <class Note>
void tell(const GatewayView& gateway, const Range& range, Note& note) {
  note.gateway = gateway.record.gateway;
  note.frontier_ns = gateway.ledger.frontier_ns();
  note.mark_ns = gateway.ledger.mark_ns();
  note.last_seen_ns = gateway.record.last_seen_ns;
  note.first_seen_ns = gateway.record.first_seen_ns;
  note.parked = gateway.ledger.parked_count();
  append_gaps(gateway, range, note.gaps);
  append_lost(gateway, note.lost);
  add_rejected(gateway, note.rejected);
}

}  // namespace tributary::query
