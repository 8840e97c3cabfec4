// SPDX-License-Identifier: Apache-2.0
// An answer is complete only if nothing that was accepted for its range can be missing, and it then says so.
#include "cloud/query/question/completeness.h"

#include <gtest/gtest.h>

#include "cloud/query/question/names.h"
#include "cloud/query/question/rows.h"
#include "tests/cloud/merge/support/support.h"

namespace tributary::testing {
namespace {

constexpr int64_t kNow = 1'700'000'040;  // at a full minute

int64_t ns(int64_t time_s) { return time_s * kNanosPerSecond; }

class CompleteTest : public ::testing::Test {
 protected:
  CompleteTest() : writer_(open_state(state_config(folder_.path("state")))) {
    query_ = query::LocalQuery::make({&writer_->state()}, {&end_});
    end_.raise(ns(kNow));
  }
  void add(log::Record record) {
    const Status done = writer_->merge({{writer_->position(), std::move(record)}});
    ASSERT_TRUE(done.ok()) << done.error().message;
  }
  Part part(const std::string& device, int64_t start_s, WidthS width_s = 10,
            const std::string& metric = "temperature") {
    return make_part(random_, make_series(device, metric), start_s, width_s);
  }
  // One reading at each of the times.
  static Part exactly(const std::string& device, int64_t start_s, WidthS width_s, const std::vector<int64_t>& times_s) {
    stats::Summary sum;
    for (const int64_t time_s : times_s) sum.add(ns(time_s), 21);
    return {make_series(device, "temperature"), start_s, width_s, encoded(sum)};
  }
  void status(const std::string& gateway, const std::string& more, int64_t append_s = kNow) {
    add(make_record(log::RecordKind::kStatus, "demo", gateway, append_s,
                    R"({"state":"online","widest_window":10)" + more + "}"));
  }
  void post(const std::string& device, int64_t start_s, int64_t append_s) {
    add(make_record(log::RecordKind::kIngest, "demo", device, append_s, make_message(1, 1, {part(device, start_s)})));
  }
  query::Completeness ask(query::Range range, std::vector<std::string> devices = {},
                          const std::string& metric = "temperature") {
    auto answer = query_->ask(query::AskCompleteness{
        {.tenant = "demo", .metric = metric, .devices = std::move(devices), .labels = {}}, range, ns(kNow)});
    EXPECT_TRUE(answer.ok());
    return *answer;
  }
  static query::Range range(int64_t from_s, int64_t to_s) { return {ns(from_s), ns(to_s)}; }

