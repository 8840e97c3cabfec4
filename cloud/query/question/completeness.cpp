// SPDX-License-Identifier: Apache-2.0
// Which gateways contribute to an answer, how far each has come, and what is named as missing: see completeness.h.
#include "cloud/query/question/completeness.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>
#include <set>
#include <tuple>

#include "cloud/query/gateways.h"
#include "cloud/query/plan.h"
#include "cloud/query/select.h"
#include "cloud/query/serves.h"
#include "common/base/bugs.h"

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
    out.push_back(
        {snapshot.partition(), state::KeyReader(cursor.key()).u64(), gap.to_offset, gap.cause, gap.noticed_ns});
  }
}

template <class T>
void append(std::vector<T>& all, std::vector<T> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

constexpr WidthS kBaseWidthDefault = 10;
constexpr size_t kPossibleTold = 8;
constexpr WidthS kDayS = 86400;
// A century around 1970 more than any clock shows, so that sums of such times fit.
constexpr int64_t kTimeBoundNs = std::numeric_limits<int64_t>::max() / 2;

// The bound in whole seconds, and the next base window's start.
std::optional<int64_t> rounded_ns(const std::optional<int64_t>& bound_ns, WidthS base_width_s) {
  if (!bound_ns) return std::nullopt;
  const int64_t down_s = to_seconds_floor(*bound_ns);
  const int64_t up_s = *bound_ns % kNanosPerSecond == 0 ? down_s : down_s + 1;
  int64_t up_ns = 0;
  const int64_t width_s = base_width_s != 0 ? base_width_s : kBaseWidthDefault;
  if (__builtin_mul_overflow(round_up_s(up_s, width_s), kNanosPerSecond, &up_ns)) return bound_ns;
  return up_ns;
}
Range rounded(const Range& range, WidthS base_width_s) {
  return {rounded_ns(range.from_ns, base_width_s), rounded_ns(range.to_ns, base_width_s)};
}

// Rows of the selection's series that lie across a bound, or near it, of either kind of rounding.
void append_bound_rows(const state::Snapshot& snapshot, const std::vector<uint32_t>& numbers, const Range& range,
                       WidthS base_width_s, std::vector<BoundRow>& out) {
  if (!range.from_ns && !range.to_ns) return;
  const auto add = [&](const state::StoredRow& row) {
    stats::Summary::Facts facts;
    CHECK(stats::Summary::inspect(row.summary, facts));
    if (facts.count == 0) return;
    out.push_back({{row.start_s, row.width_s}, facts.first.time_ns, facts.last.time_ns, facts.count});
  };
  const Span span = to_span(range), to = to_span(rounded(range, base_width_s));
  if (range.from_ns) each_at_bound(snapshot, numbers, span.from_s, to.from_s, add);
  if (range.to_ns) {
    each_at_bound(snapshot, numbers, span.to_s, to.to_s, [&](const state::StoredRow& row) {
      // One that lies across both bounds was added.
      if (!range.from_ns || row.start_s >= span.from_s) add(row);
    });
  }
  each_of_all_time(snapshot, numbers, add);
}

// Whether the row's readings lie on both sides of what is answered (rows that start in asked) and judged.
bool straddles(const BoundRow& one, const Range& asked, const Range& judged) {
  const Span span = to_span(asked);
  const bool in_answer = one.row.start_s >= span.from_s && one.row.start_s < span.to_s;
  const bool before = judged.from_ns && one.first_ns < *judged.from_ns;
  const bool after = judged.to_ns && one.last_ns >= *judged.to_ns;
  if (in_answer) return before || after;
  return (!judged.from_ns || one.last_ns >= *judged.from_ns) && (!judged.to_ns || one.first_ns < *judged.to_ns);
}

std::vector<Straddling> straddling_of(const std::vector<BoundRow>& rows, const Range& asked, const Range& judged) {
  std::map<Row, uint64_t> counts;
  for (const BoundRow& one : rows) {
    if (straddles(one, asked, judged)) counts[one.row] += one.count;
  }
  std::vector<Straddling> out;
  for (const auto& [row, count] : counts) out.push_back({row, count});
  return out;
}

// One gateway of the tenant, seen from a selection.
class Witnesses {
 public:
  Witnesses(const AskCompleteness& ask, const state::Snapshot& snapshot, const Range& judged,
            AskCompleteness::Part& part)
      : ask_(ask), snapshot_(snapshot), judged_(judged), part_(part) {}

  void add(GatewayView& view, bool contributes, bool overflow) {
    part_.tenant_seen_ns = std::min(part_.tenant_seen_ns, view.record.first_seen_ns);
    if (!contributes) return add_other(view);
    read_status(snapshot_, view);
    GatewayNote note = note_of(view);
    append_estimated(view, ask_.range, note.estimated);
    note.overflow = overflow;
    part_.gateways.push_back(std::move(note));
  }

 private:
  GatewayNote note_of(const GatewayView& view) const {
    GatewayNote note;
    tell(view, ask_.range, note);
    note.retired = view.retired;
    note.absence = view.absence(ask_.now_ns);
    note.allowance_ns = view.allowance_ns();
    return note;
  }
  // Of a gateway that never contributed only what stands in the way of an answer is told. Its status is read only then:
  // most of a fleet have passed.
  void add_other(GatewayView& view) {
    if (view.retired || bug("silent_unasked")) return;
    const int64_t frontier_ns = view.ledger.frontier_ns();
    const int64_t limit_ns = judged_.to_ns ? *judged_.to_ns : snapshot_.as_of_ns() - kSilentAfterNs;
    GatewayNote note = note_of(view);
    const bool missing = !note.gaps.empty() || !note.lost.empty() || note.parked > 0;
    if (frontier_ns >= limit_ns && frontier_ns >= part_.least_other_ns && !missing) return;
    read_status(snapshot_, view);
    if (excludes(view.serves, ask_.selection)) return;
    part_.least_other_ns = std::min(part_.least_other_ns, frontier_ns);
    if (frontier_ns >= limit_ns && !missing) return;
    note.allowance_ns = view.allowance_ns();
    note.contributes = false;
    note.rejected.clear();
    part_.gateways.push_back(std::move(note));
  }

  const AskCompleteness& ask_;
  const state::Snapshot& snapshot_;
  const Range judged_;
  AskCompleteness::Part& part_;
};

bool may_touch(const LogGapNote& gap, const Range& range) {
  return !range.from_ns || *range.from_ns < gap.noticed_ns + kAheadMaxNs;
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
    out.as_of_ns = std::min(out.as_of_ns, snapshot.as_of_ns());
    const std::optional<uint32_t> tenant_no = snapshot.tenant(selection.tenant);
    if (!tenant_no) continue;
    out.tenant_seen_ns = std::min(out.tenant_seen_ns, snapshot.tenant_seen_ns(*tenant_no));
    const std::vector<uint32_t> numbers = numbers_of(select(snapshot, selection, ""));
    const WidthS base_width_s = base_width(snapshot, numbers);
    out.base_width_s = std::gcd(out.base_width_s, base_width_s);
    append_bound_rows(snapshot, numbers, range, base_width_s, out.bound_rows);
    const std::set<uint32_t> overflow = overflowing(snapshot, *tenant_no, selection.metric);
    const std::set<uint32_t> contributors = contributors_of(snapshot, numbers);
    Witnesses witnesses(*this, snapshot, rounded(range, base_width_s), out);
    each_gateway(snapshot, *tenant_no, [&](GatewayView& view) {
      const bool contributes = selection.metric.empty() || contributors.contains(view.no);
      witnesses.add(view, contributes, overflow.contains(view.no));
    });
  }
  return out;
}

