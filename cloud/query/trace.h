// SPDX-License-Identifier: Apache-2.0
// Trace: what the questions of one answer cost: which partitions answered, what was read of each, time by stage. Only
// collected when somebody asks for it.
#pragma once

#include <cstdint>
#include <map>

#include "cloud/query/codec.h"

namespace tributary::query {

struct Trace {
  struct Read {
    uint64_t rows = 0, bytes = 0;  // stored rows looked at, and their summaries' bytes
  };
  std::map<uint32_t, Read> partitions;  // that answered
  // Of all processes together: finding the series, reading rows, merging summaries, making the answer of the parts.
  int64_t select_ns = 0, read_ns = 0, merge_ns = 0, conclude_ns = 0;

  void add(const Trace& more);
};
void put(Out& out, const Trace& trace);
bool get(In& in, Trace& trace);

}  // namespace tributary::query
