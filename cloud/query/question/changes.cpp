// SPDX-License-Identifier: Apache-2.0
// What changed since a place: see changes.h.
#include "cloud/query/question/changes.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>

namespace tributary::query {
namespace {

// Changes of one partition after the revision; upto is the revision they reach.
Result<std::vector<Change>> changes_of(const state::Snapshot& snapshot, const std::string& tenant, uint64_t after,
                                       size_t max, uint64_t* upto) {
  const state::Head& head = snapshot.head();
  if (after < head.changes_low || after > head.position) {
    return Error{ErrorCode::kNotFound, "revision " + std::to_string(after) + " is not kept: changes are from " +
                                           std::to_string(head.changes_low) + " to " + std::to_string(head.position)};
  }
  std::vector<Change> changes;
  *upto = head.position;
  const std::optional<uint32_t> tenant_no = snapshot.tenant(tenant);
  if (!tenant_no) return changes;
  std::unordered_map<uint32_t, std::optional<Series>> names;  // without a value: another tenant's
  auto name = [&](uint32_t no) -> const std::optional<Series>& {
    auto [found, added] = names.try_emplace(no);
    if (!added) return found->second;
    std::optional<state::SeriesInfo> info = snapshot.series_info(no);
    CHECK(info.has_value());
    if (info->tenant_no == *tenant_no) {
      Result<Series> series = series_from_id(info->id);
      CHECK(series.ok());
      series->kind = info->kind;
      found->second = std::move(series).value();
    }
    return found->second;
  };
  store::Cursor cursor(snapshot.txn(), snapshot.tables().changes);
  state::ChangeRecord record;
  for (bool more = cursor.seek(state::Key().u64(after)); more; more = cursor.next()) {
    const uint64_t offset = state::KeyReader(cursor.key()).u64();
    int64_t clock_ns = 0;
    uint64_t rows = 0;
    CHECK(state::decode_change_head(cursor.value(), clock_ns, rows));
    if (!changes.empty() && changes.size() + rows > max) {
      *upto = offset;
      break;
    }
    CHECK(record.decode(cursor.value()));
    for (const state::ChangedRow& row : record.rows) {
      const std::optional<Series>& series = name(row.series_no);
      // A record is of one tenant.
      if (!series) break;
      changes.push_back({.revision = offset + 1, .series = *series, .row = {row.start_s, row.width_s}});
    }
  }
  return changes;
}

}  // namespace

void AskChanges::put(Out& out) const {
  query::put(out, tenant);
  query::put(out, after);
  out.varint(max);
  query::put(out, partitions);
}
bool AskChanges::get(In& in) {
  if (!query::get(in, tenant) || !query::get(in, after, kPartitionsMax)) return false;
  max = in.varint();
  return query::get(in, partitions, kPartitionsMax);
}

std::optional<AskChanges> AskChanges::for_share(const Share& share) const {
  AskChanges part{tenant, {}, std::max<uint64_t>(max / share.aggregators, 1), share.partitions};
  // Who is down is asked all the same, so that it is named.
  bool news = !share.up;
  for (size_t i = 0; i < share.partitions.size(); ++i) {
    const uint32_t partition = share.partitions[i];
    // A place of other partitions: the answer says so.
    if (partition >= after.size()) return part;
    part.after.push_back(after[partition]);
    news = news || i >= share.place.size() || part.after.back() != share.place[i];
  }
  if (!news) return std::nullopt;
  return part;
}

Result<AskChanges::Part> AskChanges::answer(const Snapshots& snapshots) const {
  if (after.size() != snapshots.size()) return Error{ErrorCode::kNotFound, "the place is of other partitions"};
  Part part{partitions, after, {}};
  for (size_t i = 0; i < snapshots.size(); ++i) {
    if (after[i].state_id != snapshots[i].state_id()) {
      return Error{ErrorCode::kNotFound, "the place is of another state"};
    }
  }
  for (size_t i = 0; i < snapshots.size(); ++i) {
    if (i > 0 && part.changes.size() >= max) break;
    auto changes =
        changes_of(snapshots[i], tenant, after[i].revision, max - part.changes.size(), &part.upto[i].revision);
    if (!changes) return changes.error();
    part.changes.insert(part.changes.end(), std::make_move_iterator(changes->begin()),
                        std::make_move_iterator(changes->end()));
  }
  return part;
}

void AskChanges::add(Part& all, Part&& more) {
  all.partitions.insert(all.partitions.end(), more.partitions.begin(), more.partitions.end());
  all.upto.insert(all.upto.end(), more.upto.begin(), more.upto.end());
  all.changes.insert(all.changes.end(), std::make_move_iterator(more.changes.begin()),
                     std::make_move_iterator(more.changes.end()));
}

Result<Changes> AskChanges::conclude(Part&& part, const Coverage& coverage) const {
  if (after.size() != coverage.partitions) return Error{ErrorCode::kNotFound, "the place is of other partitions"};
  Changes all{std::move(part.changes), after};
  for (size_t i = 0; i < part.partitions.size(); ++i) all.upto[part.partitions[i]] = part.upto[i];
  return all;
}

void put(Out& out, const Change& change) {
  out.varint(change.revision);
  put(out, change.series);
  put(out, change.row);
}
bool get(In& in, Change& change) {
  change.revision = in.varint();
  return get(in, change.series) && get(in, change.row);
}

void put(Out& out, const AskChanges::Part& part) {
  put(out, part.partitions);
  put(out, part.upto);
  put(out, part.changes);
}
bool get(In& in, AskChanges::Part& part) {
  return get(in, part.partitions, kPartitionsMax) && get(in, part.upto, kPartitionsMax) &&
         part.upto.size() == part.partitions.size() && get(in, part.changes);
}

}  // namespace tributary::query
