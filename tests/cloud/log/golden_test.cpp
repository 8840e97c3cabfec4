// SPDX-License-Identifier: Apache-2.0
// Records of the log encoded once are kept in tests/data/log and decode for ever. With TRIBUTARY_WRITE_GOLDEN set,
// files that are missing are written.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "cloud/log/record.h"

namespace tributary::log {
namespace {

const std::filesystem::path kData = TRIBUTARY_TEST_DATA;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

// One of each kind; the messages in them are kept ones, too.
std::vector<std::pair<const char*, Record>> samples() {
  Record message{.kind = RecordKind::kMessage, .tenant = "demo", .gateway = "attic"};
  message.append_ns = 1'700'000'000'000'000'000;
  message.log_id = 0x0123456789abcdef;
  message.payload = read_file(kData / "wire" / "v1" / "items.bin");
  Record rejected = message;
  rejected.kind = RecordKind::kRejected;
  rejected.reason = "future";
  Record status = message;
  status.kind = RecordKind::kStatus;
  status.payload = R"({"state":"online","version":"0.1.0"})";
  Record ingest = message;
  ingest.kind = RecordKind::kIngest;
  ingest.gateway =
      "sh\xc3\xa9"
      "d";
  ingest.idempotency_key = "order-17";
  ingest.append_ns = -1;
  return {{"message", message}, {"rejected", rejected}, {"status", status}, {"ingest", ingest}};
}

TEST(GoldenRecord, Version1DecodesForEverAndIsWrittenTheSame) {
  const std::filesystem::path folder = kData / "log" / "v1";
  for (const auto& [name, record] : samples()) {
    SCOPED_TRACE(name);
    const std::filesystem::path path = folder / (std::string(name) + ".bin");
    const std::string made = encode_record(record);
    if (!std::filesystem::exists(path) && std::getenv("TRIBUTARY_WRITE_GOLDEN") != nullptr) {
      std::filesystem::create_directories(folder);
      std::ofstream(path, std::ios::binary) << made;
    }
    const std::string kept = read_file(path);
    EXPECT_TRUE(made == kept);
    const auto read = decode_record(kept);
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->kind, record.kind);
    EXPECT_EQ(read->tenant, record.tenant);
    EXPECT_EQ(read->gateway, record.gateway);
    EXPECT_EQ(read->reason, record.reason);
    EXPECT_EQ(read->idempotency_key, record.idempotency_key);
    EXPECT_EQ(read->append_ns, record.append_ns);
    EXPECT_EQ(read->log_id, record.log_id);
    EXPECT_TRUE(read->payload == record.payload);
  }
}

}  // namespace
}  // namespace tributary::log
