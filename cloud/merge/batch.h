// SPDX-License-Identifier: Apache-2.0
// Batch: the records of one merge transaction, applied in order. Nothing here knows where a batch ends: the state after
// a record depends on the records alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/merge/catalog.h"
#include "cloud/merge/rows.h"
#include "cloud/merge/writer.h"
#include "common/message/decoder.h"

namespace tributary::merge {

using message::MessageDecoder;
using message::MessageItem;
using message::MessageSeries;

// What a batch did; added to MergeCounters after its commit.
struct BatchCounts {
  uint64_t records = 0, merged = 0, duplicates = 0, parked = 0, rejected = 0, late = 0, lost = 0;
  uint64_t dead_letters = 0;  // places where something was rejected or parked, also if its seqs were settled before
};

// Kept from batch to batch by the writer, so that names and buffers are made once.
struct BatchMemory {
  Catalog catalog;
  MessageDecoder decoder;
  RowBuffer rows;

  void clear() {
    catalog.clear();
    rows.clear();
  }
};

// Retires a gateway (no longer expected) or takes it back. False: none of this name is known.
bool retire_gateway(state::WriteTxn& write, std::string_view tenant, std::string_view gateway, bool retired);

class Batch {
 public:
  // Everything must outlive the batch; the records applied too, until finish().
  Batch(state::WriteTxn& write, const WriterConfig& config, BatchMemory& memory)
      : write_(write), config_(config), memory_(memory) {}

  // REQUIRES: stored.offset is the head's position.
  void apply(const log::StoredRecord& stored);
  // Writes what is still in memory.
  void finish();

  const BatchCounts& counts() const { return counts_; }

 private:
  void apply_message(const log::Record& record);
  void apply_rejected(const log::Record& record);
  void apply_status(const log::Record& record);
  void apply_ingest(const log::Record& record);
  void apply_control(const log::Record& record);
  void reject_message(GatewayEntry& gateway, std::string_view reason);
  // Looks up the decoded message's series, of a gateway or (nullptr) over HTTP. False if a name is none after all:
  // nothing of the message may count.
  bool find_series(uint32_t tenant_no, GatewayEntry* gateway);
  void apply_item(GatewayEntry& gateway, const MessageItem& item, const log::Record& record);
  void open_epoch(GatewayEntry& gateway, const MessageItem& item, const log::Record& record);
  void park(const GatewayEntry& gateway, const MessageItem& item, std::string_view reason);
  void set_aside(GatewayEntry& gateway, std::string_view reason);
  void note_estimated(GatewayEntry& gateway, const MessageItem& item);
  bool is_future(const MessageItem& item, const log::Record& record) const;
  // gateway_no 0: it came over HTTP.
  void merge_partial(uint32_t tenant_no, uint32_t gateway_no, const MessageItem& item);
  // True if the key was heard within a day; remembers it otherwise.
  // Whether the key of an ingest record was heard within its span, and with which body.
  enum class Heard : uint8_t { kNever, kSame, kOther };
  Heard hear_key(uint32_t tenant_no, const log::Record& record);
  void expire_idempotency_keys();
  void add_row(const RowItem& item);
  void write_changes();
  void trim_changes();

  state::WriteTxn& write_;
  const WriterConfig& config_;
  BatchMemory& memory_;
  BatchCounts counts_;
  std::vector<SeriesEntry*> message_series_;  // of the message in work; nullptr: new, not made yet
  std::vector<state::ChangedRow> changed_;    // by the record in work
};

}  // namespace tributary::merge