  Folder folder_;
  Random random_{7};
  query::LogEndNote end_;
  std::unique_ptr<merge::StateWriter> writer_;
  std::unique_ptr<query::Query> query_;
};

TEST_F(CompleteTest, ARangeThatEndedThreeMinutesAgoIsCompleteOnAQuietSystem) {
  GatewaySim attic("demo", "attic", 1), barn("demo", "barn", 2), cellar("demo", "cellar", 3);
  for (GatewaySim* one : {&attic, &barn, &cellar}) add(one->open(kNow - 1000));
  add(attic.send({part("d1", kNow - 300)}, kNow - 30, kNow - 60));
  add(barn.send({part("d2", kNow - 300)}, kNow - 30, kNow - 60));
  add(cellar.send({}, kNow - 60, kNow - 60));  // never saw the metric; it only speaks
  const query::Completeness answer = ask(range(kNow - 600, kNow - 180));
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.share, 1);
  EXPECT_EQ(answer.expected, 2u);
  EXPECT_EQ(answer.possible.count, 0u);
  EXPECT_EQ(answer.as_of_ns, ns(kNow));
  EXPECT_FALSE(answer.answered);
  EXPECT_TRUE(ask(range(kNow - 600, kNow - 180), {"d1"}).complete);
}

// A1: whoever could have accepted it is a witness, also if nothing of it ever arrived.
TEST_F(CompleteTest, AGatewayThatNeverReportedToTheSelectionAndIsBehindIsPossible) {
  GatewaySim attic("demo", "attic", 1), barn("demo", "barn", 2);
  add(attic.open(kNow - 1000));
  add(barn.open(kNow - 1000));
  add(attic.send({part("d1", kNow - 300)}, kNow - 30, kNow - 60));
  add(barn.send({part("d9", kNow - 500, 10, "co2")}, kNow - 400, kNow - 400));
  const query::Completeness answer = ask(range(kNow - 600, kNow - 180));
  EXPECT_FALSE(answer.complete);
  EXPECT_EQ(answer.share, 1);
  EXPECT_EQ(answer.possible.count, 1u);
  EXPECT_EQ(answer.possible.gateways, (std::vector<std::string>{"barn"}));
  EXPECT_EQ(answer.to_ns, ns(kNow - 400));
  EXPECT_TRUE(ask(range(kNow - 600, kNow - 400)).complete);
  // A device that nobody reported: nobody is expected, and it is not complete.
  const query::Completeness unheard = ask(range(kNow - 600, kNow - 180), {"new"});
  EXPECT_FALSE(unheard.complete);
  EXPECT_FALSE(unheard.share.has_value());
  EXPECT_EQ(unheard.possible.count, 1u);
  // What it declares excludes the selection, or does not.
  status("barn", R"(,"serves":["d9","plant-1/*"])", kNow - 399);
  EXPECT_TRUE(ask(range(kNow - 600, kNow - 180), {"d1"}).complete);
  EXPECT_FALSE(ask(range(kNow - 600, kNow - 180), {"d1", "plant-1"}).complete);
  EXPECT_FALSE(ask(range(kNow - 600, kNow - 180)).complete) << "d9 may have any metric";
  status("barn", R"(,"serves":["d9/co2"])", kNow - 398);
  EXPECT_TRUE(ask(range(kNow - 600, kNow - 180)).complete);
  status("barn", R"(,"serves":["d9/co2",7])", kNow - 397);
  EXPECT_FALSE(ask(range(kNow - 600, kNow - 180)).complete) << "not understood, so nothing is declared";
  ASSERT_TRUE(writer_->set_retired("demo", "barn", true).ok());
  EXPECT_TRUE(ask(range(kNow - 600, kNow - 180)).complete);
}

TEST_F(CompleteTest, OfManyPossibleGatewaysTheFirstFewAreNamed) {
  GatewaySim attic("demo", "attic", 1);
  add(attic.open(kNow - 1000));
  add(attic.send({part("d1", kNow - 300)}, kNow - 30, kNow - 60));
  for (int i = 0; i < 30; ++i) add(GatewaySim("demo", "g" + std::to_string(10 + i), 100 + i).open(kNow - 900));
  const query::Completeness answer = ask(range(kNow - 600, kNow - 180));
  EXPECT_EQ(answer.possible.count, 30u);
  EXPECT_EQ(answer.possible.gateways.size(), 8u);
  EXPECT_EQ(answer.possible.gateways.front(), "g10");
}

// A2: what is in the log and not merged is missing.
TEST_F(CompleteTest, AnAnswerKnowsUpToWhenTheLogIsMerged) {
  post("d1", kNow - 600, kNow - 590);
  query::LogEndNote end;
  query_ = query::LocalQuery::make({&writer_->state()}, {&end});
  EXPECT_FALSE(ask(range(kNow - 500, kNow - 180)).complete);
  EXPECT_EQ(ask(range(kNow - 500, kNow - 180)).as_of_ns, 0);
  end.raise(ns(kNow - 181));
  EXPECT_FALSE(ask(range(kNow - 500, kNow - 180)).complete);
  EXPECT_EQ(ask(range(kNow - 500, kNow - 180)).as_of_ns, ns(kNow - 181));
  end.raise(ns(kNow - 180));
  EXPECT_TRUE(ask(range(kNow - 500, kNow - 180)).complete);
  end.raise(ns(kNow + 86400));
  EXPECT_EQ(ask(range(kNow - 500, kNow - 180)).as_of_ns, ns(kNow)) << "no later than the question";
}

// A3: before anybody was there nobody knows.
TEST_F(CompleteTest, ARangeBeforeTheFirstGatewayOrPostIsUnknown) {
  EXPECT_FALSE(ask(range(kNow - 600, kNow - 500)).complete);
  post("d1", kNow - 400, kNow - 390);
  EXPECT_FALSE(ask(range(kNow - 600, kNow - 500)).complete);
  EXPECT_FALSE(ask(range(kNow - 400, kNow - 300)).complete);
  EXPECT_TRUE(ask(range(kNow - 390, kNow - 300)).complete);
  GatewaySim attic("demo", "attic", 1);
  add(attic.open(kNow - 100));
  add(attic.send({part("d2", kNow - 5000)}, kNow - 90, kNow - 100));
  const query::Completeness before = ask(range(kNow - 5000, kNow - 4000));
  EXPECT_FALSE(before.complete);
  EXPECT_EQ(before.expected, 1u) << "it contributed, whenever it was first heard of";
  // A later gateway makes nothing unknown once its frontier has passed.
  EXPECT_TRUE(ask(range(kNow - 390, kNow - 300)).complete);
}

TEST_F(CompleteTest, GapsLossesAndParkedPartialsOfThoseInQuestionMakeItIncomplete) {
  GatewaySim attic("demo", "attic", 1), barn("demo", "barn", 2);
  add(attic.open(kNow - 1000));
  add(barn.open(kNow - 1000));
  add(attic.send({part("d1", kNow - 300)}, kNow - 30, kNow - 60));
  add(barn.send({part("d9", kNow - 500, 10, "co2"), wire::Gap{ns(kNow - 400), ns(kNow - 390)}}, kNow - 30, kNow - 60));
  EXPECT_TRUE(ask(range(kNow - 390, kNow - 180)).complete);
  EXPECT_FALSE(ask(range(kNow - 500, kNow - 180)).complete) << "it may have heard of the selection then";
  EXPECT_EQ(ask(range(kNow - 500, kNow - 180)).gaps.size(), 1u);
  add(attic.send({wire::LostAtGateway{}}, kNow - 20, kNow - 60));
  EXPECT_FALSE(ask(range(kNow - 390, kNow - 180)).complete);
}

// A9: what the log lost may be of any earlier time.
TEST_F(CompleteTest, AGapOfTheLogMakesRangesIncompleteThatItMayTouch) {
  post("d1", kNow - 100'000, kNow - 99'990);
  ASSERT_TRUE(writer_->skip_to(500, "trimmed", ns(kNow - 20'000)).ok());
  EXPECT_FALSE(ask(range(kNow - 50'000, kNow - 40'000)).complete);
  EXPECT_FALSE(ask(range(kNow - 20'000, kNow - 10'000)).complete) << "dated ahead";
  EXPECT_TRUE(ask(range(kNow - 10'000, kNow - 180)).complete);
  EXPECT_EQ(ask(range(kNow - 10'000, kNow - 180)).log_gaps.size(), 1u);
}

// A10: rows that lie across a bound.
TEST_F(CompleteTest, RowsAcrossABoundAreNamedWithTheirReadings) {
  const int64_t hour = (kNow - 7200) / 3600 * 3600;
  GatewaySim attic("demo", "attic", 1);
  add(attic.open(hour - 86400));
  add(attic.send({exactly("d1", hour, 3600, {hour + 60, hour + 1200, hour + 3000})}, kNow - 30, kNow - 60));
  // The row starts in the range and goes on beyond it.
  query::Completeness answer = ask(range(hour, hour + 1800));
  ASSERT_EQ(answer.straddling.size(), 1u);
  EXPECT_EQ(answer.straddling[0].row, (query::Row{hour, 3600}));
  EXPECT_EQ(answer.straddling[0].count, 3u);
  EXPECT_FALSE(answer.complete);
  // It begins before, is left out and touches the range.
  EXPECT_EQ(ask(range(hour + 600, hour + 3600)).straddling.size(), 1u);
  // Not where all its readings are in, or out.
  EXPECT_TRUE(ask(range(hour, hour + 3010)).complete);
  EXPECT_TRUE(ask(range(hour + 3010, hour + 3600)).complete);
  EXPECT_TRUE(ask(range(hour, hour + 3600)).complete);
  EXPECT_TRUE(ask(range(hour - 3600, hour)).complete);
  // Both bounds in one row: once.
  EXPECT_EQ(ask(range(hour + 600, hour + 1800)).straddling.at(0).count, 3u);
}

TEST_F(CompleteTest, AShareOfAllTimeTouchesEveryRangeThatItsReadingsTouch) {
  GatewaySim attic("demo", "attic", 1);
  add(attic.open(kNow - 10'000));
  add(attic.send({exactly("d1", 0, kAllTime, {kNow - 9000, kNow - 8000})}, kNow - 30, kNow - 60));
  const query::Completeness answer = ask(range(kNow - 8500, kNow - 180));
  ASSERT_EQ(answer.straddling.size(), 1u);
  EXPECT_EQ(answer.straddling[0].row, (query::Row{0, kAllTime}));
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(ask(range(kNow - 7000, kNow - 180)).complete);
}

TEST_F(CompleteTest, WhatRetentionHasMadeCoarseIsNamedAtABound) {
  merge::WriterConfig config = state_config(folder_.path("short"));
  config.retention_s[0] = 7200;
  writer_ = open_state(config);
  query_ = query::LocalQuery::make({&writer_->state()}, {&end_});
  const int64_t minute = (kNow - 86400) / 60 * 60;
  GatewaySim attic("demo", "attic", 1);
  add(attic.open(minute - 1000));
  std::vector<Item> items;
  for (int i = 0; i < 6; ++i) items.emplace_back(exactly("d1", minute + 10 * i, 10, {minute + 10 * i + 5}));
  add(attic.send(items, minute + 60, minute));
  add(attic.send({part("d1", kNow - 300)}, kNow - 30, kNow - 60));
  const query::Completeness answer = ask(range(minute + 20, minute + 50));
  ASSERT_EQ(answer.straddling.size(), 1u);
  EXPECT_EQ(answer.straddling[0].row, (query::Row{minute, 60}));
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(ask(range(minute, minute + 60)).complete);
}

// A11: an answer is judged at the end of the last base window that is in it.
TEST_F(CompleteTest, BoundsAreRoundedUpToTheBaseWidthAndTheAnswerSaysSo) {
  GatewaySim attic("demo", "attic", 1);
  add(attic.open(kNow - 1000));
  add(attic.send({part("d1", kNow - 300)}, kNow - 30, kNow - 57));
  query::Completeness answer = ask(range(kNow - 300, kNow - 59));
  EXPECT_EQ(answer.answered, range(kNow - 300, kNow - 50));
  EXPECT_EQ(answer.share, 0) << "the window from -60 on is open, and belongs to the answer";
  EXPECT_FALSE(answer.complete);
  answer = ask(range(kNow - 303, kNow - 60));
  EXPECT_EQ(answer.answered, range(kNow - 300, kNow - 60));
  EXPECT_TRUE(answer.complete);
  // Another width of the base.
  add(attic.send({part("d3", kNow - 300, 30, "co2")}, kNow - 29, kNow - 57));
  EXPECT_EQ(ask(range(kNow - 300, kNow - 89), {}, "co2").answered, range(kNow - 300, kNow - 60));
}

TEST_F(CompleteTest, RowsOfAStepHoldNothingThatStartsAtTheEndOrLater) {
  GatewaySim attic("demo", "attic", 1);
  const int64_t begin = (kNow - 20'000) / 3600 * 3600;
  add(attic.open(begin));
  std::vector<Item> items;
  for (int i = 0; i < 360; ++i) items.emplace_back(exactly("d1", begin + 10 * i, 10, {begin + 10 * i + 1}));
  for (size_t at = 0; at < items.size(); at += 60) {
    add(attic.send({items.begin() + static_cast<ptrdiff_t>(at), items.begin() + static_cast<ptrdiff_t>(at + 60)},
                   begin + 3600, begin));
  }
  const auto counts = [&] {
    for (const WidthS step : {WidthS{10}, WidthS{60}, WidthS{300}, WidthS{900}, WidthS{3600}}) {
      for (const int64_t end : {begin + 10, begin + 1210, begin + 1733, begin + 3600}) {
        const query::Selection all{.tenant = "demo", .metric = "temperature", .devices = {}, .labels = {}};
        uint64_t rows = 0;
        const auto sink = [&](const std::string&, const query::Row& row, const stats::Summary& sum) {
          EXPECT_EQ(row.width_s, step);
          rows += sum.numeric().count();
        };
        ASSERT_TRUE(query_->ask(query::AskSeries{all, range(begin, end), step, "", 1000}, sink).ok());
        const auto sum = query_->ask(query::AskSummary{all, range(begin, end)});
        EXPECT_EQ(rows, sum->numeric().count()) << step << " " << end - begin;
      }
    }
  };
  counts();  // fresh
  add(attic.send({}, kNow - 30, kNow - 60));
  counts();  // materialised
}

// A12: open ends.
TEST_F(CompleteTest, AnOpenEndIsNeverCompleteAndSaysUpToWhenItWouldBe) {
  GatewaySim attic("demo", "attic", 1), barn("demo", "barn", 2);
  add(attic.open(kNow - 1000));
  add(barn.open(kNow - 1000));
  add(attic.send({part("d1", kNow - 500)}, kNow - 30, kNow - 60));
  add(barn.send({part("d2", kNow - 500)}, kNow - 180, kNow - 200));
  const query::Range open{ns(kNow - 600), std::nullopt};
  EXPECT_FALSE(ask(open).complete);
  EXPECT_EQ(ask(open).share, 1) << "it may have windows of an hour";
  EXPECT_EQ(ask(open).to_ns, ns(kNow - 200));
  status("barn", "");
  EXPECT_EQ(ask(open).share, 0.5);
  EXPECT_EQ(ask(open).behind.at(0).gateway, "barn");
  add(barn.send({}, kNow - 20, kNow - 150));
  EXPECT_EQ(ask(open).share, 1);
  EXPECT_EQ(ask(open).to_ns, ns(kNow - 150));
  EXPECT_EQ(ask({}).to_ns, ns(kNow - 150));
  EXPECT_FALSE(ask({}).complete);
}

// A5.
TEST_F(CompleteTest, ANameThatNoPartitionKnowsIsToldWithTheNearestOnes) {
  for (const char* device : {"boiler-1", "boiler-2", "pump", "roof"}) post(device, kNow - 600, kNow - 590);
  auto names = query::unknown_devices(*query_, "demo", {"boiler-1", "bolier-2", "pump"});
  ASSERT_TRUE(names.ok());
  EXPECT_EQ(names->unknown, (std::vector<std::string>{"bolier-2"}));
  EXPECT_EQ(names->near, (std::vector<std::string>{"boiler-2"}));
  EXPECT_TRUE(query::unknown_devices(*query_, "demo", {"boiler-1", "roof"})->unknown.empty());
  EXPECT_EQ(query::unknown_devices(*query_, "other", {"roof"})->unknown.size(), 1u);
  EXPECT_TRUE(query::unknown_devices(*query_, "other", {"roof"})->near.empty());
}

}  // namespace
}  // namespace tributary::testing
