// SPDX-License-Identifier: Apache-2.0
// What the embedded log promises beyond the contract: killed writers, trimming, full disks, damaged files, quick
// waking.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <future>
#include <thread>

#include "cloud/log/embedded.h"
#include "cloud/log/log.h"
#include "tests/support/temp_dir.h"

namespace tributary::log {
namespace {

LogConfig config_of(const test::TempDir& folder) {
  LogConfig config;
  config.url = "lmdb://" + folder.path() + "/log";
  return config;
}

Record record_of(const std::string& payload, int64_t append_ns = 1) {
  Record record;
  record.tenant = "demo";
  record.gateway = "attic";
  record.append_ns = append_ns;
  record.payload = payload;
  return record;
}

// Appends numbers for ever, and tells each one that is done to the pipe. Never returns.
[[noreturn]] void append_until_killed(const LogConfig& config, int pipe) {
  auto writer = open_writer(config);
  if (!writer) ::_exit(1);
  for (uint64_t i = 0;; ++i) {
    auto done = [pipe, i](const Status& status) {
      if (status.ok() && ::write(pipe, &i, sizeof i) != sizeof i) ::_exit(2);
    };
    while (!(*writer)->append(record_of(std::to_string(i)), done).ok()) ::usleep(100);
  }
}

TEST(EmbeddedLog, AWriterKilledAmidAppendsLosesNothingThatWasDone) {
  test::TempDir folder;
  const LogConfig config = config_of(folder);
  uint64_t expected_end = 0;
  for (int round = 0; round < 5; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) append_until_killed(config, pipe[1]);
    ::close(pipe[1]);
    uint64_t done = 0, number = 0;
    const uint64_t wanted = 200 + 137 * round;
    while (done < wanted && ::read(pipe[0], &number, sizeof number) == sizeof number) ++done;
    ASSERT_EQ(done, wanted);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    while (::read(pipe[0], &number, sizeof number) == sizeof number) ++done;
    ::close(pipe[0]);

    // The log opens at once although the writer may have died inside a transaction, and holds a gapless prefix.
    auto reader = open_reader(config);
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    auto bounds = (*reader)->bounds(0);
    ASSERT_TRUE(bounds.ok());
    ASSERT_GE(bounds->end - expected_end, done);
    uint64_t next = 0;
    while (expected_end < bounds->end) {
      auto some = (*reader)->read(0, expected_end, 1000, 1 << 20, 0);
      ASSERT_TRUE(some.ok()) << some.error().message;
      for (const auto& stored : *some) {
        ASSERT_EQ(stored.record.payload, std::to_string(next++));
        ++expected_end;
      }
    }
    auto writer = open_writer(config);
    ASSERT_TRUE(writer.ok()) << writer.error().message;
    std::promise<bool> appended;
    ASSERT_TRUE((*writer)->append(record_of("between"), [&](const Status& s) { appended.set_value(s.ok()); }).ok());
    EXPECT_TRUE(appended.get_future().get());
    ++expected_end;
  }
}

TEST(EmbeddedLog, RecordsBeyondTheRetentionTimeAreTrimmedAndTheirOffsetsNotUsedAgain) {
  test::TempDir folder;
  LogConfig config = config_of(folder);
  config.retention_ms = 1000;
  auto writer = open_writer(config);
  ASSERT_TRUE(writer.ok());
  constexpr int64_t kMillisecond = 1'000'000;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE((*writer)->append(record_of("x", i * 100 * kMillisecond), nullptr).ok());
    if (i % 10 == 9) (*writer)->flush();
  }
  (*writer)->flush();
  auto reader = open_reader(config);
  ASSERT_TRUE(reader.ok());
  Bounds bounds = *(*reader)->bounds(0);
  EXPECT_EQ(bounds.end, 100U);
  EXPECT_EQ(bounds.begin, 89U) << "the newest is at 9.9 s, so 8.9 s is the oldest to stay";
  auto trimmed = (*reader)->read(0, 10, 1, 1000, 0);
  ASSERT_FALSE(trimmed.ok());
  EXPECT_EQ(trimmed.error().code, ErrorCode::kNotFound);
  // A pause longer than the retention leaves the newest only; offsets go on.
  ASSERT_TRUE((*writer)->append(record_of("x", 1'000'000 * kMillisecond), nullptr).ok());
  (*writer)->flush();
  bounds = *(*reader)->bounds(0);
  EXPECT_EQ(bounds.begin, 100U);
  EXPECT_EQ(bounds.end, 101U);
}

