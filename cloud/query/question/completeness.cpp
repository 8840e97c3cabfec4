// SPDX-License-Identifier: Apache-2.0
// Which gateways contribute to an answer, how far each has come, and what is named as missing: see completeness.h.
#include "cloud/query/question/completeness.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <set>
#include <tuple>

#include "cloud/query/gateways.h"
#include "cloud/query/select.h"

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

template <class T>
void append(std::vector<T>& all, std::vector<T> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

void AskCompleteness::put(Out& out) const {
  query::put(out, selection);
  query::put(out, range);
  out.zigzag(now_ns);
}
bool AskCompleteness::get(In& in) {
  if (!query::get(in, selection) || !query::get(in, range)) return false;
  now_ns = in.zigzag();
  return in.ok();
}

Result<AskCompleteness::Part> AskCompleteness::answer(const Snapshots& snapshots) const {
  Part out;
  for (const state::Snapshot& snapshot : snapshots) {
    append_log_gaps(snapshot, out.log_gaps);
    const std::optional<uint32_t> tenant_no = snapshot.tenant(selection.tenant);
    if (!tenant_no) continue;
    const std::set<uint32_t> overflow = overflowing(snapshot, *tenant_no, selection.metric);
    const auto add = [&](const GatewayView& view) {
      GatewayNote note;
      tell(view, range, note);
      append_estimated(view, range, note.estimated);
      note.retired = view.retired;
      note.overflow = overflow.contains(view.no);
      note.absence = view.absence(now_ns);
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

void AskCompleteness::add(Part& all, Part&& more) {
  append(all.gateways, std::move(more.gateways));
  append(all.log_gaps, std::move(more.log_gaps));
}

Result<Completeness> AskCompleteness::conclude(Part&& part, const Coverage& coverage) const {
  Completeness out;
  out.partitions_missing = coverage.missing;
  out.partitions_expected = coverage.partitions;
  out.partitions_answered = coverage.partitions - static_cast<uint32_t>(coverage.missing.size());
  std::vector<GatewayNote>& gateways = part.gateways;
  std::sort(gateways.begin(), gateways.end(), [](const GatewayNote& a, const GatewayNote& b) {
    return std::tie(a.gateway, a.first_seen_ns, a.frontier_ns) < std::tie(b.gateway, b.first_seen_ns, b.frontier_ns);
  });
  out.log_gaps = std::move(part.log_gaps);
  std::sort(out.log_gaps.begin(), out.log_gaps.end(), [](const LogGapNote& a, const LogGapNote& b) {
    return std::tie(a.partition, a.from_offset) < std::tie(b.partition, b.from_offset);
  });
  // Without an end, as far as any of them has come.
  int64_t end_ns = std::numeric_limits<int64_t>::min();
  if (range.to_ns) {
    end_ns = *range.to_ns;
  } else {
    for (const GatewayNote& note : gateways) {
      if (!note.retired) end_ns = std::max(end_ns, note.frontier_ns);
    }
  }
  uint64_t passed = 0;
  int64_t least_ns = std::numeric_limits<int64_t>::max();
  for (GatewayNote& note : gateways) {
    append(out.gaps, std::move(note.gaps));
    append(out.estimated, std::move(note.estimated));
    append(out.lost, std::move(note.lost));
    for (const auto& [reason, count] : note.rejected) out.rejected[reason] += count;
    out.parked += note.parked;
    if (note.overflow) out.overflow.push_back(note.gateway);
    if (note.retired || (range.to_ns && note.first_seen_ns >= end_ns)) continue;
    out.expected++;
    least_ns = std::min(least_ns, note.frontier_ns);
    if (note.frontier_ns >= end_ns) {
      passed++;
      continue;
    }
    out.behind.push_back(
        {note.gateway, note.frontier_ns, note.mark_ns, note.last_seen_ns, GatewayView::state_of(note.absence, true)});
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

void put(Out& out, const AskCompleteness::Part& part) {
  put(out, part.gateways);
  put(out, part.log_gaps);
}
bool get(In& in, AskCompleteness::Part& part) { return get(in, part.gateways) && get(in, part.log_gaps); }

void put(Out& out, const LogGapNote& gap) {
  out.varint(gap.partition).varint(gap.from_offset).varint(gap.to_offset).text(gap.cause);
}
bool get(In& in, LogGapNote& gap) {
  gap.partition = in.u32();
  gap.from_offset = in.varint();
  gap.to_offset = in.varint();
  return in.text(gap.cause, kNoteBytesMax);
}

void put(Out& out, const GatewayNote& note) {
  out.text(note.gateway).zigzag(note.frontier_ns).zigzag(note.mark_ns).zigzag(note.last_seen_ns);
  out.zigzag(note.first_seen_ns).u8(note.retired).u8(note.overflow).text(note.absence).varint(note.parked);
  put(out, note.gaps);
  put(out, note.estimated);
  put(out, note.lost);
  put(out, note.rejected);
}
bool get(In& in, GatewayNote& note) {
  if (!in.text(note.gateway, kTextBytesMax)) return false;
  note.frontier_ns = in.zigzag();
  note.mark_ns = in.zigzag();
  note.last_seen_ns = in.zigzag();
  note.first_seen_ns = in.zigzag();
  if (!in.flag(note.retired) || !in.flag(note.overflow) || !in.text(note.absence, kTextBytesMax)) return false;
  note.parked = in.varint();
  return get(in, note.gaps) && get(in, note.estimated) && get(in, note.lost) && get(in, note.rejected);
}

}  // namespace tributary::query
