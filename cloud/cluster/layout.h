// SPDX-License-Identifier: Apache-2.0
// Layout: which aggregator owns which partition.
#pragma once

#include <cstdint>
#include <vector>

namespace tributary::cluster {

// Partition p belongs to ordinal p mod replicas.
struct Layout {
  uint32_t ordinal = 0;  // of this process
  uint32_t replicas = 1;
  uint32_t partitions = 1;

  uint32_t count_of(uint32_t of) const { return of < partitions ? (partitions - of - 1) / replicas + 1 : 0; }
  uint32_t partition_of(uint32_t of, uint32_t index) const { return of + index * replicas; }
  std::vector<uint32_t> partitions_of(uint32_t of) const {
    std::vector<uint32_t> all;
    for (uint32_t partition = of; partition < partitions; partition += replicas) all.push_back(partition);
    return all;
  }
};

}  // namespace tributary::cluster
