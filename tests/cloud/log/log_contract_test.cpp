// SPDX-License-Identifier: Apache-2.0
// What every implementation of the log promises. The suite runs once for each of them: a LogFixture makes a fresh log
// and gives its URL.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <map>
#include <set>
#include <thread>

#include "cloud/log/log.h"
#include "tests/support/kafka.h"
#include "tests/support/temp_dir.h"

namespace tributary::log {
namespace {

// One implementation under test.
class LogFixture {
 public:
  virtual ~LogFixture() = default;
  virtual LogConfig config() const = 0;
  // Of a log with the settings it is made with here: one broker, which does not sync, is not safe against a power cut.
  virtual std::string durability() const = 0;
  // Whether append times never go back over several writers too. In Kafka only the broker's own clock could promise it;
  // the aggregator takes the greatest it has seen.
  virtual bool one_clock() const = 0;
};

class EmbeddedFixture final : public LogFixture {
 public:
  LogConfig config() const override {
    LogConfig config;
    config.url = "lmdb://" + folder_.path();
    return config;
  }
  std::string durability() const override { return "power"; }
  bool one_clock() const override { return true; }

 private:
  test::TempDir folder_;
};

class KafkaFixture final : public LogFixture {
 public:
  LogConfig config() const override {
    LogConfig config;
    config.url = url_;
    config.partitions = 1;
    return config;
  }
  std::string durability() const override { return "process"; }
  bool one_clock() const override { return false; }

 private:
  const std::string url_ = test::KafkaBroker::fresh_url();
};

struct Implementation {
  const char* name;
  std::unique_ptr<LogFixture> (*make)();
};

class LogContract : public ::testing::TestWithParam<Implementation> {
 protected:
  LogContract() : fixture_(GetParam().make()) {}
  LogConfig config() const { return fixture_->config(); }

  std::unique_ptr<LogFixture> fixture_;
};

template <class Fixture>
std::unique_ptr<LogFixture> make_fixture() {
  return std::make_unique<Fixture>();
}

void PrintTo(const Implementation& implementation, std::ostream* out) { *out << implementation.name; }

INSTANTIATE_TEST_SUITE_P(Logs, LogContract,
                         ::testing::Values(Implementation{"Embedded", &make_fixture<EmbeddedFixture>},
                                           Implementation{"Kafka", &make_fixture<KafkaFixture>}),
                         [](const auto& info) { return info.param.name; });

std::unique_ptr<Writer> writer_of(const LogConfig& config) {
  auto writer = open_writer(config);
  EXPECT_TRUE(writer.ok()) << (writer.ok() ? "" : writer.error().message);
  return writer.ok() ? std::move(*writer) : nullptr;
}

std::unique_ptr<Reader> reader_of(const LogConfig& config) {
  auto reader = open_reader(config);
  EXPECT_TRUE(reader.ok()) << (reader.ok() ? "" : reader.error().message);
  return reader.ok() ? std::move(*reader) : nullptr;
}

Record record_of(const std::string& gateway, const std::string& payload, int64_t append_ns = 1) {
  Record record;
  record.kind = RecordKind::kMessage;
  record.tenant = "demo";
  record.gateway = gateway;
  record.append_ns = append_ns;
  record.payload = payload;
  return record;
}

Status append_and_wait(Writer& writer, Record record) {
  auto settled = std::make_shared<std::promise<Status>>();
  auto future = settled->get_future();
  Status taken = writer.append(std::move(record), [settled](const Status& status) { settled->set_value(status); });
  return taken.ok() ? future.get() : taken;
}

std::vector<StoredRecord> read_all(Reader& reader, uint32_t partition) {
  std::vector<StoredRecord> out;
  auto bounds = reader.bounds(partition);
  EXPECT_TRUE(bounds.ok());
  for (Offset at = bounds->begin; at < bounds->end;) {
    auto some = reader.read(partition, at, 100, 1 << 20, 0);
    EXPECT_TRUE(some.ok()) << some.error().message;
    if (!some.ok() || some->empty()) break;
    at = some->back().offset + 1;
    for (auto& record : *some) out.push_back(std::move(record));
  }
  return out;
}

TEST_P(LogContract, WhatWasAppendedIsReadBackWithEveryField) {
  auto writer = writer_of(config());
  Record record = record_of("attic", std::string("\x00\xff bytes", 8), 1'763'000'000'000'000'001);
  record.kind = RecordKind::kRejected;
  record.reason = "bad_body";
  record.idempotency_key = "key-1";
  ASSERT_TRUE(append_and_wait(*writer, record).ok());

  auto reader = reader_of(config());
  auto read = reader->read(0, 0, 10, 1 << 20, 0);
  ASSERT_TRUE(read.ok()) << read.error().message;
  ASSERT_EQ(read->size(), 1U);
  const StoredRecord& stored = read->front();
  EXPECT_EQ(stored.offset, 0U);
  EXPECT_EQ(stored.record.kind, RecordKind::kRejected);
  EXPECT_EQ(stored.record.tenant, "demo");
  EXPECT_EQ(stored.record.gateway, "attic");
  EXPECT_EQ(stored.record.reason, "bad_body");
  EXPECT_EQ(stored.record.idempotency_key, "key-1");
  EXPECT_EQ(stored.record.append_ns, 1'763'000'000'000'000'001);
  EXPECT_EQ(stored.record.payload, std::string("\x00\xff bytes", 8));
  EXPECT_EQ(stored.record.log_id, writer->settings().log_id);
  EXPECT_NE(stored.record.log_id, 0U);
}

TEST_P(LogContract, RecordsOfAPartitionKeepTheOrderOfTheirAppends) {
  auto config = this->config();
  config.partitions = 3;
  auto writer = writer_of(config);
  std::map<uint32_t, std::vector<std::string>> expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string gateway = "gateway-" + std::to_string(i % 7);
    expected[partition_of("demo", gateway, 3)].push_back(std::to_string(i));
    ASSERT_TRUE(writer->append(record_of(gateway, std::to_string(i)), nullptr).ok());
  }
  writer->flush();
  auto reader = reader_of(config);
  for (uint32_t partition = 0; partition < 3; ++partition) {
    std::vector<std::string> found;
    Offset next = 0;
    for (const auto& stored : read_all(*reader, partition)) {
      EXPECT_EQ(stored.offset, next++);
      found.push_back(stored.record.payload);
    }
    EXPECT_EQ(found, expected[partition]);
  }
}

TEST_P(LogContract, TheLogIdAndTheRecordsSurviveReopening) {
  uint64_t log_id = 0;
  for (int run = 0; run < 3; ++run) {
    auto writer = writer_of(config());
    if (run == 0) log_id = writer->settings().log_id;
    EXPECT_EQ(writer->settings().log_id, log_id);
    ASSERT_TRUE(append_and_wait(*writer, record_of("attic", std::to_string(run))).ok());
  }
  auto reader = reader_of(config());
  EXPECT_EQ(reader->settings().log_id, log_id);
  auto all = read_all(*reader, 0);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[2].record.payload, "2");
  EXPECT_EQ(all[2].offset, 2U);
}

