// SPDX-License-Identifier: Apache-2.0
// Encoding of records: see record.h and FORMAT.md.
#include "cloud/log/record.h"

#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/crc32c.h"

namespace tributary::log {
namespace {

constexpr uint8_t kRecordVersion = 1;
constexpr size_t kChecksumBytes = 4;
constexpr size_t kAppendNsAt = 2;
constexpr size_t kFixedBytes = 18;
constexpr size_t kVarintBytesMax = 10;

Error corrupt(const std::string& why) { return {ErrorCode::kCorrupt, "not a log record: " + why}; }

bool take_text(ByteReader& reader, size_t bytes_max, std::string& out) {
  const uint64_t size = reader.varint();
  if (!reader.ok() || size > bytes_max || size > reader.remaining()) return false;
  out = as_text(reader.bytes(size));
  return reader.ok();
}

void put_text(ByteWriter& writer, std::string_view text) {
  writer.varint(text.size());
  writer.bytes(as_bytes(text));
}

// "1, 2, 3, 4 or 5".
std::string known_kinds() {
  std::vector<std::string> numbers;
  for (int number = 0; number < 256; ++number) {
    if (record_kind(static_cast<uint8_t>(number))) numbers.push_back(std::to_string(number));
  }
  std::string text = numbers.front();
  for (size_t i = 1; i < numbers.size(); ++i) text += (i + 1 < numbers.size() ? ", " : " or ") + numbers[i];
  return text;
}

}  // namespace

Status check_record(const Record& record) {
  const struct {
    const char* name;
    size_t size, size_max;
  } fields[] = {{"tenant", record.tenant.size(), kRecordNameBytesMax},
                {"gateway", record.gateway.size(), kRecordNameBytesMax},
                {"reason", record.reason.size(), kRecordNameBytesMax},
                {"idempotency key", record.idempotency_key.size(), kRecordNameBytesMax},
                {"payload", record.payload.size(), kRecordPayloadBytesMax}};
  for (const auto& field : fields) {
    if (field.size > field.size_max) {
      return Error{ErrorCode::kInvalid, std::string("found a ") + field.name + " of " + std::to_string(field.size) +
                                            " bytes, expected at most " + std::to_string(field.size_max)};
    }
  }
  return {};
}

std::string encode_record(const Record& record) {
  CHECK(check_record(record).ok());
  std::string out(kFixedBytes + 5 * kVarintBytesMax + record.tenant.size() + record.gateway.size() +
                      record.reason.size() + record.idempotency_key.size() + record.payload.size() + kChecksumBytes,
                  '\0');
  ByteWriter writer({reinterpret_cast<uint8_t*>(out.data()), out.size()});
  writer.u8(kRecordVersion);
  writer.u8(static_cast<uint8_t>(record.kind));
  writer.i64(record.append_ns);
  writer.u64(record.log_id);
  put_text(writer, record.tenant);
  put_text(writer, record.gateway);
  put_text(writer, record.reason);
  put_text(writer, record.idempotency_key);
  put_text(writer, record.payload);
  writer.u32(crc32c(writer.written()));
  CHECK(writer.ok());
  out.resize(writer.size());
  return out;
}

Result<Record> decode_record(std::string_view bytes) {
  if (bytes.size() < kFixedBytes + kChecksumBytes) return corrupt(std::to_string(bytes.size()) + " bytes are too few");
  const uint8_t version = static_cast<uint8_t>(bytes[0]);
  if (version != kRecordVersion) {
    return Error{ErrorCode::kUnsupported, "found a log record of version " + std::to_string(version) + ", expected " +
                                              std::to_string(kRecordVersion)};
  }
  const std::string_view checked = bytes.substr(0, bytes.size() - kChecksumBytes);
  ByteReader tail(as_bytes(bytes.substr(checked.size())));
  if (tail.u32() != crc32c(as_bytes(checked))) return corrupt("its checksum differs");

  ByteReader reader(as_bytes(checked));
  Record record;
  reader.u8();
  const uint8_t number = reader.u8();
  const auto kind = record_kind(number);
  if (!kind) {
    return Error{ErrorCode::kUnsupported,
                 "found a log record of kind " + std::to_string(number) + ", expected " + known_kinds()};
  }
  record.kind = kind->kind;
  record.append_ns = reader.i64();
  record.log_id = reader.u64();
  const bool whole = take_text(reader, kRecordNameBytesMax, record.tenant) &&
                     take_text(reader, kRecordNameBytesMax, record.gateway) &&
                     take_text(reader, kRecordNameBytesMax, record.reason) &&
                     take_text(reader, kRecordNameBytesMax, record.idempotency_key) &&
                     take_text(reader, kRecordPayloadBytesMax, record.payload) && reader.done();
  if (!whole) return corrupt("its fields do not fill it");
  return record;
}

std::optional<int64_t> peek_append_ns(std::string_view bytes) {
  if (bytes.size() < kFixedBytes + kChecksumBytes || static_cast<uint8_t>(bytes[0]) != kRecordVersion) {
    return std::nullopt;
  }
  ByteReader reader(as_bytes(bytes.substr(kAppendNsAt)));
  return reader.i64();
}

}  // namespace tributary::log
