// SPDX-License-Identifier: Apache-2.0
// What records do to ledgers and gateways: nothing lost, nothing doubled, and what is not merged is counted and named.
#include "cloud/state/records.h"

#include <gtest/gtest.h>

#include "cloud/state/state.h"
#include "common/ledger/receiver.h"
#include "tests/cloud/merge/support/support.h"

namespace tributary::testing {
namespace {

constexpr int64_t kNow = 1'700'000'000;
constexpr int64_t kNowNs = kNow * kNanosPerSecond;

struct Bench {
  Bench()
      : writer(open_state(state_config(folder.path("state")))), query(query::LocalQuery::make({&writer->state()})) {}
  void add(log::Record record) {
    const Status done = writer->merge({{writer->position(), std::move(record)}});
    ASSERT_TRUE(done.ok()) << done.error().message;
  }
  Part part(const std::string& device = "d1", int64_t start_s = kNow - 30, WidthS width_s = 10) {
    return make_part(random, make_series(device, "temperature"), start_s, width_s);
  }
  uint64_t readings(const std::string& tenant = "demo") {
    auto answer =
        query->ask(query::AskSummary{{.tenant = tenant, .metric = "temperature", .devices = {}, .labels = {}}, {}});
    EXPECT_TRUE(answer.ok());
    return answer->numeric().count();
  }
  static uint64_t readings_of(const std::vector<Part>& parts) {
    stats::Summary sum;
    for (const Part& part : parts) sum.merge_encoded(as_bytes(part.summary));
    return sum.numeric().count();
  }
  query::GatewayInfo gateway(const std::string& name, const std::string& tenant = "demo") {
    auto infos = query->ask(query::AskGateways{tenant, kNowNs});
    EXPECT_TRUE(infos.ok());
    for (const query::GatewayInfo& info : *infos) {
      if (info.gateway == name) return info;
    }
    ADD_FAILURE() << "no gateway " << name;
    return {};
  }

  Folder folder;
  Random random{99};
  std::unique_ptr<merge::StateWriter> writer;
  std::unique_ptr<query::Query> query;
};

TEST(RecordsTest, AMessageThatComesTwiceCountsOnce) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  const std::vector<Part> parts = {bench.part(), bench.part("d2"), bench.part("d1", kNow - 100'000)};
  const log::Record record = attic.send({parts[0], parts[1], parts[2]}, kNow);
  bench.add(record);
  bench.add(record);
  EXPECT_EQ(bench.readings(), Bench::readings_of(parts));
  EXPECT_EQ(bench.writer->counters().partials_merged_total, 3u);
  EXPECT_EQ(bench.writer->counters().duplicates_total, 3u);
  EXPECT_EQ(bench.writer->counters().late_partials_total, 1u);
}

TEST(RecordsTest, ADamagedMessageIsRejectedWithItsReasonAndItsSeqsAreSettled) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  log::Record damaged = attic.send({bench.part(), bench.part("d2")}, kNow);
  const log::Record whole = damaged;
  damaged.payload.back() ^= 1;
  bench.add(damaged);
  bench.add(attic.send({}, kNow, kNow));
  EXPECT_EQ(bench.readings(), 0u);
  query::GatewayInfo info = bench.gateway("attic");
  EXPECT_EQ(info.rejected, (std::map<std::string, uint64_t>{{"body_checksum", 2}}));
  EXPECT_EQ(info.frontier_ns, kNowNs);  // settled: neither merged nor missing
  // It can be replayed.
  bench.add(whole);
  EXPECT_GT(bench.readings(), 0u);
  EXPECT_EQ(bench.writer->counters().rejected_total, 2u);
}

TEST(RecordsTest, AMessageWithOneBadSummaryLeavesNothingBehind) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  Part bad = bench.part();
  bad.summary.back() ^= 0x7f;
  bad.summary.push_back('x');
  bench.add(attic.send({bench.part("d2"), bad, bench.part("d3")}, kNow));
  EXPECT_EQ(bench.readings(), 0u);
  EXPECT_EQ(bench.gateway("attic").rejected, (std::map<std::string, uint64_t>{{"bad_summary", 3}}));
  EXPECT_TRUE(bench.query->ask(query::AskDevices{"demo"})->empty());
}

// The bridge refuses such a message; this is one that was in the log before it did.
TEST(RecordsTest, AMessageWithReadingsOutsideAWindowIsRejectedAndMovesNoLastReading) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  const Part good = bench.part("d1", kNow - 30);
  bench.add(attic.send({good}, kNow));
  const auto last = [&] { return bench.query->ask(query::AskMetrics{"demo"})->at(0).last_seen_ns; };
  const int64_t before_ns = last();
  Part bad = bench.part("d1", kNow + 500);  // not rejected for its time: that is within max_future
  bad.start_s = good.start_s;
  bench.add(attic.send({bench.part("d2"), bad}, kNow));
  EXPECT_EQ(bench.gateway("attic").rejected, (std::map<std::string, uint64_t>{{"outside_window", 2}}));
  EXPECT_EQ(last(), before_ns);
  EXPECT_EQ(bench.readings(), Bench::readings_of({good}));
  bench.add(attic.send({}, kNow, kNow));
  EXPECT_EQ(bench.gateway("attic").frontier_ns, kNowNs);  // its seqs are settled
}

