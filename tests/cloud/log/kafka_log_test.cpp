// SPDX-License-Identifier: Apache-2.0
// What the log over Kafka promises beyond the contract, against a real broker that is killed, stopped, frozen, filled
// up and tampered with.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <set>
#include <thread>

#include "cloud/log/kafka.h"
#include "cloud/log/kafka_handle.h"
#include "cloud/log/record.h"
#include "tests/support/kafka.h"

namespace tributary::log {
namespace {

using test::KafkaBroker;
using namespace std::chrono_literals;

LogConfig config_of(const std::string& url, uint32_t partitions = 1) {
  LogConfig config;
  config.url = url;
  config.partitions = partitions;
  return config;
}

template <class T>
T must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message);
  return std::move(result).value();
}

// Waits until done() holds.
bool eventually(const std::function<bool()>& done, int seconds = 60) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

Record record_of(const std::string& payload, const std::string& gateway = "attic") {
  Record record;
  record.tenant = "demo";
  record.gateway = gateway;
  record.append_ns = 1;
  record.payload = payload;
  return record;
}

Status append_and_wait(Writer& writer, Record record) {
  auto settled = std::make_shared<std::promise<Status>>();
  auto future = settled->get_future();
  Status taken = writer.append(std::move(record), [settled](const Status& status) { settled->set_value(status); });
  return taken.ok() ? future.get() : taken;
}

std::vector<StoredRecord> read_all(Reader& reader, uint32_t partition = 0) {
  std::vector<StoredRecord> out;
  const Bounds bounds = must(reader.bounds(partition));
  for (Offset at = bounds.begin; at < bounds.end;) {
    auto some = must(reader.read(partition, at, 1000, 1 << 20, 0));
    if (some.empty()) break;
    at = some.back().hole.empty() ? some.back().offset + 1 : some.back().hole_end;
    for (auto& one : some) out.push_back(std::move(one));
  }
  return out;
}