void AskCompleteness::add(Part& all, Part&& more) {
  append(all.gateways, std::move(more.gateways));
  append(all.log_gaps, std::move(more.log_gaps));
  append(all.bound_rows, std::move(more.bound_rows));
  all.as_of_ns = std::min(all.as_of_ns, more.as_of_ns);
  all.tenant_seen_ns = std::min(all.tenant_seen_ns, more.tenant_seen_ns);
  all.least_other_ns = std::min(all.least_other_ns, more.least_other_ns);
  all.base_width_s = std::gcd(all.base_width_s, more.base_width_s);
}

// What is said of the gateways. False: something of one that is expected or possible is missing.
bool AskCompleteness::conclude_gateways(Part& part, const Range& judged, Completeness& out) const {
  bool whole = true;
  uint64_t passed = 0;
  int64_t least_ns = part.least_other_ns;
  for (GatewayNote& note : part.gateways) {
    const bool missing = !note.gaps.empty() || !note.lost.empty() || note.parked > 0;
    append(out.gaps, std::move(note.gaps));
    append(out.estimated, std::move(note.estimated));
    append(out.lost, std::move(note.lost));
    for (const auto& [reason, count] : note.rejected) out.rejected[reason] += count;
    out.parked += note.parked;
    if (note.overflow) out.overflow.push_back(note.gateway);
    if (note.retired) continue;
    whole = whole && !missing;
    least_ns = std::min(least_ns, note.frontier_ns);
    const bool behind = note.frontier_ns < (judged.to_ns ? *judged.to_ns : out.as_of_ns - note.allowance_ns);
    if (!note.contributes) {
      if (!behind) continue;
      if (out.possible.count++ < kPossibleTold) out.possible.gateways.push_back(note.gateway);
      continue;
    }
    out.expected++;
    if (!behind) {
      passed++;
      continue;
    }
    out.behind.push_back(
        {note.gateway, note.frontier_ns, note.mark_ns, note.last_seen_ns, GatewayView::state_of(note.absence, true)});
  }
  if (out.expected > 0) out.share = static_cast<double>(passed) / static_cast<double>(out.expected);
  out.to_ns = std::min(out.as_of_ns, least_ns);
  if (out.expected == 0 && judged.to_ns) out.to_ns = std::min(out.to_ns, *judged.to_ns);
  return whole;
}