TEST_P(LogContract, APositionOutsideTheLogIsNotFound) {
  auto writer = writer_of(config());
  ASSERT_TRUE(append_and_wait(*writer, record_of("attic", "one")).ok());
  auto reader = reader_of(config());
  auto beyond = reader->read(0, 2, 1, 1000, 0);
  ASSERT_FALSE(beyond.ok());
  EXPECT_EQ(beyond.error().code, ErrorCode::kNotFound);
  EXPECT_NE(beyond.error().message.find("offset 2"), std::string::npos) << beyond.error().message;
  auto at_end = reader->read(0, 1, 1, 1000, 0);
  ASSERT_TRUE(at_end.ok());
  EXPECT_TRUE(at_end->empty());
}

TEST_P(LogContract, AnotherPartitionCountIsRefusedNamingBoth) {
  auto config = this->config();
  config.partitions = 3;
  { auto writer = writer_of(config); }
  config.partitions = 5;
  auto writer = open_writer(config);
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().code, ErrorCode::kMismatch);
  EXPECT_NE(writer.error().message.find('3'), std::string::npos) << writer.error().message;
  EXPECT_NE(writer.error().message.find('5'), std::string::npos) << writer.error().message;
  auto reader = open_reader(config);
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().code, ErrorCode::kMismatch);
  config.partitions.reset();
  EXPECT_EQ(writer_of(config)->settings().partitions, 3U);
}

TEST_P(LogContract, AReaderOfAMissingLogSaysSoAndMakesNone) {
  auto reader = open_reader(config());
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(open_reader(config()).ok());
}

