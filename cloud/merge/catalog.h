// SPDX-License-Identifier: Apache-2.0
// The catalogue: tenants, gateways with their ledgers, and series, by name and by number, kept in memory across
// batches. It mirrors committed state plus the batch in work; after an aborted batch it must be forgotten.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cloud/state/records.h"
#include "cloud/state/state.h"
#include "cloud/state/tables.h"
#include "common/ledger/receiver.h"
#include "common/series/series.h"

namespace tributary::merge {

struct SeriesEntry;

struct GatewayEntry {
  uint32_t no = 0;
  state::GatewayRecord record;
  ledger::GatewayLedger ledger;
  bool dirty = false;
  // The series of its last message by their places in it: the next one mostly names the same.
  std::vector<SeriesEntry*> recent;
};

struct SeriesEntry {
  uint32_t no = 0;
  std::string_view id;           // Series::id(), kept by the catalogue
  SeriesEntry* fleet = nullptr;  // of a device's series
  MetricKind kind = MetricKind::kGauge;
  int64_t last_seen_ns = state::kBeforeAll;
  uint32_t contributor = 0;  // a gateway known to contribute; 0: none looked up yet
  bool dirty = false;
};

class Catalog {
 public:
  // Forgets everything in memory: before a batch is tried again, and after one failed.
  void clear();
  // Forgets if too much is held. Only between batches.
  void bound();

  uint32_t tenant(state::WriteTxn& write, std::string_view name, int64_t append_ns);
  // Known or new. The entry lives until clear().
  GatewayEntry& gateway(state::WriteTxn& write, std::string_view tenant, std::string_view gateway, int64_t append_ns);
  void touch(GatewayEntry& entry);

  // The entry of a device's series, or nullptr if the state never saw it.
  SeriesEntry* find_series(const state::WriteTxn& write, uint32_t tenant_no, std::string_view id);
  // The same, made if missing, with its fleet series. REQUIRES: id is that of a checked series.
  SeriesEntry& series(state::WriteTxn& write, uint32_t tenant_no, std::string_view id, MetricKind kind);
  // Notes a reading's time, the kind the sender states, and who delivered it (gateway_no 0: nobody, over HTTP).
  void seen(state::WriteTxn& write, SeriesEntry& entry, int64_t last_ns, MetricKind kind, uint32_t gateway_no);

  // Writes what changed. Before the commit.
  void flush(state::WriteTxn& write);

 private:
  SeriesEntry* load(const state::WriteTxn& write, uint32_t tenant_no, bool fleet, std::string_view id);
  SeriesEntry* make(state::WriteTxn& write, uint32_t tenant_no, bool fleet, const Series& series, std::string_view id);
  SeriesEntry* hold(std::string_view key, std::unique_ptr<SeriesEntry> entry);
  void note(SeriesEntry& entry, int64_t last_ns, MetricKind kind, state::WriteTxn& write);

  std::unordered_map<std::string, uint32_t> tenants_;
  std::unordered_map<std::string, std::unique_ptr<GatewayEntry>> gateways_;  // by tenant number and name
  std::unordered_map<std::string, std::unique_ptr<SeriesEntry>> series_;     // by state::series_key
  std::vector<GatewayEntry*> dirty_gateways_;
  std::vector<SeriesEntry*> dirty_series_;
};

}  // namespace tributary::merge
