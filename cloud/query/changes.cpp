// SPDX-License-Identifier: Apache-2.0
// What changed since a revision.
#include <unordered_map>

#include "cloud/query/answers.h"

namespace tributary::query {

Result<std::vector<Change>> answer_changes(const state::Snapshot& snapshot, const std::string& tenant, uint64_t after,
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

}  // namespace tributary::query
