// SPDX-License-Identifier: Apache-2.0
// The gateways of a tenant, each with its state.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cloud/query/question.h"

namespace tributary::query {

struct GatewayInfo {
  std::string gateway, state;  // "online", "late", "silent", "offline", "retired"
  std::string version;
  int64_t frontier_ns = 0, mark_ns = 0, last_seen_ns = 0, first_seen_ns = 0;
  uint64_t devices = 0;
  std::string status_json;  // as it sent it last (outbox depth, counters)
  std::vector<GapNote> gaps;
  std::vector<LostNote> lost;
  uint64_t parked = 0;
  std::map<std::string, uint64_t> rejected;
  std::vector<std::string> alarms;
};
void put(Out& out, const GatewayInfo& gateway);
bool get(In& in, GatewayInfo& gateway);

// A page of them, by name; a name stands as often as there are partitions that know it.
struct AskGateways {
  static constexpr uint8_t kOp = 4;
  std::string tenant;
  int64_t now_ns = 0;
  NamePage page;

  void put(Out& out) const;
  bool get(In& in);
  using Part = std::vector<GatewayInfo>;
  Result<Part> answer(const Snapshots& snapshots) const;
  static void add(Part& all, Part&& more);
  using Answer = std::vector<GatewayInfo>;
  Result<Answer> conclude(Part&& part, const Coverage&) const;
};

// Leaves the page of a list that is in order by name.
void cut_page(std::vector<GatewayInfo>& gateways, const NamePage& page);

}  // namespace tributary::query
