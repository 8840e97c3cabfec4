// SPDX-License-Identifier: Apache-2.0
// Reading one partition's tables at one instant.
#include "cloud/state/snapshot.h"

#include <algorithm>

#include "cloud/state/chunk.h"

namespace tributary::state {

Result<Snapshot> Snapshot::take(const State& state, ReadTrace* trace, std::optional<int64_t> as_of_ns) {
  Result<store::Txn> txn = state.read();
  if (!txn) return txn.error();
  Result<Head> head = read_head(*txn, state.tables());
  if (!head) return head.error();
  return Snapshot(std::move(txn).value(), state, *head, trace, as_of_ns.value_or(head->clock_ns));
}

std::optional<uint32_t> Snapshot::tenant(std::string_view name) const {
  std::optional<std::string_view> no = txn_.get(tables_->tenants, name);
  if (!no) return std::nullopt;
  return KeyReader(*no).u32();
}

int64_t Snapshot::tenant_seen_ns(uint32_t tenant_no) const {
  const std::optional<std::string_view> seen = txn_.get(tables_->meta, tenant_seen_key(tenant_no));
  return seen ? KeyReader(*seen).time() : kAfterAll;
}

std::optional<SeriesInfo> Snapshot::series_info(uint32_t no) const {
  std::optional<std::string_view> bytes = txn_.get(tables_->series_info, number_key(no));
  SeriesInfo info;
  if (!bytes || !info.decode(*bytes)) return std::nullopt;
  return info;
}

int64_t Snapshot::last_seen_ns(uint32_t no) const {
  std::optional<std::string_view> seen = txn_.get(tables_->seen, number_key(no));
  return seen ? KeyReader(*seen).time() : kBeforeAll;
}

void Snapshot::each(store::Table table, std::string_view prefix,
                    const std::function<bool(std::string_view rest, std::string_view value)>& visit) const {
  each_from(table, prefix, "", visit);
}

void Snapshot::each_from(store::Table table, std::string_view prefix, std::string_view from,
                         const std::function<bool(std::string_view rest, std::string_view value)>& visit) const {
  constexpr size_t kFromBytes = 200;  // a key has room for them
  const std::string begin = std::string(prefix).append(from.substr(0, kFromBytes));
  store::Cursor cursor(txn_, table);
  for (bool more = cursor.seek(begin); more && cursor.key().starts_with(prefix); more = cursor.next()) {
    if (!visit(cursor.key().substr(prefix.size()), cursor.value())) return;
  }
}

void Snapshot::rows(store::Table table, int level, uint32_t no, int64_t from_s, int64_t to_s,
                    const std::function<void(const StoredRow&)>& visit) const {
  if (from_s >= to_s) return;
  const Key prefix = Key().u8(static_cast<uint8_t>(level)).u32(no);
  // The chunk that holds from_s, unless from_s is before all.
  const int64_t first = from_s <= -kStartMax ? kBeforeAll : chunk_start(level, from_s);
  store::Cursor cursor(txn_, table);
  for (bool more = cursor.seek(chunk_key(level, no, first)); more && cursor.key().starts_with(prefix.view());
       more = cursor.next()) {
    const int64_t chunk = KeyReader(cursor.key().substr(prefix.view().size())).time();
    if (chunk >= to_s) return;
    ChunkReader reader(level, chunk, cursor.value());
    ChunkRow row;
    while (reader.next(row)) {
      if (row.start_s >= to_s) return;
      count(row.summary);
      if (row.start_s >= from_s) visit({row.start_s, row.width_s, row.summary});
    }
    CHECK(!reader.corrupt());
  }
}

void Snapshot::rows_back(store::Table table, int level, uint32_t no, int64_t from_s, int64_t to_s,
                         const std::function<bool(int64_t chunk_s, const std::vector<StoredRow>& rows)>& visit) const {
  if (from_s >= to_s) return;
  const Key prefix = Key().u8(static_cast<uint8_t>(level)).u32(no);
  store::Cursor cursor(txn_, table);
  bool more = cursor.seek(chunk_key(level, no, to_s)) ? cursor.prev() : cursor.last();
  std::vector<StoredRow> rows;
  for (; more && cursor.key().starts_with(prefix.view()); more = cursor.prev()) {
    const int64_t chunk = KeyReader(cursor.key().substr(prefix.view().size())).time();
    ChunkReader reader(level, chunk, cursor.value());
    ChunkRow row;
    rows.clear();
    while (reader.next(row)) {
      count(row.summary);
      if (row.start_s >= from_s && row.start_s < to_s) rows.push_back({row.start_s, row.width_s, row.summary});
    }
    CHECK(!reader.corrupt());
    if (!visit(chunk, rows) || chunk <= from_s) return;
  }
}

std::optional<int64_t> Snapshot::newest_start(store::Table table, int level, uint32_t no) const {
  const Key prefix = Key().u8(static_cast<uint8_t>(level)).u32(no);
  store::Cursor cursor(txn_, table);
  const bool found = cursor.seek(chunk_key(level, no, kAfterAll)) ? cursor.prev() : cursor.last();
  if (!found || !cursor.key().starts_with(prefix.view())) return std::nullopt;
  ChunkReader reader(level, KeyReader(cursor.key().substr(prefix.view().size())).time(), cursor.value());
  ChunkRow row;
  std::optional<int64_t> newest;
  while (reader.next(row)) newest = row.start_s;
  CHECK(!reader.corrupt());
  return newest;
}

namespace {

struct FreshKey {
  int64_t start_s = 0;
  WidthS width_s = 0;
  uint32_t no = 0;
};

FreshKey parse_fresh(std::string_view bytes) {
  KeyReader reader(bytes);
  FreshKey key;
  key.start_s = reader.time();
  key.width_s = reader.u32();
  key.no = reader.u32();
  return key;
}

// Beyond this share of a window's series, stepping over the others is dearer than walking on.
constexpr int kStepsBeforeSeek = 4;

}  // namespace

void Snapshot::fresh(const std::vector<uint32_t>& numbers, int64_t from_s, int64_t to_s,
                     const std::function<void(size_t index, const StoredRow&)>& visit) const {
  from_s = std::max(from_s, head_.rolled_s);
  if (numbers.empty() || from_s >= to_s) return;
  store::Cursor cursor(txn_, tables_->fresh);
  bool more = cursor.seek(fresh_key(from_s, 0, numbers.front()));
  int steps = 0;
  while (more) {
    const FreshKey key = parse_fresh(cursor.key());
    if (key.start_s >= to_s) return;
    auto wanted = std::lower_bound(numbers.begin(), numbers.end(), key.no);
    if (wanted != numbers.end() && *wanted == key.no) {
      count(as_bytes(cursor.value()));
      visit(static_cast<size_t>(wanted - numbers.begin()), {key.start_s, key.width_s, as_bytes(cursor.value())});
      steps = 0;
      more = cursor.next();
    } else if (++steps <= kStepsBeforeSeek) {
      more = cursor.next();
    } else {
      steps = 0;
      more = wanted != numbers.end() ? cursor.seek(fresh_key(key.start_s, key.width_s, *wanted))
                                     : cursor.seek(fresh_key(key.start_s, key.width_s + 1, numbers.front()));
    }
  }
}

std::optional<std::pair<int64_t, WidthS>> Snapshot::newest_fresh(const std::vector<uint32_t>& numbers, int64_t from_s,
                                                                 const std::function<bool(WidthS)>& accepts) const {
  from_s = std::max(from_s, head_.rolled_s);
  if (numbers.empty()) return std::nullopt;
  store::Cursor cursor(txn_, tables_->fresh);
  bool more = cursor.last();
  while (more) {
    const FreshKey key = parse_fresh(cursor.key());
    if (key.start_s < from_s) return std::nullopt;
    if (accepts(key.width_s)) {
      auto after = std::upper_bound(numbers.begin(), numbers.end(), key.no);
      if (after != numbers.begin()) {
        const uint32_t candidate = *std::prev(after);
        if (candidate == key.no) return std::pair(key.start_s, key.width_s);
        // The greatest entry at or before (start, width, candidate).
        const Key at = fresh_key(key.start_s, key.width_s, candidate);
        if (cursor.seek(at) && cursor.key() == at.view()) return std::pair(key.start_s, key.width_s);
        more = cursor.valid() ? cursor.prev() : cursor.last();
        continue;
      }
    }
    // Nothing in this window: on to the one before it.
    more = cursor.seek(fresh_key(key.start_s, key.width_s, 0)) ? cursor.prev() : cursor.last();
  }
  return std::nullopt;
}

}  // namespace tributary::state
