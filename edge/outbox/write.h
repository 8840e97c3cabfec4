// SPDX-License-Identifier: Apache-2.0
// Write: one transaction of the outbox being filled, with what it will have changed in memory once it is committed.
// Nothing outside it changes before: a transaction that fails leaves no trace.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/series/series.h"
#include "common/stats/summary.h"
#include "common/store/env.h"
#include "edge/outbox/records.h"
#include "edge/outbox/tables.h"
#include "edge/outbox/undated/undated_state.h"

namespace tributary::edge {

// Rounds of merging waiting partials for a transaction that must go through, before it is given up.
inline constexpr int kRoomAttemptsMax = 1000;

struct Plan {
  struct Frozen {
    uint64_t seq = 0, bytes = 0;
    int64_t start_ns = 0;
  };
  Meta meta;
  std::vector<Frozen> frozen;
  uint64_t frozen_bytes = 0;
  std::map<WidthS, WaitingCount> waiting;
  int64_t waiting_min_ns = 0;
  size_t bytes = 0;  // about what was written
  uint64_t coarsened = 0;
  UndatedState undated;
};

// What transactions encode into, one after another, so that none allocates.
struct WriteBuffers {
  std::string content, sealed;
  std::unique_ptr<stats::Summary> summary = std::make_unique<stats::Summary>();
  std::vector<uint8_t> encoded = std::vector<uint8_t>(stats::kSummaryBytesMax);
};

struct Write {
  store::Txn& txn;
  const OutboxTables& tables;
  Plan& plan;
  WriteBuffers& buffers;

  // content with its checksum; its size on disk is then buffers.sealed.size().
  void put_sealed(store::Table table, const std::string& key, std::string_view content);
  void put_identity(const Identity& identity);
  void put_epoch(uint32_t index, uint64_t epoch);
  void put_meta();
  void put_series(uint32_t id, MetricKind kind, std::string_view identity);
  void put_previous(uint32_t series, const PreviousValue& previous);
  // Adds a partial to what waits under the key. A stored one that cannot be read back is replaced, and named later.
  void put_waiting(const WaitingKey& key, uint8_t flags, Bytes summary);
  // A loss of which nothing but the series is known. 0: not even that.
  void put_lost(uint32_t series) { put_waiting({kAllTime, 0, plan.meta.epoch_index, series}, WaitingValue::kLost, {}); }
};

std::optional<PreviousValue> read_previous(const store::Txn& txn, const OutboxTables& tables, uint32_t series);

}  // namespace tributary::edge
