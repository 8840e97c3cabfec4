// SPDX-License-Identifier: Apache-2.0
// Trace, see trace.h.
#include "cloud/query/trace.h"

namespace tributary::query {

void Trace::add(const Trace& more) {
  for (const auto& [partition, read] : more.partitions) {
    partitions[partition].rows += read.rows;
    partitions[partition].bytes += read.bytes;
  }
  select_ns += more.select_ns;
  read_ns += more.read_ns;
  merge_ns += more.merge_ns;
  conclude_ns += more.conclude_ns;
}

void put(Out& out, const Trace& trace) {
  out.varint(trace.partitions.size());
  for (const auto& [partition, read] : trace.partitions) out.varint(partition).varint(read.rows).varint(read.bytes);
  out.zigzag(trace.select_ns).zigzag(trace.read_ns).zigzag(trace.merge_ns).zigzag(trace.conclude_ns);
}
bool get(In& in, Trace& trace) {
  const uint64_t count = in.varint();
  trace.partitions.clear();
  if (!in.ok() || count > kPartitionsMax) return false;
  for (uint64_t i = 0; i < count; ++i) {
    const uint32_t partition = in.u32();
    if (!trace.partitions.empty() && partition <= trace.partitions.rbegin()->first) return false;
    Trace::Read& read = trace.partitions[partition];
    read.rows = in.varint();
    read.bytes = in.varint();
    if (!in.ok()) return false;
  }
  for (int64_t* time_ns : {&trace.select_ns, &trace.read_ns, &trace.merge_ns, &trace.conclude_ns}) {
    *time_ns = in.zigzag();
    // An hour is more than any answer takes, and sums of it stay numbers.
    if (*time_ns < 0 || *time_ns > 3'600'000'000'000) return false;
  }
  return in.ok();
}

}  // namespace tributary::query
