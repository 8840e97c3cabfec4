// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as an acknowledgement, also with a checksum that fits. What is accepted encodes to the same
// bytes.
#include <vector>

#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/wire/message.h"

namespace {

using namespace tributary;

void run(Bytes bytes) {
  wire::Ack ack;
  if (!wire::decode_ack(bytes, ack)) return;
  std::vector<uint8_t> again(wire::kAckBytesMax);
  again.resize(wire::encode_ack(ack, again));
  CHECK(std::vector<uint8_t>(bytes.begin(), bytes.end()) == again);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  run({data, size});
  std::vector<uint8_t> sealed(data, data + size);
  uint32_t crc = crc32c(sealed);
  for (int shift = 0; shift < 32; shift += 8) sealed.push_back(static_cast<uint8_t>(crc >> shift));
  run(sealed);
  return 0;
}
