// SPDX-License-Identifier: Apache-2.0
// The list of record kinds: what has a row is read, what has none is refused by its number.
#include "cloud/log/record_kinds.h"

#include <gtest/gtest.h>

#include <set>

#include "cloud/log/record.h"
#include "common/base/bytes.h"
#include "common/base/crc32c.h"

namespace tributary::log {
namespace {

// A record whose kind is this number, sound in all else.
std::string encoded(uint8_t number) {
  std::string bytes = encode_record({.tenant = "acme", .gateway = "attic"});
  bytes[1] = static_cast<char>(number);
  const uint32_t sum = crc32c(as_bytes(std::string_view(bytes).substr(0, bytes.size() - 4)));
  for (size_t i = 0; i < 4; ++i) bytes[bytes.size() - 4 + i] = static_cast<char>(sum >> (8 * i));
  return bytes;
}

TEST(RecordKinds, NumbersAndNamesAreThoseOfTheFormat) {
  const std::pair<uint8_t, const char*> expected[] = {{1, "message"}, {2, "rejected"}, {3, "status"}, {4, "ingest"}};
  for (const auto& [number, name] : expected) {
    const auto row = record_kind(number);
    ASSERT_TRUE(row.has_value()) << name;
    EXPECT_EQ(row->name, name);
    EXPECT_EQ(static_cast<uint8_t>(row->kind), number);
    EXPECT_EQ(row_of(row->kind).name, row->name);
  }
}

TEST(RecordKinds, ARecordIsReadExactlyIfItsKindHasARow) {
  std::set<std::string_view> names;
  for (int number = 0; number < 256; ++number) {
    const auto row = record_kind(static_cast<uint8_t>(number));
    const auto record = decode_record(encoded(static_cast<uint8_t>(number)));
    EXPECT_EQ(record.ok(), row.has_value()) << number;
    if (row) {
      EXPECT_TRUE(names.insert(row->name).second) << row->name << " names two kinds";
      continue;
    }
    EXPECT_EQ(record.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(record.error().message,
              "found a log record of kind " + std::to_string(number) + ", expected 1, 2, 3, 4 or 5");
  }
}

}  // namespace
}  // namespace tributary::log