void delete_topics(const std::string& address, const std::vector<std::string>& names) {
  KafkaConfig config;
  config.brokers = address;
  auto conf = must(make_conf(config, {}));
  char why[256];
  const KafkaHandle handle(rd_kafka_new(RD_KAFKA_PRODUCER, conf.release(), why, sizeof why));
  const KafkaQueue queue(rd_kafka_queue_new(handle.get()));
  for (const std::string& name : names) {
    rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(name.c_str());
    rd_kafka_DeleteTopics(handle.get(), &topic, 1, nullptr, queue.get());
    const KafkaEvent event(rd_kafka_queue_poll(queue.get(), 10'000));
    ASSERT_EQ(rd_kafka_event_error(event.get()), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_DeleteTopic_destroy(topic);
  }
}

// A log of its own on the shared broker, with what tests need to write past it.
struct Shared {
  std::string url = KafkaBroker::fresh_url();
  KafkaLog log = must(kafka_log(config_of(url)));
  std::unique_ptr<KafkaClient> client = must(KafkaClient::open(log.kafka));

  void produce(const std::string& value, std::vector<KafkaHeader> headers = {}) {
    auto producer = must(KafkaProducer::open(log.kafka, {}));
    KafkaMessage message;
    message.topic = log.records_topic;
    message.partition = 0;
    message.key = "demo/attic";
    message.value = value;
    message.headers = std::move(headers);
    Status settled = Error{};
    ASSERT_TRUE(producer->produce(message, [&](const Status& status) { settled = status; }).ok());
    producer->flush();
    producer.reset();
    ASSERT_TRUE(settled.ok()) << settled.error().message;
  }
};

// Appends numbers to several gateways until told to stop; remembers what was acknowledged.
class Stream {
 public:
  explicit Stream(Writer& writer) : writer_(writer), thread_([this] { run(); }) {}
  ~Stream() { stop(); }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  uint64_t acknowledged() const { return acknowledged_; }
  uint64_t failed() const { return failed_; }
  std::set<std::string> acknowledged_payloads() {
    std::lock_guard lock(mutex_);
    return payloads_;
  }

 private:
  void run() {
    for (uint64_t i = 0; !stopping_; ++i) {
      const std::string payload = std::to_string(i) + std::string(200, 'x');
      auto done = [this, payload](const Status& status) {
        std::lock_guard lock(mutex_);
        ++(status.ok() ? acknowledged_ : failed_);
        if (status.ok()) payloads_.insert(payload);
      };
      while (!stopping_ && !writer_.append(record_of(payload, "g" + std::to_string(i % 5)), done).ok()) {
        std::this_thread::sleep_for(1ms);
      }
    }
  }

  Writer& writer_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> acknowledged_{0}, failed_{0};
  std::mutex mutex_;
  std::set<std::string> payloads_;
  std::thread thread_;
};

// Every record once; all that were acknowledged; of each gateway in the order of the appends.
void expect_all_once(const LogConfig& config, const std::set<std::string>& acknowledged) {
  auto reader = must(open_reader(config));
  std::multiset<std::string> found;
  std::map<std::string, uint64_t> last;
  for (uint32_t partition = 0; partition < reader->settings().partitions; ++partition) {
    Offset next = 0;
    for (const StoredRecord& one : read_all(*reader, partition)) {
      ASSERT_EQ(one.hole, "");
      ASSERT_EQ(one.offset, next++) << "an idempotent producer leaves no holes";
      found.insert(one.record.payload);
      const uint64_t number = std::stoull(one.record.payload) + 1;
      uint64_t& before = last[one.record.gateway];
      ASSERT_GT(number, before) << "out of order, or twice";
      before = number;
    }
  }
  size_t missing = 0, doubled = 0;
  for (const std::string& one : acknowledged) missing += found.count(one) == 0;
  for (auto it = found.begin(); it != found.end(); it = found.upper_bound(*it)) doubled += found.count(*it) > 1;
  EXPECT_EQ(missing, 0U) << "of " << acknowledged.size() << " acknowledged records";
  EXPECT_EQ(doubled, 0U);
}

TEST(KafkaLog, ABrokerKilledAmidAppendsLosesNothingAcknowledgedAndDoublesNothing) {
  KafkaBroker broker;
  const LogConfig config = config_of("kafka://" + broker.address(), 3);
  auto writer = must(open_writer(config));
  Stream stream(*writer);
  for (int round = 1; round <= 3; ++round) {
    const uint64_t before = stream.acknowledged();
    ASSERT_TRUE(eventually([&] { return stream.acknowledged() > before + 20'000; })) << writer->trouble();
    broker.kill_hard();
    ASSERT_TRUE(eventually([&] { return !writer->trouble().empty(); }));
    EXPECT_NE(writer->trouble().find("does not answer"), std::string::npos) << writer->trouble();
    broker.start();
  }
  const uint64_t before = stream.acknowledged();
  ASSERT_TRUE(eventually([&] { return stream.acknowledged() > before + 20'000; })) << writer->trouble();
  stream.stop();
  writer->flush();
  EXPECT_EQ(writer->trouble(), "");
  writer.reset();
  std::printf("%llu acknowledged, %llu failed over three kills\n",
              static_cast<unsigned long long>(stream.acknowledged()), static_cast<unsigned long long>(stream.failed()));
  expect_all_once(config, stream.acknowledged_payloads());
}

TEST(KafkaLog, WithItsBrokerDownAtTheStartAWriterComesUpInTroubleAndGoesOnByItself) {
  KafkaBroker broker;
  broker.stop();
  const LogConfig config = config_of("kafka://" + broker.address());
  auto reader = open_reader(config);
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().code, ErrorCode::kIo);
  EXPECT_NE(reader.error().message.find(broker.address() + " does not answer"), std::string::npos)
      << reader.error().message;
  auto writer = must(open_writer(config));
  EXPECT_EQ(writer->settings().log_id, 0U);
  EXPECT_EQ(writer->settings().durability, "unknown");
  EXPECT_NE(writer->trouble().find("does not answer"), std::string::npos) << writer->trouble();
  const Status refused = writer->append(record_of("x"), nullptr);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
  writer->flush();  // does not wait for what cannot come
  broker.start();
  ASSERT_TRUE(eventually([&] { return writer->trouble().empty(); })) << writer->trouble();
  EXPECT_NE(writer->settings().log_id, 0U);
  EXPECT_TRUE(append_and_wait(*writer, record_of("x")).ok());
}

TEST(KafkaLog, AReaderSaysThatItsBrokerIsAwayAndGoesOnWhereItWas) {
  KafkaBroker broker;
  const LogConfig config = config_of("kafka://" + broker.address());
  auto writer = must(open_writer(config));
  ASSERT_TRUE(append_and_wait(*writer, record_of("before")).ok());
  auto reader = must(open_reader(config));
  ASSERT_EQ(must(reader->read(0, 0, 10, 1000, 5000)).size(), 1U);
  broker.kill_hard();
  // Waiting at the end of the log, too, it notices that nobody is there.
  ASSERT_TRUE(eventually([&] { return !reader->read(0, 1, 10, 1000, 100).ok(); }));
  const auto away = reader->read(0, 1, 10, 1000, 100);
  ASSERT_FALSE(away.ok());
  EXPECT_EQ(away.error().code, ErrorCode::kIo);
  EXPECT_NE(away.error().message.find("does not answer"), std::string::npos) << away.error().message;
  broker.start();
  ASSERT_TRUE(eventually([&] { return append_and_wait(*writer, record_of("after")).ok(); }));
  ASSERT_TRUE(eventually([&] {
    auto some = reader->read(0, 1, 10, 1000, 100);
    return some.ok() && !some->empty() && some->front().record.payload == "after";
  }));
}

TEST(KafkaLog, AFrozenBrokerIsNamedAndNothingIsLostOrDoubled) {
  KafkaBroker broker;
  const LogConfig config = config_of("kafka://" + broker.address());
  auto writer = must(open_writer(config));
  Stream stream(*writer);
  ASSERT_TRUE(eventually([&] { return stream.acknowledged() > 1000; }));
  broker.pause();
  ASSERT_TRUE(eventually([&] { return !writer->trouble().empty(); }));
  EXPECT_NE(writer->trouble().find("Kafka at " + broker.address()), std::string::npos) << writer->trouble();
  broker.go_on();
  const uint64_t before = stream.acknowledged();
  ASSERT_TRUE(eventually([&] { return stream.acknowledged() > before + 1000 && writer->trouble().empty(); }))
      << writer->trouble();
  stream.stop();
  writer->flush();
  writer.reset();
  expect_all_once(config, stream.acknowledged_payloads());
}

TEST(KafkaLog, WhatIsNoRecordOfThisLogIsNamedAndPassedOver) {
  Shared shared;
  auto writer = must(open_writer(config_of(shared.url)));
  const std::string ours = log_id_text(writer->settings().log_id);
  ASSERT_TRUE(append_and_wait(*writer, record_of("first")).ok());
  shared.produce("{\"temperature\":21.5}");  // 1: something else
  shared.produce("");                        // 2
  Record other = record_of("of another log");
  other.log_id = 42;
  shared.produce(encode_record(other), {{kLogIdHeader, log_id_text(42)}});  // 3
  std::string damaged = encode_record(other);
  damaged[damaged.size() / 2] ^= 1;
  shared.produce(damaged, {{kLogIdHeader, ours}});  // 4: ours, but not as it was written
  Record copied = record_of("copied by another tool");
  copied.log_id = writer->settings().log_id;
  shared.produce(encode_record(copied));  // 5: whole and of this log, without the header
  ASSERT_TRUE(append_and_wait(*writer, record_of("last")).ok());
  auto reader = must(open_reader(config_of(shared.url)));
  const auto all = read_all(*reader);
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all[0].record.payload, "first");
  EXPECT_EQ(all[1].hole, "foreign");
  EXPECT_EQ(all[1].offset, 1U);
  EXPECT_EQ(all[1].hole_end, 3U);
  EXPECT_EQ(all[2].hole, "other_log");
  EXPECT_EQ(all[3].hole, "damaged");
  EXPECT_EQ(all[4].record.payload, "copied by another tool");
  EXPECT_EQ(all[5].record.payload, "last");
  // A version of ours that this reader does not know yet is waited for, never passed over.
  std::string newer = encode_record(copied);
  newer[0] = 2;
  shared.produce(newer, {{kLogIdHeader, ours}});
  const auto waiting = reader->read(0, 7, 10, 1000, 5000);
  ASSERT_FALSE(waiting.ok());
  EXPECT_EQ(waiting.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(waiting.error().message.find("offset 7"), std::string::npos) << waiting.error().message;
}

TEST(KafkaLog, ARecordThatTheTopicDoesNotTakeIsNamedAndTheNextOnesPass) {
  Shared shared;
  must(shared.client->ensure_topic(shared.log.records_topic, 1, {{"max.message.bytes", "2000"}}));
  auto writer = must(open_writer(config_of(shared.url)));
  const Status large = append_and_wait(*writer, record_of(std::string(5000, 'x')));
  ASSERT_FALSE(large.ok());
  EXPECT_NE(large.error().message.find("so large"), std::string::npos) << large.error().message;
  EXPECT_NE(large.error().message.find("max.message.bytes"), std::string::npos) << large.error().message;
  EXPECT_TRUE(append_and_wait(*writer, record_of("small")).ok());
  EXPECT_EQ(writer->trouble(), "");
  EXPECT_EQ(read_all(*must(open_reader(config_of(shared.url)))).size(), 1U);
}

TEST(KafkaLog, ATopicMadeHereTakesTheLargestRecord) {
  Shared shared;
  auto writer = must(open_writer(config_of(shared.url)));
  ASSERT_TRUE(append_and_wait(*writer, record_of(std::string(kRecordPayloadBytesMax, 'x'))).ok());
  EXPECT_EQ(read_all(*must(open_reader(config_of(shared.url))))[0].record.payload.size(), kRecordPayloadBytesMax);
}

TEST(KafkaLog, ADeletedTopicIsNamedAndNeverMadeAgain) {
  Shared shared;
  const LogConfig config = config_of(shared.url);
  auto writer = must(open_writer(config));
  ASSERT_TRUE(append_and_wait(*writer, record_of("x")).ok());
  auto reader = must(open_reader(config));
  ASSERT_EQ(must(reader->read(0, 0, 10, 1000, 5000)).size(), 1U);
  delete_topics(KafkaBroker::shared_address(), {shared.log.records_topic});
  const std::string gone = shared.log.records_topic + " is gone";
  ASSERT_TRUE(eventually([&] { return writer->trouble().find(gone) != std::string::npos; })) << writer->trouble();
  ASSERT_TRUE(eventually([&] {
    auto some = reader->read(0, 1, 10, 1000, 100);
    return !some.ok() && some.error().code == ErrorCode::kMismatch &&
           some.error().message.find(gone) != std::string::npos;
  }));
  EXPECT_FALSE(writer->append(record_of("y"), nullptr).ok());
  const auto again = open_writer(config);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, ErrorCode::kMismatch);
  EXPECT_NE(again.error().message.find(gone), std::string::npos) << again.error().message;
  EXPECT_FALSE(shared.client->find_topic(shared.log.records_topic).ok()) << "nobody makes it again";
  // Made again with another count, it is refused, naming both.
  must(shared.client->ensure_topic(shared.log.records_topic, 2, {}));
  const auto other = open_reader(config);
  ASSERT_FALSE(other.ok());
  EXPECT_NE(other.error().message.find("has 2 partitions, the log was made with 1"), std::string::npos)
      << other.error().message;
}

TEST(KafkaLog, ALogMadeAnewIsAnotherLogAndRunningProgramsNotice) {
  Shared shared;
  const LogConfig config = config_of(shared.url);
  auto writer = must(open_writer(config));
  ASSERT_TRUE(append_and_wait(*writer, record_of("x")).ok());
  const uint64_t before = writer->settings().log_id;
  auto reader = must(open_reader(config));
  delete_topics(KafkaBroker::shared_address(), {shared.log.records_topic, shared.log.birth_topic});
  // The writer makes a new log by itself; a reader of the old one refuses to take it for the same.
  ASSERT_TRUE(eventually([&] { return writer->settings().log_id != before && writer->trouble().empty(); }))
      << writer->trouble();
  ASSERT_TRUE(append_and_wait(*writer, record_of("y")).ok());
  EXPECT_EQ(must(open_reader(config))->settings().log_id, writer->settings().log_id);
  ASSERT_TRUE(eventually([&] {
    auto some = reader->read(0, 0, 10, 1000, 100);
    return !some.ok() && some.error().code == ErrorCode::kMismatch;
  }));
}

TEST(KafkaLog, RecordsWithoutANameForTheirLogAreRefused) {
  Shared shared;
  must(shared.client->ensure_topic(shared.log.records_topic, 1, {}));
  shared.produce("older than the log");
  const auto writer = open_writer(config_of(shared.url));
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().code, ErrorCode::kMismatch);
  EXPECT_NE(writer.error().message.find("holds records"), std::string::npos) << writer.error().message;
}

TEST(KafkaLog, WritersThatMakeTheLogAtOnceAgreeOnItsId) {
  const std::string url = KafkaBroker::fresh_url();
  std::vector<std::future<uint64_t>> racing;
  for (int i = 0; i < 4; ++i) {
    racing.push_back(
        std::async(std::launch::async, [&] { return must(open_writer(config_of(url, 4)))->settings().log_id; }));
  }
  std::set<uint64_t> ids;
  for (auto& one : racing) ids.insert(one.get());
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_FALSE(ids.contains(0));
}

TEST(KafkaLog, ATopicThatIsSyncedBeforeItsAcksIsSafeAgainstAPowerCut) {
  Shared shared;
  must(shared.client->ensure_topic(shared.log.records_topic, 1, {{"flush.messages", "1"}}));
  EXPECT_EQ(must(open_writer(config_of(shared.url)))->settings().durability, "power");
}

TEST(KafkaLog, AWrongPasswordIsNamedWithoutShowingIt) {
  KafkaBroker broker({.sasl = "bridge:right"});
  LogConfig config = config_of("kafka://" + broker.sasl_address());
  config.kafka = {{"security.protocol", "SASL_PLAINTEXT"},
                  {"sasl.mechanism", "PLAIN"},
                  {"sasl.username", "bridge"},
                  {"sasl.password", "wrong-hush"}};
  auto refused = must(open_writer(config));
  ASSERT_TRUE(eventually([&] { return refused->trouble().find("refuses this client") != std::string::npos; }))
      << refused->trouble();
  EXPECT_EQ(refused->trouble().find("hush"), std::string::npos) << refused->trouble();
  config.kafka["sasl.password"] = "right";
  auto writer = must(open_writer(config));
  EXPECT_EQ(writer->trouble(), "");
  EXPECT_TRUE(append_and_wait(*writer, record_of("x")).ok());
}

// A broker whose disk is full ends itself. Where nothing can be mounted, a limit on the size of its files stands for
// the disk: the broker meets an error of the same kind, on the same path.
TEST(KafkaLog, AFullDiskOfTheBrokerLosesNothingAcknowledgedAndPasses) {
  test::TempDir disk;
  const bool mounted = ::mount("tmpfs", disk.path().c_str(), "tmpfs", 0, "size=24m") == 0;
  std::printf("%s\n", mounted ? "a small tmpfs is the broker's disk" : "a file size limit stands for a full disk");
  auto broker = std::make_unique<KafkaBroker>(KafkaBroker::Options{.settings = {"log.index.size.max.bytes=65536"},
                                                                   .data = disk.path() + "/data",
                                                                   .shell = mounted ? "" : "ulimit -f 16384; "});
  const LogConfig config = config_of("kafka://" + broker->address());
  auto writer = must(open_writer(config));
  Stream stream(*writer);
  ASSERT_TRUE(eventually([&] { return !broker->alive(); }, 120)) << "it never became full";
  ASSERT_TRUE(eventually([&] { return !writer->trouble().empty(); }));
  EXPECT_GT(stream.acknowledged(), 0U);
  broker->buried();
  if (mounted) {
    ASSERT_EQ(::mount("tmpfs", disk.path().c_str(), "tmpfs", MS_REMOUNT, "size=1g"), 0);
    broker->start();
    const uint64_t before = stream.acknowledged();
    ASSERT_TRUE(eventually([&] { return stream.acknowledged() > before + 1000; })) << writer->trouble();
    ASSERT_TRUE(eventually([&] { return writer->trouble().empty(); })) << writer->trouble();
    stream.stop();
    writer->flush();
    writer.reset();
    expect_all_once(config, stream.acknowledged_payloads());
  } else {
    stream.stop();
    writer.reset();
  }
  broker.reset();
  if (mounted) ::umount2(disk.path().c_str(), MNT_DETACH);
}

}  // namespace
}  // namespace tributary::log