TEST(RecordsTest, AnyBytesAreSurvived) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  const log::Record whole = attic.send({wire::Opening{}, bench.part(), bench.part("d2")}, kNow);
  for (int i = 0; i < 3000; ++i) {
    log::Record record = whole;
    record.kind = static_cast<log::RecordKind>(pick(bench.random, 6));
    if (chance(bench.random, 30)) record.payload.resize(pick(bench.random, record.payload.size() + 1));
    for (uint64_t flips = pick(bench.random, 4); flips > 0 && !record.payload.empty(); --flips) {
      record.payload[pick(bench.random, record.payload.size())] = static_cast<char>(pick(bench.random, 256));
    }
    if (chance(bench.random, 2)) record.tenant = "";
    if (chance(bench.random, 2)) record.gateway = std::string(300, 'x');
    bench.add(record);
  }
  EXPECT_EQ(bench.writer->position(), 3000u);
}

TEST(RecordsTest, WindowsTooFarAheadAreRejectedAndTheOthersOfTheMessageMerge) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  const Part good = bench.part();
  log::Record record = attic.send({good, bench.part("d2", kNow + 365 * 86400)}, kNow);
  bench.add(record);
  EXPECT_EQ(bench.readings(), Bench::readings_of({good}));
  EXPECT_EQ(bench.gateway("attic").rejected, (std::map<std::string, uint64_t>{{"future", 1}}));
  bench.add(attic.send({}, kNow, kNow));
  EXPECT_EQ(bench.gateway("attic").frontier_ns, kNowNs);
  // Replayed when its time has come, it counts.
  record.append_ns += 366LL * 86400 * kNanosPerSecond;
  bench.add(record);
  EXPECT_GT(bench.readings(), Bench::readings_of({good}));
}

// The window that holds the present may end later, but no reading in it lies there.
TEST(RecordsTest, AReadingTooFarAheadInAWideWindowIsRejected) {
  for (const WidthS width_s : {WidthS{86400}, kAllTime}) {
    Bench bench;
    GatewaySim attic("demo", "attic", 1);
    bench.add(attic.open(kNow));
    const Part good = bench.part();
    Part ahead = bench.part("d2", kNow + 3600), present = bench.part("d3", kNow);
    for (Part* part : {&ahead, &present}) {
      part->width_s = width_s;
      part->start_s = window_start_s(kNow, width_s);
    }
    bench.add(attic.send({good, ahead, present}, kNow));
    EXPECT_EQ(bench.gateway("attic").rejected, (std::map<std::string, uint64_t>{{"future", 1}})) << width_s;
    EXPECT_EQ(bench.readings(), Bench::readings_of({good, present})) << width_s;
  }
}

TEST(RecordsTest, WhatTheBridgeRejectedIsCountedByItsReason) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  log::Record record = attic.send({bench.part(), bench.part()}, kNow);
  record.kind = log::RecordKind::kRejected;
  record.reason = "future";
  bench.add(record);
  bench.add(record);
  log::Record garbage = make_record(log::RecordKind::kRejected, "demo", "attic", kNow, "garbage");
  garbage.reason = "bad_magic";
  bench.add(garbage);
  EXPECT_EQ(bench.gateway("attic").rejected, (std::map<std::string, uint64_t>{{"bad_magic", 1}, {"future", 2}}));
  EXPECT_EQ(bench.readings(), 0u);
}