Result<Completeness> AskCompleteness::conclude(Part&& part, const Coverage& coverage) const {
  Completeness out;
  out.partitions_missing = coverage.missing;
  out.partitions_expected = coverage.partitions;
  out.partitions_answered = coverage.partitions - static_cast<uint32_t>(coverage.missing.size());
  std::sort(part.gateways.begin(), part.gateways.end(), [](const GatewayNote& a, const GatewayNote& b) {
    return std::tie(a.gateway, a.first_seen_ns, a.frontier_ns) < std::tie(b.gateway, b.first_seen_ns, b.frontier_ns);
  });
  out.log_gaps = std::move(part.log_gaps);
  std::sort(out.log_gaps.begin(), out.log_gaps.end(), [](const LogGapNote& a, const LogGapNote& b) {
    return std::tie(a.partition, a.from_offset) < std::tie(b.partition, b.from_offset);
  });
  // The log's end was seen at a moment before now; a writer's clock that is ahead moves nothing.
  out.as_of_ns = std::clamp<int64_t>(part.as_of_ns, 0, std::max<int64_t>(now_ns, 0));
  const Range judged = rounded(range, part.base_width_s);
  if (judged != range) out.answered = judged;
  out.straddling = straddling_of(part.bound_rows, range, judged);
  const bool whole = conclude_gateways(part, judged, out);
  const bool log_whole = std::none_of(out.log_gaps.begin(), out.log_gaps.end(),
                                      [&](const LogGapNote& gap) { return may_touch(gap, judged); });
  const bool heard = judged.from_ns && (*judged.from_ns >= part.tenant_seen_ns || bug("first_heard_unasked"));
  out.complete = heard && judged.to_ns && out.as_of_ns >= *judged.to_ns && out.behind.empty() &&
                 out.possible.count == 0 && out.straddling.empty() && out.partitions_missing.empty() && whole &&
                 log_whole;
  return out;
}

void put(Out& out, const AskCompleteness::Part& part) {
  put(out, part.gateways);
  put(out, part.log_gaps);
  put(out, part.bound_rows);
  out.zigzag(part.as_of_ns).zigzag(part.tenant_seen_ns).zigzag(part.least_other_ns).varint(part.base_width_s);
}
bool get(In& in, AskCompleteness::Part& part) {
  if (!get(in, part.gateways) || !get(in, part.log_gaps) || !get(in, part.bound_rows, kRowsMax)) return false;
  part.as_of_ns = in.zigzag();
  part.tenant_seen_ns = in.zigzag();
  part.least_other_ns = in.zigzag();
  part.base_width_s = in.u32();
  return in.ok() && part.base_width_s <= kDayS;
}

void put(Out& out, const BoundRow& row) {
  put(out, row.row);
  out.zigzag(row.first_ns).zigzag(row.last_ns).varint(row.count);
}
bool get(In& in, BoundRow& row) {
  if (!get(in, row.row)) return false;
  row.first_ns = in.zigzag();
  row.last_ns = in.zigzag();
  row.count = in.varint();
  return in.ok();
}

void put(Out& out, const LogGapNote& gap) {
  out.varint(gap.partition).varint(gap.from_offset).varint(gap.to_offset).text(gap.cause).zigzag(gap.noticed_ns);
}
bool get(In& in, LogGapNote& gap) {
  gap.partition = in.u32();
  gap.from_offset = in.varint();
  gap.to_offset = in.varint();
  if (!in.text(gap.cause, kNoteBytesMax)) return false;
  gap.noticed_ns = in.zigzag();
  return in.ok() && gap.noticed_ns >= -kTimeBoundNs && gap.noticed_ns <= kTimeBoundNs;
}

void put(Out& out, const GatewayNote& note) {
  out.text(note.gateway).zigzag(note.frontier_ns).zigzag(note.mark_ns).zigzag(note.last_seen_ns);
  out.zigzag(note.first_seen_ns)
      .zigzag(note.allowance_ns)
      .u8(note.contributes)
      .u8(note.retired)
      .u8(note.overflow)
      .text(note.absence)
      .varint(note.parked);
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
  note.allowance_ns = in.zigzag();
  if (note.allowance_ns < 0 || note.allowance_ns > kTimeBoundNs) return false;
  if (!in.flag(note.contributes) || !in.flag(note.retired) || !in.flag(note.overflow) ||
      !in.text(note.absence, kTextBytesMax))
    return false;
  note.parked = in.varint();
  return get(in, note.gaps) && get(in, note.estimated) && get(in, note.lost) && get(in, note.rejected);
}

}  // namespace tributary::query
