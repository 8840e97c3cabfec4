// SPDX-License-Identifier: Apache-2.0
// FAULTS 21 for the embedded log: whatever a disk does to its file, the log is refused by name, or the record that is
// damaged is named, or what is read is what was appended. Never a signal, never a record less or another one.
#include "tests/support/damage.h"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <map>

#include "cloud/log/embedded.h"
#include "common/runtime/faults.h"
#include "tests/support/temp_dir.h"

namespace tributary::log {
namespace {

constexpr int kAsAppended = 0, kStopped = store::kExitDamaged, kRefused = 20, kRecordNamed = 21, kOtherwise = 22,
              kUnnamed = 23;
constexpr uint32_t kPartitions = 3;
constexpr int kRecords = 400;

class LogDamage : public ::testing::Test {
 protected:
  void SetUp() override {
    config_.url = "lmdb://" + folder_.path() + "/log";
    config_.sync = false;
    config_.partitions = kPartitions;
    auto writer = open_writer(config_);
    ASSERT_TRUE(writer.ok());
    // In several transactions, some of them trimmed, so that there are free pages.
    for (int i = 0; i < kRecords; ++i) {
      Record record;
      record.tenant = "demo";
      record.gateway = "g" + std::to_string(i % 7);
      record.append_ns = i + 1;
      record.payload = std::string(static_cast<size_t>(i % 50 == 0 ? 9000 : 20 + i), static_cast<char>('a' + i % 26));
      appended_[partition_of(record.tenant, record.gateway, kPartitions)].push_back(record.payload);
      ASSERT_TRUE((*writer)->append(record, {}).ok());
      if (i % 16 == 0) (*writer)->flush();
    }
    (*writer)->flush();
    writer->reset();
    whole_ = test::read_file(file());
  }
  std::string file() const { return folder_.path() + "/log/data.mdb"; }

  // Reads everything, appends, and reads that.
  int use() {
    return test::outcome([&] {
      runtime::explain_file_faults("test");
      auto reader = open_reader(config_);
      const auto named = [&](const Error& error) {
        return error.message.find(folder_.path()) == std::string::npos ? kUnnamed : kRefused;
      };
      if (!reader) return named(reader.error());
      for (uint32_t partition = 0; partition < kPartitions; ++partition) {
        const auto bounds = (*reader)->bounds(partition);
        if (!bounds) return named(bounds.error());
        if (bounds->begin != 0 || bounds->end != appended_[partition].size()) return kOtherwise;
        for (Offset at = 0; at < bounds->end;) {
          const auto records = (*reader)->read(partition, at, 100, 1 << 20, 0);
          if (!records) {
            return records.error().message.find("offset " + std::to_string(at)) != std::string::npos ? kRecordNamed
                                                                                                     : kUnnamed;
          }
          for (const StoredRecord& one : *records) {
            if (one.offset != at || one.record.payload != appended_[partition][at]) return kOtherwise;
            ++at;
          }
        }
      }
      auto writer = open_writer(config_);
      if (!writer) return named(writer.error());
      int durable = 0;
      for (int i = 0; i < 50; ++i) {
        Record record;
        record.tenant = "demo";
        record.gateway = "g" + std::to_string(i % 7);
        record.append_ns = kRecords + i;
        record.payload = std::string(500, 'x');
        if (!(*writer)->append(record, [&](const Status& status) { durable += status.ok() ? 1 : 0; }).ok())
          return kOtherwise;
        (*writer)->flush();
      }
      if (!(*writer)->trouble().empty()) return kRefused;
      writer->reset();
      return durable == 50 ? kAsAppended : kOtherwise;
    });
  }

  test::TempDir folder_;
  LogConfig config_;
  std::map<uint32_t, std::vector<std::string>> appended_;
  std::string whole_;
};

TEST_F(LogDamage, IsRefusedByNameOrNamesTheRecordOrChangesNothing) {
  std::map<int, int> outcomes;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    std::string what;
    std::filesystem::remove_all(folder_.path() + "/log");
    std::filesystem::create_directories(folder_.path() + "/log");
    test::write_file(file(), test::damaged(whole_, seed, what));
    const int code = use();
    ++outcomes[code];
    EXPECT_TRUE(code == kAsAppended || code == kRefused || code == kRecordNamed || code == kStopped)
        << what << ": " << code;
  }
  for (const auto& [code, count] : outcomes) std::printf("outcome %d: %d\n", code, count);
  EXPECT_GT(outcomes[kRefused], 30);
  EXPECT_GT(outcomes[kRecordNamed], 30);
}

// The check must never take another process's commits for damage.
TEST_F(LogDamage, ASoundLogIsNeverRefusedWhileItIsWritten) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto writer = open_writer(config_);
    if (!writer) ::_exit(1);
    for (int i = 0;; ++i) {
      Record record;
      record.tenant = "demo";
      record.gateway = "g" + std::to_string(i % 7);
      record.append_ns = kRecords + i;
      record.payload = std::string(static_cast<size_t>(i % 3000), 'w');
      while (!(*writer)->append(record, {}).ok()) ::usleep(100);
      if (i % 4 == 0) (*writer)->flush();
    }
  }
  Offset end = 0;
  for (int round = 0; round < 200; ++round) {
    const auto reader = open_reader(config_);
    EXPECT_TRUE(reader.ok()) << reader.error().message;
    if (!reader.ok()) break;
    const Offset now = (*reader)->bounds(0)->end;
    EXPECT_GE(now, end);
    end = now;
  }
  EXPECT_GT(end, appended_[0].size()) << "it was written meanwhile";
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace tributary::log
