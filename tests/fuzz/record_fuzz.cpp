// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as a record of the log. What is accepted encodes to the same bytes.
#include <algorithm>
#include <string>

#include "cloud/log/record.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"

namespace {

using namespace tributary;

void run(std::string_view bytes) {
  log::peek_append_ns(bytes);
  auto record = log::decode_record(bytes);
  if (!record.ok()) return;
  CHECK(log::check_record(*record).ok());
  CHECK(log::encode_record(*record) == bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  run({reinterpret_cast<const char*>(data), size});
  std::string sealed(reinterpret_cast<const char*>(data), size);
  uint32_t crc = crc32c({data, size});
  for (int shift = 0; shift < 32; shift += 8) sealed.push_back(static_cast<char>(crc >> shift));
  run(sealed);
  // Fields of any content, through the one encoded form and back.
  ByteReader in({data, size});
  auto text = [&] { return std::string(as_text(in.bytes(std::min<size_t>(in.u8(), in.remaining())))); };
  log::Record record;
  record.kind = static_cast<log::RecordKind>(1 + in.u8() % 4);
  record.append_ns = in.i64();
  record.log_id = in.u64();
  record.tenant = text();
  record.gateway = text();
  record.reason = text();
  record.idempotency_key = text();
  record.payload = std::string(as_text(in.bytes(in.remaining())));
  if (!log::check_record(record).ok()) return 0;
  const std::string bytes = log::encode_record(record);
  auto read = log::decode_record(bytes);
  CHECK(read.ok() && read->payload == record.payload && read->tenant == record.tenant);
  // With one byte changed it is refused.
  if (size > 0) {
    std::string broken = bytes;
    broken[data[size - 1] % broken.size()] ^= 0x10;
    CHECK(!log::decode_record(broken).ok());
  }
  return 0;
}
