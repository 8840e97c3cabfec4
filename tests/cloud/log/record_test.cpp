// SPDX-License-Identifier: Apache-2.0
// The record format: what is encoded comes back, and nothing else is taken for a record.
#include "cloud/log/record.h"

#include <gtest/gtest.h>

#include <random>

namespace tributary::log {
namespace {

Record sample() {
  Record record;
  record.kind = RecordKind::kIngest;
  record.tenant = "demo";
  record.gateway = "attic";
  record.idempotency_key = "k";
  record.append_ns = -5;
  record.log_id = 0x0123456789abcdef;
  record.payload = std::string("\x00\x01\x02", 3);
  return record;
}

TEST(LogRecord, EncodedFormIsThatOfTheFormatDocument) {
  const std::string bytes = encode_record(sample());
  const std::string expected_body = std::string("\x01\x04", 2) + std::string("\xfb\xff\xff\xff\xff\xff\xff\xff", 8) +
                                    std::string("\xef\xcd\xab\x89\x67\x45\x23\x01", 8) +
                                    "\x04"
                                    "demo" +
                                    "\x05"
                                    "attic" +
                                    std::string("\x00", 1) +
                                    "\x01"
                                    "k" +
                                    std::string("\x03\x00\x01\x02", 4);
  ASSERT_EQ(bytes.size(), expected_body.size() + 4);
  EXPECT_EQ(bytes.substr(0, expected_body.size()), expected_body);
  EXPECT_EQ(peek_append_ns(bytes), -5);
}

TEST(LogRecord, EveryCutAndEveryFlippedBitIsRefused) {
  const std::string bytes = encode_record(sample());
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_record(bytes.substr(0, size)).ok()) << size;
  EXPECT_FALSE(decode_record(bytes + '\0').ok());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_record(flipped).ok()) << "bit " << bit;
  }
}

TEST(LogRecord, ANewerVersionIsNamedAsSuch) {
  std::string bytes = encode_record(sample());
  bytes[0] = 2;
  auto decoded = decode_record(bytes);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(decoded.error().message.find('2'), std::string::npos);
}

TEST(LogRecord, RandomRecordsComeBackAsTheyWere) {
  const uint64_t seed = std::random_device{}();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  auto text = [&](size_t size_max) {
    std::string out(random() % (size_max + 1), '\0');
    for (char& byte : out) byte = static_cast<char>(random());
    return out;
  };
  for (int i = 0; i < 2000; ++i) {
    Record record;
    record.kind = static_cast<RecordKind>(1 + random() % 4);
    record.tenant = text(kRecordNameBytesMax);
    record.gateway = text(kRecordNameBytesMax);
    record.reason = text(40);
    record.idempotency_key = text(kRecordNameBytesMax);
    record.append_ns = static_cast<int64_t>(random());
    record.log_id = random();
    record.payload = text(i % 100 == 0 ? kRecordPayloadBytesMax : 2000);
    auto decoded = decode_record(encode_record(record));
    ASSERT_TRUE(decoded.ok()) << decoded.error().message;
    EXPECT_EQ(decoded->kind, record.kind);
    EXPECT_EQ(decoded->tenant, record.tenant);
    EXPECT_EQ(decoded->gateway, record.gateway);
    EXPECT_EQ(decoded->reason, record.reason);
    EXPECT_EQ(decoded->idempotency_key, record.idempotency_key);
    EXPECT_EQ(decoded->append_ns, record.append_ns);
    EXPECT_EQ(decoded->log_id, record.log_id);
    EXPECT_EQ(decoded->payload, record.payload);
  }
}

}  // namespace
}  // namespace tributary::log
