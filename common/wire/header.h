// SPDX-License-Identifier: Apache-2.0
// Constants of the header's layout, shared by reader and writer (common/wire/FORMAT.md).
#pragma once

#include <cstddef>
#include <cstdint>

namespace tributary::wire {

inline constexpr uint32_t kMagic = 0x42495254;     // "TRIB", little-endian
inline constexpr uint32_t kAckMagic = 0x4b434154;  // "TACK", little-endian
inline constexpr size_t kItemBytesMin = 4;         // tag and length of the item, tag and length of its kind

}  // namespace tributary::wire
