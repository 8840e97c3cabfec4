// SPDX-License-Identifier: Apache-2.0
// CRC-32C (Castagnoli: polynomial 0x1EDC6F41, reflected), as in iSCSI (RFC 3720, appendix B.4). Freestanding.
#pragma once

#include <cstdint>

#include "common/base/bytes.h"

namespace tributary {

// The checksum of bytes. seed: the checksum of what came before, so that crc32c(b, crc32c(a)) is that of a followed by
// b.
uint32_t crc32c(Bytes bytes, uint32_t seed = 0);

}  // namespace tributary
