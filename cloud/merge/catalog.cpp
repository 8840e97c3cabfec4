// SPDX-License-Identifier: Apache-2.0
// The catalogue of tenants, gateways and series: see catalog.h.
#include "cloud/merge/catalog.h"

namespace tributary::merge {
namespace {

// Beyond these the memory is given back; what is needed is read again.
constexpr size_t kSeriesHeldMax = 400'000;
constexpr size_t kGatewaysHeldMax = 20'000;

}  // namespace

void Catalog::clear() {
  tenants_.clear();
  gateways_.clear();
  series_.clear();
  dirty_gateways_.clear();
  dirty_series_.clear();
}

void Catalog::bound() {
  if (series_.size() > kSeriesHeldMax || gateways_.size() > kGatewaysHeldMax || tenants_.size() > kGatewaysHeldMax) {
    clear();
  }
}

uint32_t Catalog::tenant(state::WriteTxn& write, std::string_view name, int64_t append_ns) {
  std::string key(name);
  auto found = tenants_.find(key);
  if (found != tenants_.end()) return found->second;
  uint32_t no = 0;
  if (std::optional<std::string_view> stored = write.txn.get(write.tables.tenants, name)) {
    no = state::KeyReader(*stored).u32();
  } else {
    no = write.head.next_tenant++;
    write.txn.put(write.tables.tenants, name, state::number_key(no));
  }
  write.txn.insert(write.tables.meta, state::tenant_seen_key(no), state::Key().time(append_ns));
  tenants_.emplace(std::move(key), no);
  return no;
}

GatewayEntry& Catalog::gateway(state::WriteTxn& write, std::string_view tenant_name, std::string_view name,
                               int64_t append_ns) {
  const uint32_t tenant_no = tenant(write, tenant_name, append_ns);
  const state::Key name_key = state::Key().u32(tenant_no).text(name);
  std::unique_ptr<GatewayEntry>& slot = gateways_[std::string(name_key.view())];
  if (slot != nullptr) return *slot;
  auto entry = std::make_unique<GatewayEntry>();
  if (std::optional<std::string_view> stored = write.txn.get(write.tables.gateway_names, name_key)) {
    entry->no = state::KeyReader(*stored).u32();
    std::optional<std::string_view> record = write.txn.get(write.tables.gateways, state::number_key(entry->no));
    CHECK(record.has_value() && entry->record.decode(*record));
    if (std::optional<std::string_view> bytes = write.txn.get(write.tables.ledgers, state::number_key(entry->no))) {
      std::optional<ledger::GatewayLedger> ledger = ledger::GatewayLedger::decode(as_bytes(*bytes));
      CHECK(ledger.has_value());
      entry->ledger = std::move(*ledger);
    }
  } else {
    entry->no = write.head.next_gateway++;
    entry->record.tenant = tenant_name;
    entry->record.gateway = name;
    entry->record.tenant_no = tenant_no;
    entry->record.first_seen_ns = append_ns;
    write.txn.put(write.tables.gateway_names, name_key, state::number_key(entry->no));
    touch(*entry);
  }
  slot = std::move(entry);
  return *slot;
}

void Catalog::touch(GatewayEntry& entry) {
  if (entry.dirty) return;
  entry.dirty = true;
  dirty_gateways_.push_back(&entry);
}

SeriesEntry* Catalog::hold(std::string_view key, std::unique_ptr<SeriesEntry> entry) {
  auto held = series_.emplace(key, std::move(entry)).first;
  // Behind tenant and fleet; the map's keys do not move.
  held->second->id = std::string_view(held->first).substr(5);
  return held->second.get();
}

SeriesEntry* Catalog::load(const state::WriteTxn& write, uint32_t tenant_no, bool fleet, std::string_view id) {
  const state::Key key = state::series_key(tenant_no, fleet, id);
  std::string name(key.view());
  auto found = series_.find(name);
  if (found != series_.end()) return found->second.get();
  std::optional<std::string_view> stored = write.txn.get(write.tables.series, key);
  if (!stored) return nullptr;
  auto entry = std::make_unique<SeriesEntry>();
  entry->no = state::KeyReader(*stored).u32();
  std::optional<std::string_view> bytes = write.txn.get(write.tables.series_info, state::number_key(entry->no));
  state::SeriesInfo info;
  CHECK(bytes.has_value() && info.decode(*bytes));
  entry->kind = info.kind;
  if (std::optional<std::string_view> seen = write.txn.get(write.tables.seen, state::number_key(entry->no))) {
    entry->last_seen_ns = state::KeyReader(*seen).time();
  }
  return hold(name, std::move(entry));
}

SeriesEntry* Catalog::make(state::WriteTxn& write, uint32_t tenant_no, bool fleet, const Series& series,
                           std::string_view id) {
  auto entry = std::make_unique<SeriesEntry>();
  entry->no = write.head.next_series++;
  entry->kind = series.kind;
  const state::Key key = state::series_key(tenant_no, fleet, id);
  write.txn.put(write.tables.series, key, state::number_key(entry->no));
  const state::SeriesInfo info{.tenant_no = tenant_no, .fleet = fleet, .kind = series.kind, .id = std::string(id)};
  write.txn.put(write.tables.series_info, state::number_key(entry->no), info.encode());
  write.txn.put(write.tables.by_metric,
                state::Key().u32(tenant_no).text(series.metric).u8(0).u8(fleet ? 1 : 0).u32(entry->no),
                std::string_view{});
  return hold(key, std::move(entry));
}

SeriesEntry* Catalog::find_series(const state::WriteTxn& write, uint32_t tenant_no, std::string_view id) {
  SeriesEntry* entry = load(write, tenant_no, false, id);
  if (entry == nullptr || entry->fleet != nullptr) return entry;
  Result<Series> series = series_from_id(id);
  CHECK(series.ok());
  entry->fleet = load(write, tenant_no, true, series->fleet().id());
  CHECK(entry->fleet != nullptr);
  return entry;
}

SeriesEntry& Catalog::series(state::WriteTxn& write, uint32_t tenant_no, std::string_view id, MetricKind kind) {
  if (SeriesEntry* known = find_series(write, tenant_no, id)) return *known;
  Result<Series> series = series_from_id(id);
  CHECK(series.ok());
  series->kind = kind;
  SeriesEntry* entry = make(write, tenant_no, false, *series, id);
  const Series fleet = series->fleet();
  const std::string fleet_id = fleet.id();
  entry->fleet = load(write, tenant_no, true, fleet_id);
  if (entry->fleet == nullptr) entry->fleet = make(write, tenant_no, true, fleet, fleet_id);
  return *entry;
}

void Catalog::note(SeriesEntry& entry, int64_t last_ns, MetricKind kind, state::WriteTxn& write) {
  if (entry.kind != kind) {
    // The newest statement holds; it changes how a rate is told, not what is stored.
    entry.kind = kind;
    state::SeriesInfo info;
    std::optional<std::string_view> bytes = write.txn.get(write.tables.series_info, state::number_key(entry.no));
    CHECK(bytes.has_value() && info.decode(*bytes));
    info.kind = kind;
    write.txn.put(write.tables.series_info, state::number_key(entry.no), info.encode());
  }
  if (last_ns <= entry.last_seen_ns) return;
  entry.last_seen_ns = last_ns;
  if (entry.dirty) return;
  entry.dirty = true;
  dirty_series_.push_back(&entry);
}

void Catalog::seen(state::WriteTxn& write, SeriesEntry& entry, int64_t last_ns, MetricKind kind, uint32_t gateway_no) {
  note(entry, last_ns, kind, write);
  note(*entry.fleet, last_ns, kind, write);
  if (gateway_no == 0 || entry.contributor == gateway_no) return;
  // A gateway contributes to the fleet series from its first device on, so both entries are made together.
  if (!write.txn.insert(write.tables.contributors, state::Key().u32(entry.no).u32(gateway_no), std::string_view{})) {
    write.txn.insert(write.tables.contributors, state::Key().u32(entry.fleet->no).u32(gateway_no), std::string_view{});
  }
  entry.contributor = gateway_no;
}

void Catalog::flush(state::WriteTxn& write) {
  for (GatewayEntry* entry : dirty_gateways_) {
    entry->dirty = false;
    write.txn.put(write.tables.gateways, state::number_key(entry->no), entry->record.encode());
    std::vector<uint8_t> bytes;
    entry->ledger.encode(bytes);
    write.txn.put(write.tables.ledgers, state::number_key(entry->no), as_text(bytes));
  }
  dirty_gateways_.clear();
  for (SeriesEntry* entry : dirty_series_) {
    entry->dirty = false;
    write.txn.put(write.tables.seen, state::number_key(entry->no), state::Key().time(entry->last_seen_ns));
  }
  dirty_series_.clear();
}

}  // namespace tributary::merge
