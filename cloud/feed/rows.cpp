// SPDX-License-Identifier: Apache-2.0
// Rows as the feed tells them, see rows.h.
#include "cloud/feed/rows.h"

#include "cloud/render/answers.h"
#include "cloud/render/stats.h"
#include "cloud/state/chunk.h"
#include "common/base/hex.h"

namespace tributary::feed {
namespace {

constexpr size_t kSeriesIdBytesMax = 480;  // as Series::id() promises
constexpr int kFirstDirect = 2;

void begin_key(api::JsonWriter& json, const RowName& name) {
  json.begin_array().value(name.tenant);
  if (name.series.device.empty()) {
    json.null();
  } else {
    json.value(name.series.device);
  }
  json.value(name.series.metric);
  api::write_labels(json, name.series.labels);
  if (name.series.overflow) json.value("overflow");
}

}  // namespace

RowName NameBook::name(uint32_t series_no, int64_t start_s, WidthS width_s) {
  if (entries_.size() <= series_no) entries_.resize(series_no + 1);
  std::optional<Entry>& entry = entries_[series_no];
  if (!entry) {
    const auto info = snapshot_.series_info(series_no);
    CHECK(info.has_value());
    auto series = series_from_id(info->id);
    CHECK(series.ok());
    entry.emplace();
    entry->series = std::move(series).value();
    entry->series.kind = info->kind;
    entry->fleet = info->fleet;
    // Tenants are few; their names are found by number.
    snapshot_.each(snapshot_.tables().tenants, "", [&](std::string_view tenant, std::string_view no) {
      if (state::KeyReader(no).u32() != info->tenant_no) return true;
      entry->tenant = tenant;
      return false;
    });
  }
  return {entry->tenant, entry->series, entry->fleet, start_s, width_s};
}

void add_row(const state::Snapshot& snapshot, const RowName& name, stats::Summary& out) {
  const auto tenant_no = snapshot.tenant(name.tenant);
  const std::string id = name.series.id();
  if (!tenant_no || id.size() > kSeriesIdBytesMax) return;
  const state::Tables& tables = snapshot.tables();
  const auto found = snapshot.txn().get(tables.series, state::series_key(*tenant_no, name.fleet, id));
  if (!found) return;
  const uint32_t no = state::KeyReader(*found).u32();
  const auto add = [&](const state::StoredRow& stored) {
    if (stored.width_s == name.width_s) CHECK(out.merge_encoded(stored.summary));
  };
  const int level = state::level_of(name.width_s);
  const store::Table table = level == state::kBaseLevel ? tables.rows : tables.direct;
  snapshot.rows(table, level, no, name.start_s, name.start_s + 1, add);
  snapshot.fresh({no}, name.start_s, name.start_s + 1, [&](size_t, const state::StoredRow& stored) { add(stored); });
}

std::string row_key(const RowName& name, const Teller& teller) {
  api::JsonWriter json;
  begin_key(json, name);
  json.value(api::time_text_s(name.start_s)).value(name.width_s);
  if (teller.replicas > 1) json.value(std::to_string(teller.ordinal) + "/" + std::to_string(teller.replicas));
  json.end_array();
  return json.take();
}

FeedRecord row_message(const RowName& name, const stats::Summary& summary, const Teller& teller) {
  FeedRecord message;
  message.topic = Topic::kWindows;
  api::JsonWriter place;
  begin_key(place, name);
  place.end_array();
  message.placed_by = place.take();
  message.key = row_key(name, teller);
  api::JsonWriter json;
  json.begin_object().field("tenant", name.tenant).field("metric", name.series.metric);
  if (!name.series.device.empty()) json.field("device", name.series.device);
  if (name.series.overflow) json.field("overflow_series", true);
  json.key("labels");
  api::write_labels(json, name.series.labels);
  json.field("start", api::time_text_s(name.start_s)).field("width", name.width_s);
  json.field("revision", teller.revision).field("state", hex16(teller.state_id));
  if (teller.replicas > 1) {
    json.key("share").begin_object().field("ordinal", teller.ordinal).field("of", teller.replicas).end_object();
  }
  api::write_summary(json, summary, api::summary_stats(), {name.series.kind, static_cast<double>(name.width_s)});
  json.end_object();
  message.value = json.take();
  return message;
}

void walk_rows(const state::Snapshot& snapshot, RowWalk& walk, size_t rows_max,
               const std::function<void(uint32_t, int64_t, WidthS)>& visit) {
  const state::Tables& tables = snapshot.tables();
  size_t rows = 0;
  while (!walk.done() && rows < rows_max) {
    const int level = walk.table < kFirstDirect ? state::kBaseLevel : walk.table - kFirstDirect + 1;
    const store::Table table = walk.table == 0 ? tables.fresh : walk.table == 1 ? tables.rows : tables.direct;
    store::Cursor cursor(snapshot.txn(), table);
    const std::string prefix = walk.table == 0 ? "" : std::string(state::Key().u8(static_cast<uint8_t>(level)).view());
    bool more = cursor.seek(walk.key.empty() ? prefix : walk.key);
    if (more && !walk.key.empty() && cursor.key() == walk.key) more = cursor.next();
    for (; more && cursor.key().starts_with(prefix) && rows < rows_max; more = cursor.next()) {
      walk.key = cursor.key();
      state::KeyReader key(cursor.key());
      if (walk.table == 0) {
        const int64_t start_s = key.time();
        const WidthS width_s = key.u32();
        visit(key.u32(), start_s, width_s);
        ++rows;
        continue;
      }
      key.u8();
      const uint32_t no = key.u32();
      state::ChunkReader chunk(level, key.time(), cursor.value());
      for (state::ChunkRow row; chunk.next(row); ++rows) visit(no, row.start_s, row.width_s);
      CHECK(!chunk.corrupt());
    }
    if (!more || !cursor.key().starts_with(prefix)) {
      ++walk.table;
      walk.key.clear();
    }
  }
}

}  // namespace tributary::feed
