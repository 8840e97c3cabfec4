// SPDX-License-Identifier: Apache-2.0
// Undated: the part of the outbox that keeps readings without a date while there is no clock, merges them into wider
// windows of monotonic time where the budget runs short, and dates them when the clock is set. Whatever happens within
// a transaction works on the state in its plan; committed takes it over. Every step moves its readings in one
// transaction. Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "common/base/time.h"
#include "common/runtime/result.h"
#include "common/store/env.h"
#include "edge/outbox/tables.h"
#include "edge/outbox/undated/undated_state.h"

namespace tributary::edge {

struct Write;

// What dating must know of a series.
struct SeriesShape {
  WidthS width_s = 10;
  bool counter = false;
  double reset_below = 0;  // of a counter (edge/window/counter.h)
};
using ShapeOf = std::function<SeriesShape(uint32_t series)>;

// What judges the readings that are dated.
struct DatingRules {
  int64_t now_wall_ns = 0;
  int64_t max_future_ns = 0;  // readings with a time of their own are refused beyond it
  int64_t past_max_ns = 0;    // and further than this before their arrival; 0: never
  ShapeOf shape;
};

class Undated {
 public:
  explicit Undated(const BootId& boot_id) : boot_id_(boot_id) {}

  // Reads what an earlier run left; used: the series that it speaks of are added. folder: for messages. kCorrupt.
  Status load(const store::Txn& txn, const OutboxTables& tables, const std::string& folder, std::set<uint32_t>& used);
  // A transaction was committed with this state in its plan.
  void committed(UndatedState state) { state_ = std::move(state); }

  const UndatedState& state() const { return state_; }
  bool empty() const { return state_.empty(); }
  uint64_t readings() const;        // that have no date yet, or are being dated
  bool clock_was_set() const;       // in this boot, by an earlier run
  bool has_unplaced() const;        // boots that have no base yet
  uint64_t bytes_to_merge() const;  // of what condense can make coarser

  // Within a transaction.
  // Keeps readings of this boot, in their order.
  void keep(Write& write, std::span<const UndatedReading> readings) const;
  // Gives every boot its base, once: a run that dies on the way leaves the rest to the next, with the same dates.
  static void place(Write& write, int64_t wall_at_boot_ns);
  // Dates some of the oldest; reads at most about bytes_max. False: there is nothing left to date.
  static bool date_some(Write& write, size_t bytes_max, const DatingRules& rules);
  // Merges some of the oldest of the level that takes most room into a wider one: the next, but readings as they came
  // into the first whose windows hold enough of them that a summary is smaller. Readings with a time of their own go to
  // waiting: there is no clock to judge it by, so the bridge will. False: there is nothing left to merge.
  static bool condense(Write& write, size_t bytes_max, const ShapeOf& shape);
  // The epoch begins: boots are forgotten, and the clock of this one counts as set.
  void end(Write& write) const;
  static void put_clock(Write& write);

 private:
  Status load_entry(const UndatedKey& key, const store::Cursor& at, const std::string& folder,
                    std::set<uint32_t>& used);

  BootId boot_id_;
  UndatedState state_;
};

}  // namespace tributary::edge
