// SPDX-License-Identifier: Apache-2.0
// Opening the tables of a state, and its head's bytes.
#include "cloud/state/tables.h"

#include "common/base/bytes.h"

namespace tributary::state {

Result<Tables> open_tables(store::Env& env) {
  Tables tables;
  for (const TableRow& row : kTables) {
    Result<store::Table> opened = env.table(row.name);
    if (!opened) return opened.error();
    tables.*row.table = *opened;
  }
  return tables;
}

std::string encode_head(const Head& head) {
  std::array<uint8_t, 128> buffer;
  ByteWriter out(buffer);
  out.u64(head.position);
  out.i64(head.clock_ns);
  out.i64(head.rolled_s);
  for (int64_t cutoff : head.cutoff_s) out.i64(cutoff);
  out.u64(head.changes_low);
  out.u64(head.changes_entries);
  out.u32(head.next_tenant);
  out.u32(head.next_gateway);
  out.u32(head.next_series);
  CHECK(out.ok());
  return std::string(as_text(out.written()));
}

Result<Head> read_head(const store::Txn& txn, const Tables& tables) {
  std::optional<std::string_view> bytes = txn.get(tables.meta, "head");
  if (!bytes) return Error{ErrorCode::kCorrupt, "the state has no head: it was not made by this program"};
  ByteReader in(as_bytes(*bytes));
  Head head;
  head.position = in.u64();
  head.clock_ns = in.i64();
  head.rolled_s = in.i64();
  for (int64_t& cutoff : head.cutoff_s) cutoff = in.i64();
  head.changes_low = in.u64();
  head.changes_entries = in.u64();
  head.next_tenant = in.u32();
  head.next_gateway = in.u32();
  head.next_series = in.u32();
  if (!in.done()) return Error{ErrorCode::kCorrupt, "the state's head is damaged: its length is not that of format 1"};
  return head;
}

}  // namespace tributary::state
