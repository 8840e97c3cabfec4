// SPDX-License-Identifier: Apache-2.0
// How complete an answer is: which gateways contribute to it, which have told all, and what is named as missing.
#include <algorithm>
#include <limits>
#include <set>

#include "cloud/query/answers.h"
#include "cloud/query/gateways.h"

namespace tributary::query {
namespace {

std::set<uint32_t> contributors_of(const Snapshot& snapshot, const std::vector<uint32_t>& numbers) {
  std::set<uint32_t> gateways;
  for (uint32_t no : numbers) {
    snapshot.each(snapshot.tables().contributors, merge::number_key(no),
                  [&](std::string_view gateway, std::string_view) {
                    gateways.insert(merge::KeyReader(gateway).u32());
                    return true;
                  });
  }
  return gateways;
}

// The gateways that count readings in the overflow series of the metric (of any, if it is empty).
std::set<uint32_t> overflowing(const Snapshot& snapshot, uint32_t tenant_no, const std::string& metric) {
  std::vector<uint32_t> numbers;
  if (metric.size() > kMetricBytesMax) return {};
  std::string id(1, '\0');
  if (!metric.empty()) id.append(metric).push_back('\0');
  snapshot.each(snapshot.tables().series, merge::series_key(tenant_no, false, id),
                [&](std::string_view, std::string_view no) {
                  numbers.push_back(merge::KeyReader(no).u32());
                  return true;
                });
  return contributors_of(snapshot, numbers);
}

void append_log_gaps(const Snapshot& snapshot, std::vector<LogGapNote>& out) {
  store::Cursor cursor(snapshot.txn(), snapshot.tables().log_gaps);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    merge::LogGap gap;
    CHECK(gap.decode(cursor.value()));
    out.push_back({snapshot.partition(), merge::KeyReader(cursor.key()).u64(), gap.to_offset, gap.cause});
  }
}

}  // namespace

Completeness answer_completeness(const Snapshots& snapshots, const Selection& selection, const Range& range,
                                 int64_t now_ns) {
  Completeness out;
  out.partitions_expected = out.partitions_answered = static_cast<uint32_t>(snapshots.size());
  std::vector<GatewayView> views;
  for (const Snapshot& snapshot : snapshots) {
    append_log_gaps(snapshot, out.log_gaps);
    const std::optional<uint32_t> tenant_no = snapshot.tenant(selection.tenant);
    if (!tenant_no) continue;
    std::vector<GatewayView> here;
    if (selection.metric.empty()) {
      here = read_gateways(snapshot, *tenant_no);
    } else {
      for (uint32_t no : contributors_of(snapshot, numbers_of(select(snapshot, selection, "")))) {
        std::optional<GatewayView> view = read_gateway(snapshot, no);
        CHECK(view.has_value());
        here.push_back(std::move(*view));
      }
    }
    const std::set<uint32_t> overflow = overflowing(snapshot, *tenant_no, selection.metric);
    for (GatewayView& view : here) {
      if (overflow.contains(view.no)) out.overflow.push_back(view.record.gateway);
      views.push_back(std::move(view));
    }
  }
  std::sort(views.begin(), views.end(),
            [](const GatewayView& a, const GatewayView& b) { return a.record.gateway < b.record.gateway; });
  std::sort(out.overflow.begin(), out.overflow.end());

  // Without an end, as far as any of them has come.
  int64_t end_ns = std::numeric_limits<int64_t>::min();
  if (range.to_ns) {
    end_ns = *range.to_ns;
  } else {
    for (const GatewayView& view : views) {
      if (!view.retired) end_ns = std::max(end_ns, view.ledger.frontier_ns());
    }
  }
  uint64_t passed = 0;
  int64_t least_ns = std::numeric_limits<int64_t>::max();
  for (const GatewayView& view : views) {
    append_gaps(view, range, out.gaps);
    append_lost(view, out.lost);
    add_rejected(view, out.rejected);
    out.parked += view.ledger.parked_count();
    if (view.retired || (range.to_ns && view.record.first_seen_ns >= end_ns)) continue;
    out.expected++;
    const int64_t frontier_ns = view.ledger.frontier_ns();
    least_ns = std::min(least_ns, frontier_ns);
    if (frontier_ns >= end_ns) {
      passed++;
      continue;
    }
    const std::string absence = view.absence(now_ns);
    out.behind.push_back({view.record.gateway, frontier_ns, view.ledger.mark_ns(), view.record.last_seen_ns,
                          absence.empty() ? "late" : absence});
  }
  if (out.expected > 0) {
    out.share = static_cast<double>(passed) / static_cast<double>(out.expected);
    out.to_ns = least_ns;
  } else {
    // Nobody owes anything: what is committed is all there is, up to now.
    out.to_ns = range.to_ns ? std::min(*range.to_ns, now_ns) : now_ns;
  }
  return out;
}

}  // namespace tributary::query
