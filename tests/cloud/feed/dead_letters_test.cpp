// SPDX-License-Identifier: Apache-2.0
// Dead letters on both logs, from the bridge's rejection to a replay that counts once.
#include "cloud/feed/dead_letters.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "cloud/bridge/core.h"
#include "cloud/state/state.h"
#include "common/runtime/program.h"
#include "tests/cloud/merge/support/support.h"
#include "tests/support/kafka.h"

namespace tributary::feed {
namespace {

using testing::Folder;
using testing::GatewaySim;
using testing::make_part;
using testing::make_series;
using testing::Part;
using Fate = Judgement::Fate;

constexpr int64_t kFuture = 600;

int64_t now_s() { return to_seconds_floor(runtime::now().wall_ns); }

class DeadLettersTest : public ::testing::TestWithParam<bool> {  // true: Kafka
 protected:
  void SetUp() override {
    log_.url = GetParam() ? test::KafkaBroker::fresh_url() : "lmdb://" + folder_.path("log");
    log_.partitions = 1;
    log_.sync = false;
    auto writer = log::open_writer(log_);
    CHECK(writer.ok());
    writer_ = std::move(writer).value();
    open_state();
  }
  void open_state() {
    merge::WriterConfig config = testing::state_config(folder_.path("state/partition-0"));
    config.max_future_s = kFuture;
    merging_ = testing::open_state(config);
  }
  void append(log::Record record) {
    std::promise<Status> done;
    CHECK(writer_->append(std::move(record), [&](const Status& status) { done.set_value(status); }).ok());
    CHECK(done.get_future().get().ok());
  }
  // Through the bridge, at this time.
  void arrive(const log::Record& message, int64_t at_s) {
    const auto effects = core_.on_message({"tributary/v1/demo/attic/partials", message.payload, false},
                                          {at_s * kNanosPerSecond, at_s * kNanosPerSecond});
    CHECK(effects.append.has_value());
    log::Record record = effects.append->record;
    record.append_ns = at_s * kNanosPerSecond;
    append(record);
    core_.on_appended(effects.append->token, true);
  }
  void merge() {
    auto reader = log::open_reader(log_);
    CHECK(reader.ok());
    while (merging_->position() < (*reader)->bounds(0)->end) {
      const auto batch = (*reader)->read(0, merging_->position(), 100, 1 << 20, 1000);
      CHECK(batch.ok());
      CHECK(merging_->merge(*batch).ok());
    }
  }
  uint64_t count() {
    const auto query = query::LocalQuery::make({&merging_->state()});
    const auto all = query->ask(query::AskSummary{{.tenant = "demo", .metric = "temperature"}, {}});
    return all.ok() ? all->numeric().count() : 0;
  }
  std::vector<DeadLetter> scan() {
    auto reader = log::open_reader(log_);
    CHECK(reader.ok());
    DeadLetterScanner scanner(kFuture);
    std::vector<DeadLetter> out;
    for (log::Offset at = 0; at < (*reader)->bounds(0)->end;) {
      const auto records = (*reader)->read(0, at, 1000, 16 << 20, 1000);
      CHECK(records.ok());
      for (const auto& stored : *records) {
        if (auto letter = scanner.look(0, stored)) out.push_back(std::move(*letter));
        at = stored.offset + 1;
      }
    }
    return out;
  }
  ledger::GatewayLedger ledger() {
    auto txn = merging_->state().read();
    store::Cursor cursor(*txn, merging_->state().tables().ledgers);
    CHECK(cursor.first());
    return *ledger::GatewayLedger::decode(as_bytes(cursor.value()));
  }
  Judgement judged(const DeadLetter& letter, int64_t at_s) {
    const auto known = ledger();
    return judge(letter, &known, at_s * kNanosPerSecond, kFuture);
  }
  // Runs tributaryctl; its output. Fails if it exits otherwise.
  std::string ctl(const std::string& arguments, int code = 0) {
    const std::string command = std::string(TRIBUTARYCTL) + " deadletter " + arguments + " --url " + log_.url +
                                " --state " + folder_.path("state") + " 2>&1";
    std::string output;
    FILE* pipe = ::popen(command.c_str(), "r");
    char buffer[512];
    while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) output += buffer;
    EXPECT_EQ(WEXITSTATUS(::pclose(pipe)), code) << command << "\n" << output;
    return output;
  }