TEST(EmbeddedLog, RecordsBeyondTheRetentionBytesAreTrimmed) {
  test::TempDir folder;
  LogConfig config = config_of(folder);
  config.retention_bytes = 1 << 20;
  auto writer = open_writer(config);
  ASSERT_TRUE(writer.ok());
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE((*writer)->append(record_of(std::string(1000, 'x'), i), nullptr).ok());
    if (i % 100 == 0) (*writer)->flush();
  }
  (*writer)->flush();
  auto reader = open_reader(config);
  const Bounds bounds = *(*reader)->bounds(0);
  EXPECT_EQ(bounds.end, 5000U);
  EXPECT_LT(bounds.end - bounds.begin, 1100U);
  EXPECT_GT(bounds.end - bounds.begin, 500U);
  EXPECT_LT(std::filesystem::file_size(folder.path() + "/log/data.mdb"), 8U << 20) << "pages are used again";
}

TEST(EmbeddedLog, AFullDiskIsNamedLosesNothingAndPassesByItself) {
  test::TempDir folder;
  LogConfig config = config_of(folder);
  config.map_bytes_max = 1 << 20;
  config.retention_ms = 1000;
  config.queue_records_max = 64;
  std::atomic<uint64_t> done{0}, failed{0};
  auto count = [&](const Status& status) { (status.ok() ? done : failed) += 1; };
  auto writer = open_writer(config);
  ASSERT_TRUE(writer.ok()) << writer.error().message;
  uint64_t taken = 0;
  // Fills the file with records of one instant, which retention must keep.
  while ((*writer)->trouble().empty()) {
    if ((*writer)->append(record_of(std::string(3000, 'x'), 1), count).ok()) ++taken;
    if (taken % 16 == 0) (*writer)->flush();
    ASSERT_LT(taken, 10'000U);
  }
  EXPECT_NE((*writer)->trouble().find("disk full"), std::string::npos) << (*writer)->trouble();
  // The queue takes what it can hold, then refuses, saying why.
  Status refused;
  while (refused.ok()) {
    refused = (*writer)->append(record_of(std::string(3000, 'x'), 1), count);
    taken += refused.ok();
    ASSERT_LT(taken, 10'000U);
  }
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
  EXPECT_NE(refused.error().message.find("disk full"), std::string::npos) << refused.error().message;
  EXPECT_LT(done, taken);
  // Space returns (here: the file may grow again), and everything taken is in the log, in order.
  const uint64_t done_while_full = done;
  writer->reset();
  EXPECT_EQ(done + failed, taken) << "a writer that is destroyed while full refuses what it could not write";
  config.map_bytes_max = 64 << 20;
  writer = open_writer(config);
  ASSERT_TRUE(writer.ok()) << writer.error().message;
  EXPECT_EQ((*open_reader(config))->bounds(0)->end, done_while_full);
  std::promise<bool> appended;
  ASSERT_TRUE((*writer)->append(record_of("x", 1), [&](const Status& s) { appended.set_value(s.ok()); }).ok());
  EXPECT_TRUE(appended.get_future().get());
  EXPECT_EQ((*writer)->trouble(), "");
}

TEST(EmbeddedLog, AFullLogGoesOnWhenRetentionMakesRoom) {
  test::TempDir folder;
  LogConfig config = config_of(folder);
  config.map_bytes_max = 1 << 20;
  config.retention_ms = 1000;
  auto writer = open_writer(config);
  ASSERT_TRUE(writer.ok());
  uint64_t taken = 0;
  while ((*writer)->trouble().empty()) {
    taken += (*writer)->append(record_of(std::string(3000, 'x'), 1), nullptr).ok();
    (*writer)->flush();
    ASSERT_LT(taken, 10'000U);
  }
  writer->reset();
  writer = open_writer(config);
  // Two seconds later the old records may go: the append succeeds although the file is full.
  std::promise<bool> appended;
  ASSERT_TRUE(
      (*writer)->append(record_of("late", 2'000'000'000), [&](const Status& s) { appended.set_value(s.ok()); }).ok());
  EXPECT_TRUE(appended.get_future().get());
}

TEST(EmbeddedLog, AFullLogGoesOnByItselfWhenTimePassesAndKeepsWhatWaitedLongerThanItsRetention) {
  test::TempDir folder;
  LogConfig config = config_of(folder);
  config.map_bytes_max = 1 << 20;
  config.retention_ms = 500;
  config.restamp_ms = 20;
  auto writer = open_writer(config);
  ASSERT_TRUE(writer.ok());
  std::atomic<uint64_t> done{0};
  auto count = [&](const Status& status) { done += status.ok(); };
  uint64_t taken = 0;
  // All of one instant, which retention must keep, until the file is full; then the queue waits for longer than that.
  while ((*writer)->trouble().empty()) {
    taken += (*writer)->append(record_of(std::to_string(taken) + std::string(3000, 'x')), count).ok();
    (*writer)->flush();
    ASSERT_LT(taken, 10'000U);
  }
  const uint64_t waiting = taken - done;
  ASSERT_GT(waiting, 0U);
  while (!(*writer)->trouble().empty()) ::usleep(1000);
  (*writer)->flush();
  EXPECT_EQ(done, taken);
  // What waited has the time of its writing: it is not older than retention.
  auto reader = open_reader(config);
  ASSERT_TRUE(reader.ok());
  const Bounds bounds = *(*reader)->bounds(0);
  EXPECT_EQ(bounds.end, taken);
  ASSERT_LE(bounds.begin, taken - waiting);
  auto read = (*reader)->read(0, taken - waiting, 1, 1 << 20, 0);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->at(0).record.payload, std::to_string(taken - waiting) + std::string(3000, 'x'));
  EXPECT_GE(read->at(0).record.append_ns, 500'000'000) << "the time of its writing";
}

// A child that writes into a file that may not grow, until it may. The exit code says where it failed.
[[noreturn]] void write_through_a_failing_disk(const LogConfig& config) {
  std::signal(SIGXFSZ, SIG_IGN);  // so that a write beyond the limit fails with EFBIG
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlim_t unlimited = limit.rlim_cur;
  limit.rlim_cur = 1 << 20;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  auto writer = open_writer(config);
  if (!writer) ::_exit(1);
  std::atomic<uint64_t> done{0};
  uint64_t taken = 0;
  while ((*writer)->trouble().empty()) {
    const std::string payload = std::to_string(taken) + std::string(3000, 'x');
    taken += (*writer)->append(record_of(payload), [&](const Status& status) { done += status.ok(); }).ok();
    (*writer)->flush();
    if (taken > 10'000) ::_exit(2);
  }
  if (done >= taken) ::_exit(3);
  limit.rlim_cur = unlimited;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  while (!(*writer)->trouble().empty()) ::usleep(1000);
  (*writer)->flush();
  writer->reset();
  ::_exit(done == taken ? 0 : 4);
}

TEST(EmbeddedLog, AfterFailedWritesItGoesOnByItselfAndEverythingTakenIsThere) {
  test::TempDir folder;
  const LogConfig config = config_of(folder);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) write_through_a_failing_disk(config);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  ASSERT_EQ(WEXITSTATUS(status), 0);
  auto reader = open_reader(config);
  ASSERT_TRUE(reader.ok());
  const Bounds bounds = *(*reader)->bounds(0);
  EXPECT_GT(bounds.end, 100U);
  for (Offset at = 0; at < bounds.end; ++at) {
    auto read = (*reader)->read(0, at, 1, 1 << 20, 0);
    ASSERT_TRUE(read.ok()) << read.error().message;
    ASSERT_EQ(read->at(0).record.payload, std::to_string(at) + std::string(3000, 'x'));
  }
}

TEST(EmbeddedLog, ADamagedRecordIsNamedByItsOffsetAndThoseBeforeItAreRead) {
  test::TempDir folder;
  const LogConfig config = config_of(folder);
  {
    auto writer = open_writer(config);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE((*writer)->append(record_of("intact"), nullptr).ok());
    (*writer)->flush();
  }
  {
    auto log = Embedded::open(folder.path() + "/log", config, Embedded::Missing::kRefuse);
    ASSERT_TRUE(log.ok());
    ASSERT_TRUE((*log)
                    ->env()
                    .write([&](store::Txn& txn) {
                      std::string value(*txn.get((*log)->table(0), offset_key(1)));
                      value[value.size() / 2] ^= 1;
                      txn.put((*log)->table(0), offset_key(1), value);
                      return true;
                    })
                    .ok());
  }
  auto reader = open_reader(config);
  auto first = (*reader)->read(0, 0, 10, 1000, 0);
  ASSERT_TRUE(first.ok());
  EXPECT_EQ(first->size(), 1U);
  auto second = (*reader)->read(0, 1, 10, 1000, 0);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kCorrupt);
  EXPECT_NE(second.error().message.find("offset 1"), std::string::npos) << second.error().message;
  EXPECT_EQ((*reader)->read(0, 2, 10, 1000, 0)->size(), 1U);
}

TEST(EmbeddedLog, AReaderInAnotherProcessSeesARecordWithinMilliseconds) {
  test::TempDir folder;
  LogConfig config = config_of(folder);
  {
    auto made = open_writer(config);
    ASSERT_TRUE(made.ok());
  }
  constexpr int kRecords = 50;
  int to_child[2], from_child[2];
  ASSERT_EQ(::pipe(to_child), 0);
  ASSERT_EQ(::pipe(from_child), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto reader = open_reader(config);
    if (!reader) ::_exit(1);
    for (uint64_t at = 0; at < kRecords; ++at) {
      auto read = (*reader)->read(0, at, 1, 1000, 10'000);
      if (!read || read->size() != 1) ::_exit(2);
      const int64_t seen_ns = std::chrono::steady_clock::now().time_since_epoch().count();
      if (::write(from_child[1], &seen_ns, sizeof seen_ns) != sizeof seen_ns) ::_exit(3);
    }
    ::_exit(0);
  }
  auto writer = open_writer(config);
  ASSERT_TRUE(writer.ok());
  std::vector<int64_t> latencies_us;
  for (int i = 0; i < kRecords; ++i) {
    std::atomic<int64_t> done_ns{0};
    ASSERT_TRUE(
        (*writer)
            ->append(record_of("x"),
                     [&](const Status&) { done_ns = std::chrono::steady_clock::now().time_since_epoch().count(); })
            .ok());
    (*writer)->flush();
    int64_t seen_ns = 0;
    ASSERT_EQ(::read(from_child[0], &seen_ns, sizeof seen_ns), static_cast<ssize_t>(sizeof seen_ns));
    latencies_us.push_back((seen_ns - done_ns) / 1000);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  std::sort(latencies_us.begin(), latencies_us.end());
  RecordProperty("median_us", std::to_string(latencies_us[kRecords / 2]));
  std::printf("from done to seen in another process: median %lld us, greatest %lld us\n",
              static_cast<long long>(latencies_us[kRecords / 2]), static_cast<long long>(latencies_us.back()));
  EXPECT_LT(latencies_us[kRecords / 2], 50'000);
}

TEST(EmbeddedLog, TwoProcessesThatMakeTheLogAtOnceAgreeOnItsId) {
  for (int round = 0; round < 10; ++round) {
    test::TempDir folder;
    const LogConfig config = config_of(folder);
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    pid_t children[3];
    for (pid_t& child : children) {
      child = ::fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        auto writer = open_writer(config);
        if (!writer) ::_exit(1);
        const uint64_t id = (*writer)->settings().log_id;
        ::_exit(::write(pipe[1], &id, sizeof id) == sizeof id ? 0 : 2);
      }
    }
    uint64_t ids[3] = {};
    for (const pid_t child : children) {
      int status = 0;
      ASSERT_EQ(::waitpid(child, &status, 0), child);
      ASSERT_EQ(status, 0);
    }
    ASSERT_EQ(::read(pipe[0], ids, sizeof ids), static_cast<ssize_t>(sizeof ids));
    ::close(pipe[0]);
    ::close(pipe[1]);
    EXPECT_NE(ids[0], 0U);
    EXPECT_EQ(ids[0], ids[1]);
    EXPECT_EQ(ids[0], ids[2]);
  }
}

}  // namespace
}  // namespace tributary::log
