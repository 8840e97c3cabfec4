// SPDX-License-Identifier: Apache-2.0
// MurmurHash2, 32 bits, with the seed that Kafka's default partitioner uses
// (org.apache.kafka.common.utils.Utils.murmur2), so that every producer of any language puts a key into the same
// partition.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"

namespace tributary {

// The hash of key. Kafka's partition is (murmur2(key) & 0x7fffffff) % partitions.
uint32_t murmur2(Bytes key);

}  // namespace tributary