  Folder folder_;
  testing::Random random_{3};
  log::LogConfig log_;
  std::unique_ptr<log::Writer> writer_;
  std::unique_ptr<merge::StateWriter> merging_;
  bridge::Core core_{bridge::CoreConfig{.max_future_s = kFuture}};
  GatewaySim attic_{"demo", "attic", 11};
};

TEST_P(DeadLettersTest, AFarFutureMessageReplayedWhenItFitsCountsOnceHoweverOften) {
  const int64_t now = now_s();
  arrive(attic_.open(now), now);
  const Part good = make_part(random_, make_series("d1", "temperature"), now - 10, 1);
  const Part ahead = make_part(random_, make_series("d1", "temperature"), now + kFuture + 3, 1);
  arrive(attic_.send({good}, now), now);
  arrive(attic_.send({ahead}, now), now);
  merge();
  const uint64_t before = count();
  stats::Summary summary;
  ASSERT_TRUE(summary.decode(as_bytes(ahead.summary)));
  const uint64_t more = summary.numeric().count();
  std::string list = ctl("list --json");
  auto letter = nlohmann::json::parse(list);
  EXPECT_EQ(letter["id"], "0-2");
  EXPECT_EQ(letter["kind"], "rejected");
  EXPECT_EQ(letter["reason"], "future");
  EXPECT_EQ(letter["seqs"], "3");
  EXPECT_EQ(letter["replay"], "not_yet");
  EXPECT_NE(ctl("replay --all", 1).find("still more than 600 s ahead; the first fits from"), std::string::npos);
  merge();
  EXPECT_EQ(count(), before);
  // Its time comes.
  while (nlohmann::json::parse(ctl("list --json"))["replay"] != "replayable") {
    ASSERT_LT(now_s(), now + 60);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_NE(ctl("replay --id 0-2").find("1 replayed, 0 settled before, 0 not replayed"), std::string::npos);
  // Again, before the aggregator has come to the first copy.
  EXPECT_NE(ctl("replay --reason future").find("1 replayed"), std::string::npos);
  merge();
  EXPECT_EQ(count(), before + more);
  EXPECT_EQ(merging_->counters().duplicates_total.load(), 1u);
  EXPECT_NE(ctl("replay --all").find("0-2: nothing to do: merged since"), std::string::npos);
  EXPECT_NE(ctl("list").find("1 settled"), std::string::npos);
  // The whole log again: the same.
  const std::string digest = merging_->state().digest();
  merging_.reset();
  std::filesystem::remove_all(folder_.path("state"));
  open_state();
  merge();
  EXPECT_EQ(count(), before + more);
  EXPECT_EQ(merging_->state().digest(), digest);
}

TEST_P(DeadLettersTest, OfAMessageThatMergedInPartTheRestIsReplayedAlone) {
  const int64_t now = 1'700'000'000;
  arrive(attic_.open(now), now);
  const Part good = make_part(random_, make_series("d1", "temperature"), now - 10, 10);
  const Part ahead = make_part(random_, make_series("d1", "temperature"), now + 2 * kFuture, 10);
  arrive(attic_.send({good, ahead, good}, now), now);
  merge();
  const uint64_t before = count();
  ASSERT_EQ(scan().size(), 1u);
  const DeadLetter letter = scan().front();
  EXPECT_EQ(letter.id(), "0-1-3");
  EXPECT_EQ(letter.kind, DeadLetter::Kind::kItems);
  EXPECT_EQ(judged(letter, now).fate, Fate::kNotYet);
  EXPECT_EQ(judged(letter, now + kFuture).fate, Fate::kReplayable);
  for (int i = 0; i < 2; ++i) append(replay_record(letter, (now + kFuture + i) * kNanosPerSecond));
  merge();
  stats::Summary summary;
  ASSERT_TRUE(summary.decode(as_bytes(ahead.summary)));
  EXPECT_EQ(count(), before + summary.numeric().count());
  EXPECT_EQ(judged(letter, now + kFuture).fate, Fate::kSettled);
}

TEST_P(DeadLettersTest, WhatCannotBeReplayedSafelyIsRefusedWithItsReason) {
  const int64_t now = 1'700'000'000;
  arrive(attic_.open(now), now);
  // A body that no longer fits its checksum: nothing in it can be trusted.
  log::Record damaged = attic_.send({make_part(random_, make_series("d1", "temperature"), now, 10)}, now);
  damaged.payload.back() = static_cast<char>(damaged.payload.back() ^ 1);
  arrive(damaged, now);
  // An inherited partial of a copied outbox is parked.
  GatewaySim copy = attic_.next_epoch(12);
  append(copy.open(now, {.predecessor_epoch = 11, .predecessor_last_seq = 1}));
  Part inherited = make_part(random_, make_series("d1", "temperature"), now, 10);
  inherited.inherited = true;
  append(copy.send({inherited}, now));
  // A request over HTTP that lies ahead of what the aggregator accepts.
  log::Record request = testing::make_record(
      log::RecordKind::kIngest, "demo", "d1", now,
      testing::make_message(1, 1, {make_part(random_, make_series("d1", "temperature"), now + 2 * kFuture, 10)}));
  append(request);
  append(testing::make_record(log::RecordKind::kRejected, "demo", "attic", now, "garbage"));
  merge();
  const std::string list = ctl("list");
  EXPECT_NE(list.find("could count them twice"), std::string::npos) << list;
  EXPECT_NE(list.find("readings over HTTP have no numbers"), std::string::npos) << list;
  EXPECT_NE(list.find("cannot be read (body_checksum)"), std::string::npos) << list;
  EXPECT_NE(list.find("4 never"), std::string::npos) << list;
  const uint64_t before = count();
  EXPECT_NE(ctl("replay --all", 1).find("0 replayed, 0 settled before, 4 not replayed"), std::string::npos);
  merge();
  EXPECT_EQ(count(), before);
  EXPECT_NE(ctl("replay --id 0-77", 1).find("found no dead letter 0-77"), std::string::npos);
  EXPECT_NE(ctl("replay", 1).find("expected --id"), std::string::npos);
  EXPECT_NE(ctl("list --tenant other").find("no dead letters"), std::string::npos);
}

// What carries no message is never read as one, whatever kinds are added.
TEST_P(DeadLettersTest, OnlyKindsThatCarryAMessageAreReadAsOne) {
  DeadLetterScanner scanner(kFuture);
  for (int number = 0; number < 256; ++number) {
    const auto kind = log::record_kind(static_cast<uint8_t>(number));
    if (!kind) continue;
    log::Record record;
    record.kind = kind->kind;
    record.tenant = "demo";
    record.payload = R"({"state":"online"})";
    const auto letter = scanner.look(0, {7, record});
    ASSERT_EQ(letter.has_value(), kind->carries_message) << kind->name;
    EXPECT_TRUE(!letter || !letter->reason.empty()) << kind->name;
  }
}

TEST_P(DeadLettersTest, AnyBytesInTheLogAreSurvived) {
  DeadLetterScanner scanner(kFuture);
  for (int i = 0; i < 2000; ++i) {
    log::Record record = attic_.send({make_part(random_, make_series("d1", "temperature"), 1'700'000'000, 10)}, 1);
    record.kind = static_cast<log::RecordKind>(1 + testing::pick(random_, 4));
    record.payload[testing::pick(random_, record.payload.size())] ^= static_cast<char>(1 << testing::pick(random_, 8));
    if (testing::chance(random_, 20)) record.payload.resize(testing::pick(random_, record.payload.size()));
    const auto letter = scanner.look(0, {7, record});
    if (!letter) continue;
    const Judgement judgement = judge(*letter, nullptr, 0, kFuture);
    EXPECT_TRUE(nlohmann::json::accept(dead_letter_json(*letter, &judgement, true)));
  }
}

INSTANTIATE_TEST_SUITE_P(Embedded, DeadLettersTest, ::testing::Values(false));
INSTANTIATE_TEST_SUITE_P(RealKafka, DeadLettersTest, ::testing::Values(true));

}  // namespace
}  // namespace tributary::feed