TEST(RecordsTest, ARestoredOutboxRaisesAnAlarmAndItsInheritedPartialsAreParkedNotDoubled) {
  Bench bench;
  GatewaySim first("demo", "attic", 1);
  bench.add(first.open(kNow));
  const Part a = bench.part(), b = bench.part("d2");
  bench.add(first.send({a}, kNow));
  bench.add(first.send({b}, kNow));  // seq 3
  // Restored from a copy made before b was sent: b waits there without a number.
  GatewaySim second = first.next_epoch(2);
  bench.add(second.open(kNow, {.predecessor_epoch = 1, .predecessor_last_seq = 2}));
  Part again = b;
  again.inherited = true;
  const Part born = bench.part("d3");
  bench.add(second.send({again, born}, kNow));
  EXPECT_EQ(bench.readings(), Bench::readings_of({a, b, born}));
  const query::GatewayInfo info = bench.gateway("attic");
  EXPECT_EQ(info.parked, 1u);
  ASSERT_EQ(info.alarms.size(), 1u);
  EXPECT_NE(info.alarms[0].find("restored"), std::string::npos);
  EXPECT_NE(info.alarms[0].find("attic"), std::string::npos);
  ASSERT_EQ(info.gaps.size(), 1u);
  EXPECT_EQ(info.gaps[0].cause, "restored");
  EXPECT_EQ(bench.writer->counters().parked_total, 1u);
  // The dead letter keeps it.
  auto txn = bench.writer->state().read();
  store::Cursor cursor(*txn, bench.writer->state().tables().deadletter);
  ASSERT_TRUE(cursor.first());
  state::ParkedPartial letter;
  ASSERT_TRUE(letter.decode(cursor.value()));
  EXPECT_EQ(letter.gateway, "attic");
  EXPECT_EQ(letter.series_id, b.series.id());
  EXPECT_EQ(letter.summary, b.summary);
  EXPECT_FALSE(cursor.next());
}

TEST(RecordsTest, AClonedOutboxRaisesAnAlarmAndNothingIsDoubled) {
  Bench bench;
  GatewaySim first("demo", "attic", 1);
  bench.add(first.open(kNow));
  Part waiting = bench.part();
  waiting.inherited = true;
  GatewaySim second = first.next_epoch(2), third = first.next_epoch(3);
  bench.add(second.open(kNow, {.predecessor_epoch = 1, .predecessor_last_seq = 1}));
  bench.add(second.send({waiting}, kNow));
  bench.add(third.open(kNow, {.predecessor_epoch = 1, .predecessor_last_seq = 1}));
  bench.add(third.send({waiting}, kNow));
  EXPECT_EQ(bench.readings(), Bench::readings_of({waiting}));
  const query::GatewayInfo info = bench.gateway("attic");
  ASSERT_EQ(info.alarms.size(), 1u);
  EXPECT_NE(info.alarms[0].find("cloned"), std::string::npos);
  ASSERT_EQ(info.gaps.size(), 1u);
  EXPECT_EQ(info.gaps[0].cause, "cloned");
}

TEST(RecordsTest, AWipedGatewayIsNamedAndGoesOn) {
  Bench bench;
  GatewaySim first("demo", "attic", 1), second("demo", "attic", 2);
  bench.add(first.open(kNow));
  const Part a = bench.part(), b = bench.part("d2");
  bench.add(first.send({a}, kNow));
  bench.add(second.open(kNow));
  bench.add(second.send({b}, kNow));
  EXPECT_EQ(bench.readings(), Bench::readings_of({a, b}));
  ASSERT_EQ(bench.gateway("attic").alarms.size(), 1u);
  EXPECT_NE(bench.gateway("attic").alarms[0].find("wiped"), std::string::npos);
  // What the old outbox had not sent may be of any time: no answer is complete without saying so.
  ASSERT_EQ(bench.gateway("attic").gaps.size(), 1u);
  EXPECT_EQ(bench.gateway("attic").gaps[0].cause, "wiped");
  EXPECT_EQ(bench.gateway("attic").gaps[0].from_ns, 0);
  EXPECT_EQ(bench.gateway("attic").gaps[0].to_ns, kNowNs);
}

TEST(RecordsTest, GapsAndLossesAreNamed) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  bench.add(attic.send(
      {wire::Gap{kNowNs - 9, kNowNs - 5, wire::GapCause::kCrash}, bench.part(), wire::LostAtGateway{kNow - 60, 10}},
      kNow, kNow));
  const query::GatewayInfo info = bench.gateway("attic");
  ASSERT_EQ(info.gaps.size(), 1u);
  EXPECT_EQ(info.gaps[0].from_ns, kNowNs - 9);
  EXPECT_EQ(info.gaps[0].to_ns, kNowNs - 5);
  EXPECT_EQ(info.gaps[0].cause, "crash");
  ASSERT_EQ(info.lost.size(), 1u);
  EXPECT_EQ(info.lost[0].first_seq, 4u);
  EXPECT_EQ(info.lost[0].cause, "gateway");
  EXPECT_EQ(bench.writer->counters().lost_total, 1u);
}

