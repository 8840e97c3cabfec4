// SPDX-License-Identifier: Apache-2.0
// Which gateways contribute to an answer, how far each has come, and what is named as missing.
#include <set>

#include "cloud/query/answers.h"
#include "cloud/query/gateways.h"

namespace tributary::query {
namespace {

std::set<uint32_t> contributors_of(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers) {
  std::set<uint32_t> gateways;
  for (uint32_t no : numbers) {
    snapshot.each(snapshot.tables().contributors, state::number_key(no),
                  [&](std::string_view gateway, std::string_view) {
                    gateways.insert(state::KeyReader(gateway).u32());
                    return true;
                  });
  }
  return gateways;
}

// The gateways that count readings in the overflow series of the metric (of any, if it is empty).
std::set<uint32_t> overflowing(const state::Snapshot& snapshot, uint32_t tenant_no, const std::string& metric) {
  std::vector<uint32_t> numbers;
  if (metric.size() > kMetricBytesMax) return {};
  std::string id(1, '\0');
  if (!metric.empty()) id.append(metric).push_back('\0');
  snapshot.each(snapshot.tables().series, state::series_key(tenant_no, false, id),
                [&](std::string_view, std::string_view no) {
                  numbers.push_back(state::KeyReader(no).u32());
                  return true;
                });
  return contributors_of(snapshot, numbers);
}

void append_log_gaps(const state::Snapshot& snapshot, std::vector<LogGapNote>& out) {
  store::Cursor cursor(snapshot.txn(), snapshot.tables().log_gaps);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    state::LogGap gap;
    CHECK(gap.decode(cursor.value()));
    out.push_back({snapshot.partition(), state::KeyReader(cursor.key()).u64(), gap.to_offset, gap.cause});
  }
}

}  // namespace

CompletenessPart read_completeness(const Snapshots& snapshots, const Selection& selection, const Range& range,
                                   int64_t now_ns) {
  CompletenessPart out;
  out.partitions = static_cast<uint32_t>(snapshots.size());
  for (const state::Snapshot& snapshot : snapshots) {
    append_log_gaps(snapshot, out.log_gaps);
    const std::optional<uint32_t> tenant_no = snapshot.tenant(selection.tenant);
    if (!tenant_no) continue;
    const std::set<uint32_t> overflow = overflowing(snapshot, *tenant_no, selection.metric);
    const auto add = [&](const GatewayView& view) {
      GatewayNote note;
      note.gateway = view.record.gateway;
      note.frontier_ns = view.ledger.frontier_ns();
      note.mark_ns = view.ledger.mark_ns();
      note.last_seen_ns = view.record.last_seen_ns;
      note.first_seen_ns = view.record.first_seen_ns;
      note.retired = view.retired;
      note.overflow = overflow.contains(view.no);
      note.absence = view.absence(now_ns);
      note.parked = view.ledger.parked_count();
      append_gaps(view, range, note.gaps);
      append_estimated(view, range, note.estimated);
      append_lost(view, note.lost);
      add_rejected(view, note.rejected);
      out.gateways.push_back(std::move(note));
    };
    if (selection.metric.empty()) {
      each_gateway(snapshot, *tenant_no, add);
      continue;
    }
    for (uint32_t no : contributors_of(snapshot, numbers_of(select(snapshot, selection, "")))) {
      const std::optional<GatewayView> view = read_gateway(snapshot, no);
      CHECK(view.has_value());
      add(*view);
    }
  }
  return out;
}

}  // namespace tributary::query