TEST_P(LogContract, AWaitingReaderIsWokenByAnAppendAndNotBefore) {
  auto writer = writer_of(config());
  auto reader = reader_of(config());
  auto nothing = reader->read(0, 0, 10, 1000, 20);
  ASSERT_TRUE(nothing.ok());
  EXPECT_TRUE(nothing->empty());
  auto waiting = std::async(std::launch::async, [&] { return reader->read(0, 0, 10, 1000, 60'000); });
  ASSERT_TRUE(append_and_wait(*writer, record_of("attic", "wake up")).ok());
  auto read = waiting.get();
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->size(), 1U);
  EXPECT_EQ(read->front().record.payload, "wake up");
}

TEST_P(LogContract, SeveralReadersAndWritersSeeTheSameLog) {
  constexpr int kWriters = 3, kReaders = 3, kEach = 300;
  auto first = writer_of(config());
  std::vector<std::future<std::vector<std::string>>> readers;
  for (int r = 0; r < kReaders; ++r) {
    readers.push_back(std::async(std::launch::async, [this] {
      auto reader = reader_of(config());
      std::vector<std::string> found;
      while (found.size() < kWriters * kEach) {
        auto some = reader->read(0, found.size(), 50, 1 << 20, 10'000);
        EXPECT_TRUE(some.ok());
        if (!some.ok() || some->empty()) break;
        for (auto& stored : *some) {
          EXPECT_EQ(stored.offset, found.size());
          found.push_back(stored.record.payload);
        }
      }
      return found;
    }));
  }
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([this, w] {
      auto writer = writer_of(config());
      for (int i = 0; i < kEach; ++i) {
        ASSERT_TRUE(writer->append(record_of("attic", std::to_string(w) + ":" + std::to_string(i)), nullptr).ok());
      }
      writer->flush();
    });
  }
  for (auto& thread : writers) thread.join();
  const std::vector<std::string> expected = readers[0].get();
  EXPECT_EQ(std::set<std::string>(expected.begin(), expected.end()).size(), size_t{kWriters * kEach});
  for (int r = 1; r < kReaders; ++r) EXPECT_EQ(readers[r].get(), expected);
}

TEST_P(LogContract, EveryDoneIsCalledOnceAlsoWhenTheWriterIsDestroyed) {
  std::atomic<int> done{0};
  {
    auto writer = writer_of(config());
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(writer->append(record_of("attic", "x"), [&](const Status& status) { done += status.ok(); }).ok());
    }
  }
  EXPECT_EQ(done, 500);
  EXPECT_EQ(reader_of(config())->bounds(0)->end, 500U);
}

TEST_P(LogContract, AppendTimeNeverGoesBackwardsWithinAPartition) {
  auto writer = writer_of(config());
  for (const int64_t append_ns : {100, 50, 200, 150}) {
    ASSERT_TRUE(append_and_wait(*writer, record_of("attic", "x", append_ns)).ok());
  }
  writer.reset();
  writer = writer_of(config());
  ASSERT_TRUE(append_and_wait(*writer, record_of("attic", "x", 10)).ok());
  std::vector<int64_t> times;
  for (const auto& stored : read_all(*reader_of(config()), 0)) times.push_back(stored.record.append_ns);
  EXPECT_EQ(times, (std::vector<int64_t>{100, 100, 200, 200, fixture_->one_clock() ? 200 : 10}));
}

TEST_P(LogContract, AFullQueueRefusesAtOnceAndLosesNothingItTook) {
  auto config = this->config();
  config.queue_records_max = 4;
  auto writer = writer_of(config);
  uint64_t taken = 0, busy = 0;
  std::promise<void> release;
  auto gate = release.get_future().share();
  // The first callback holds the log's thread, so that the queue cannot drain meanwhile.
  ASSERT_TRUE(writer->append(record_of("attic", "x"), [gate](const Status&) { gate.wait(); }).ok());
  for (int i = 0; i < 20; ++i) {
    Status status = writer->append(record_of("attic", "x"), nullptr);
    if (status.ok()) {
      ++taken;
    } else {
      EXPECT_EQ(status.error().code, ErrorCode::kBusy);
      ++busy;
    }
  }
  EXPECT_EQ(taken, 3U);
  EXPECT_EQ(busy, 17U);
  release.set_value();
  writer->flush();
  EXPECT_EQ(reader_of(config)->bounds(0)->end, 1 + taken);
  EXPECT_TRUE(append_and_wait(*writer, record_of("attic", "x")).ok());
}

TEST_P(LogContract, AWriterKilledAmidAppendsLosesNothingThatWasDone) {
  auto writer = writer_of(config());  // the log is there before anybody forks
  for (int round = 0; round < 3; ++round) {
    const Offset begin = reader_of(config())->bounds(0)->end;
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    // A process of its own, which has never had this one's threads.
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const std::string fd = std::to_string(pipe[1]);
      ::execl("/proc/self/exe", "log_test", "--append-until-killed", config().url.c_str(), fd.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(pipe[1]);
    uint64_t done = 0, number = 0;
    const uint64_t wanted = 200 + 137 * static_cast<uint64_t>(round);
    while (done < wanted && ::read(pipe[0], &number, sizeof number) == sizeof number) ++done;
    ASSERT_EQ(done, wanted);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    while (::read(pipe[0], &number, sizeof number) == sizeof number) ++done;
    ::close(pipe[0]);
    // What was on its way may be there too; nothing is there twice, and nothing out of order.
    ASSERT_TRUE(append_and_wait(*writer, record_of("attic", "between")).ok());
    auto reader = reader_of(config());
    uint64_t next = 0;
    for (Offset at = begin; at < reader->bounds(0)->end;) {
      auto some = reader->read(0, at, 1000, 1 << 20, 0);
      ASSERT_TRUE(some.ok()) << some.error().message;
      for (const auto& stored : *some) {
        ASSERT_EQ(stored.offset, at);
        ++at;
        if (stored.record.payload == "between") continue;
        ASSERT_EQ(stored.record.payload, std::to_string(next++));
      }
    }
    ASSERT_GE(next, done);
  }
}

TEST_P(LogContract, ASlowReaderHoldsNobodyUpAndMissesNothing) {
  constexpr size_t kRecords = 3000;
  auto writer = writer_of(config());
  auto slow = reader_of(config());
  ASSERT_TRUE(append_and_wait(*writer, record_of("attic", "0")).ok());
  ASSERT_EQ(slow->read(0, 0, 1, 1 << 20, 10'000)->size(), 1U);
  for (size_t i = 1; i < kRecords; ++i) {
    ASSERT_TRUE(writer->append(record_of("attic", std::to_string(i) + std::string(1000, 'x')), nullptr).ok());
  }
  writer->flush();
  ASSERT_EQ(writer->trouble(), "");
  // It goes on from where it was, a few records at a time, whatever has been appended meanwhile.
  size_t next = 1;
  while (next < kRecords) {
    auto some = slow->read(0, next, 7, 5000, 10'000);
    ASSERT_TRUE(some.ok()) << some.error().message;
    ASSERT_FALSE(some->empty());
    ASSERT_LE(some->size(), 7U);
    for (const auto& stored : *some) {
      ASSERT_EQ(stored.offset, next);
      ASSERT_EQ(stored.record.payload, std::to_string(next) + std::string(1000, 'x'));
      ++next;
    }
  }
  // And back again.
  EXPECT_EQ(slow->read(0, 5, 1, 1000, 10'000)->front().offset, 5U);
}

TEST_P(LogContract, AFieldTooLongIsRefusedByName) {
  auto writer = writer_of(config());
  Status status = writer->append(record_of(std::string(256, 'g'), "x"), nullptr);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kInvalid);
  EXPECT_NE(status.error().message.find("gateway"), std::string::npos);
}

TEST_P(LogContract, DurabilityIsNamed) {
  EXPECT_EQ(writer_of(config())->settings().durability, fixture_->durability());
  EXPECT_EQ(reader_of(config())->settings().durability, fixture_->durability());
}

TEST(LogUrl, OtherSchemesAreNamed) {
  LogConfig config;
  config.url = "redis://x";
  auto other = open_reader(config);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kInvalid);
  EXPECT_NE(other.error().message.find("redis://x"), std::string::npos);
}

// The hash itself is held to Kafka's own vectors by the tests of common/base.
TEST(Partitioner, KeysStayInRangeAndSpreadOverAllPartitions) {
  std::map<uint32_t, int> counts;
  for (int i = 0; i < 1600; ++i) ++counts[partition_of("demo", "gateway-" + std::to_string(i), 16)];
  EXPECT_EQ(counts.size(), 16U);
  for (const auto& [partition, count] : counts) {
    EXPECT_LT(partition, 16U);
    EXPECT_GT(count, 50);
  }
  EXPECT_EQ(partition_of("demo", "attic", 1), 0U);
}

// Appends numbers for ever, and tells each one that is done to the pipe.
[[noreturn]] void append_until_killed(const std::string& url, int pipe) {
  LogConfig config;
  config.url = url;
  auto writer = open_writer(config);
  if (!writer.ok()) ::_exit(1);
  for (uint64_t i = 0;; ++i) {
    auto done = [pipe, i](const Status& status) {
      if (status.ok() && ::write(pipe, &i, sizeof i) != sizeof i) ::_exit(2);
    };
    while (!(*writer)->append(record_of("attic", std::to_string(i)), done).ok()) ::usleep(100);
  }
}

}  // namespace
}  // namespace tributary::log

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "--append-until-killed") {
    tributary::log::append_until_killed(argv[2], std::atoi(argv[3]));
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