TEST(RecordsTest, AnotherBodyUnderAKeyIsRejectedAndNotTakenForARepeat) {
  Bench bench;
  const Part part = bench.part(), second = bench.part();
  log::Record request = make_record(log::RecordKind::kIngest, "demo", "d1", kNow, make_message(1, 1, {part}));
  request.idempotency_key = "k";
  request.reason = std::string(64, 'a');
  bench.add(request);
  bench.add(request);
  EXPECT_EQ(bench.writer->counters().duplicates_total, 1u);
  log::Record other = make_record(log::RecordKind::kIngest, "demo", "d1", kNow, make_message(1, 1, {second}));
  other.idempotency_key = "k";
  other.reason = std::string(64, 'b');
  bench.add(other);
  EXPECT_EQ(bench.writer->counters().rejected_total, 1u);
  EXPECT_EQ(bench.writer->counters().duplicates_total, 1u);
  EXPECT_EQ(bench.readings(), Bench::readings_of({part}));
  // A record of before bodies were told is a repeat by its key alone.
  other.reason.clear();
  bench.add(other);
  EXPECT_EQ(bench.writer->counters().duplicates_total, 2u);
}

TEST(RecordsTest, ARepeatedRequestWithItsKeyCountsOnceForADay) {
  Bench bench;
  const Part part = bench.part();
  log::Record request = make_record(log::RecordKind::kIngest, "demo", "d1", kNow, make_message(1, 1, {part}));
  request.idempotency_key = std::string(400, 'k');
  bench.add(request);
  bench.add(request);
  EXPECT_EQ(bench.readings(), Bench::readings_of({part}));
  // The same key of another device, another tenant, or none at all is another request.
  log::Record other = request;
  other.gateway = "d2";
  bench.add(other);
  other.tenant = "other";
  bench.add(other);
  other = request;
  other.idempotency_key.clear();
  bench.add(other);
  bench.add(other);
  EXPECT_EQ(bench.readings(), 4 * Bench::readings_of({part}));
  EXPECT_EQ(bench.readings("other"), Bench::readings_of({part}));
  request.append_ns += 23 * 3600 * kNanosPerSecond;
  bench.add(request);
  EXPECT_EQ(bench.readings(), 4 * Bench::readings_of({part}));
  request.append_ns += 2 * 3600 * kNanosPerSecond;
  bench.add(request);
  EXPECT_EQ(bench.readings(), 5 * Bench::readings_of({part}));
  EXPECT_TRUE(bench.query->ask(query::AskGateways{"demo", kNowNs})->empty());
}

TEST(RecordsTest, TheOverflowSeriesOfAGatewayCountsInTheFleetAndIsNamed) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  Part overflow = bench.part("");
  overflow.series.overflow = true;
  const Part part = bench.part("d1");
  bench.add(attic.send({overflow, part}, kNow));
  EXPECT_EQ(bench.readings(), Bench::readings_of({overflow, part}));
  EXPECT_EQ(bench.query->ask(query::AskDevices{"demo"})->size(), 1u);
  auto completeness = bench.query->ask(
      query::AskCompleteness{{.tenant = "demo", .metric = "temperature", .devices = {}, .labels = {}}, {}, kNowNs});
  EXPECT_EQ(completeness->overflow, std::vector<std::string>{"attic"});
}

TEST(RecordsTest, AMessageBeyondAGatewaysEpochsIsSetAsideByNameAndTheOthersGoOn) {
  Bench bench;
  uint64_t epoch = 0;
  Records flood;
  for (size_t i = 0; i < ledger::kOpenEpochsMax + 100; ++i) {
    ++epoch;
    flood.add(GatewaySim("demo", "flood", epoch).open(kNow, {epoch - 1, epoch > 1 ? 5U : 0U, {}, 0}));
  }
  merge_all(*bench.writer, flood, 1'000, bench.random);
  const auto before = bench.gateway("flood").rejected;
  ASSERT_TRUE(before.contains("too_many_epochs"));
  EXPECT_GE(before.at("too_many_epochs"), 99u);
  GatewaySim more("demo", "flood", epoch + 1);
  bench.add(more.send({bench.part("set-aside"), bench.part("set-aside-2")}, kNow));
  EXPECT_EQ(bench.readings(), 0u) << "nothing of it is merged";
  EXPECT_EQ(bench.gateway("flood").parked, 2u) << "its partials wait in the dead letter";
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  const Part part = bench.part();
  bench.add(attic.send({part}, kNow));
  EXPECT_EQ(bench.readings(), Bench::readings_of({part}));
}

}  // namespace
}  // namespace tributary::testing
