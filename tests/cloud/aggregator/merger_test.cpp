// SPDX-License-Identifier: Apache-2.0
// The merger between a log and a state: it goes on where it was, names holes, and refuses what it cannot explain.
#include "cloud/aggregator/merger.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/cloud/merge/support/support.h"

namespace tributary::api {
namespace {

using testing::Folder;

class FakeLog final : public log::Reader {
 public:
  const log::LogSettings& settings() const override { return settings_; }
  Result<log::Bounds> bounds(uint32_t) override {
    if (away) return Error{ErrorCode::kIo, "away"};
    return log::Bounds{begin, begin + records.size()};
  }
  Result<std::vector<log::StoredRecord>> read(uint32_t, log::Offset offset, size_t max, size_t, int) override {
    if (away) return Error{ErrorCode::kIo, "away"};
    if (offset < begin || offset > begin + records.size()) return Error{ErrorCode::kNotFound, "outside"};
    std::vector<log::StoredRecord> out;
    for (size_t i = offset - begin; i < records.size() && out.size() < max; ++i) {
      out.push_back({begin + i, records[i]});
      out.back().record.log_id = other_log.contains(begin + i) ? 1 : settings_.log_id;
      if (foreign.contains(begin + i)) {
        out.back().hole = "foreign";
        out.back().hole_end = begin + i + 1;
      }
    }
    return out;
  }
  void append(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      records.push_back(testing::make_record(log::RecordKind::kStatus, "demo", "attic",
                                             1'700'000'000 + static_cast<int64_t>(i), "{}"));
    }
  }
  void trim(size_t count) {
    records.erase(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(count));
    begin += count;
  }

  log::LogSettings settings_{.log_id = 0xabc, .partitions = 1, .durability = "power"};
  log::Offset begin = 0;
  bool away = false;
  std::vector<log::Record> records;
  std::set<log::Offset> foreign;    // offsets that hold something else
  std::set<log::Offset> other_log;  // records that a state refuses
};

class MergerTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    merger_.reset();
    writer_.reset();
    writer_ = testing::open_state(testing::state_config(folder_.path("state")));
    MergerDependencies parts;
    parts.writer = writer_.get();
    parts.log = [this]() -> Result<log::Reader*> {
      if (!there_) return Error{ErrorCode::kNotFound, "there is no log"};
      return &log_;
    };
    parts.now_ns = [this] { return now_ns_; };
    parts.end = &end_;
    parts.committed = [this] { ++commits_; };
    parts.say = [this](const std::string& line) { said_.push_back(line); };
    recoveries_ = std::make_unique<runtime::Recoveries>(recovery_kinds());
    watch_ = std::make_unique<MergeWatch>(std::vector<TakenUp>{{writer_->position(), writer_->state().log_id() == 0}},
                                          "", Instant{0, now_s_ * kNanosPerSecond}, *recoveries_);
    parts.looked = [this](const MergeLook& look) { watch_->look(look, {0, now_s_ * kNanosPerSecond}); };
    merger_ = std::make_unique<Merger>(MergerConfig{.records_max = 10, .wait_ms = 0}, std::move(parts));
  }
  void merge_until_idle() {
    while (merger_->round() == Merger::Round::kMerged) {
    }
  }

  Folder folder_;
  FakeLog log_;
  bool there_ = true;
  int commits_ = 0;
  std::vector<std::string> said_;
  // What the metrics say of the last recovery of a kind.
  std::string told(const std::string& kind) const {
    runtime::Exposition text;
    recoveries_->families(text);
    std::string out;
    for (const char* name : {"total", "seconds"}) {
      const std::string family =
          (name[0] == 't' ? "tributary_recoveries_total{kind=\"" : "tributary_last_recovery_seconds{kind=\"") + kind;
      const size_t at = text.text().find(family);
      if (at == std::string::npos) continue;
      const size_t value = text.text().find(' ', at) + 1;
      out += text.text().substr(value, text.text().find('\n', at) - value) + " ";
    }
    const std::string records = "amount{kind=\"" + kind + "\",of=\"records\"} ";
    if (const size_t at = text.text().find(records); at != std::string::npos) {
      out += text.text().substr(at + records.size(), text.text().find('\n', at) - at - records.size());
    }
    return out;  // "count seconds records"
  }
  int64_t now_s_ = 0;
  int64_t now_ns_ = int64_t{1'700'000'000} * kNanosPerSecond;
  query::LogEndNote end_;
  std::unique_ptr<runtime::Recoveries> recoveries_;
  std::unique_ptr<MergeWatch> watch_;
  std::unique_ptr<merge::StateWriter> writer_;
  std::unique_ptr<Merger> merger_;
};

TEST_F(MergerTest, WaitsForALogThatIsNotThereYet) {
  there_ = false;
  EXPECT_NE(merger_->trouble(), "");
  EXPECT_EQ(merger_->round(), Merger::Round::kTrouble);
  EXPECT_EQ(merger_->round(), Merger::Round::kTrouble);
  EXPECT_NE(merger_->trouble().find("waiting for the log"), std::string::npos);
  EXPECT_EQ(said_.size(), 1u);  // once, not every time
  there_ = true;
  log_.append(25);
  merge_until_idle();
  EXPECT_EQ(writer_->position(), 25u);
  EXPECT_EQ(commits_, 3);
  EXPECT_EQ(merger_->trouble(), "");
}

// It says up to when everything durable is merged: the moment it saw the end, or what it has come to on the way.
TEST_F(MergerTest, TellsUpToWhenTheLogIsMergedAndNeverMore) {
  const auto at = [](int64_t s) { return (int64_t{1'700'000'000} + s) * kNanosPerSecond; };
  there_ = false;
  merger_->round();
  EXPECT_EQ(end_.as_of_ns(), 0) << "the log was not seen";
  there_ = true;
  log_.append(25);
  now_ns_ = at(1000);
  EXPECT_EQ(merger_->round(), Merger::Round::kMerged);
  EXPECT_EQ(end_.as_of_ns(), at(0)) << "of 25 records 10 are merged";
  merge_until_idle();
  EXPECT_EQ(end_.as_of_ns(), at(1000));
  log_.away = true;
  now_ns_ = at(2000);
  EXPECT_EQ(merger_->round(), Merger::Round::kTrouble);
  EXPECT_EQ(end_.as_of_ns(), at(1000)) << "nobody saw its end since";
  log_.away = false;
  log_.append(1);
  merge_until_idle();
  EXPECT_EQ(end_.as_of_ns(), at(2000));
}

TEST_F(MergerTest, GoesOnWhereItWas) {
  log_.append(25);
  merge_until_idle();
  log_.append(5);
  open();
  merge_until_idle();
  EXPECT_EQ(writer_->position(), 30u);
  EXPECT_EQ(writer_->counters().records_total.load(), 5u);
  EXPECT_EQ(told("restart"), "1 0 5");
  EXPECT_EQ(told("new_state"), "0 ");
}

TEST_F(MergerTest, TellsOnceThatItCaughtUpAfterTheLogWasAway) {
  log_.append(5);
  merge_until_idle();
  EXPECT_EQ(told("new_state"), "1 0 5");
  log_.away = true;
  now_s_ = 100;
  EXPECT_EQ(merger_->round(), Merger::Round::kTrouble);
  now_s_ = 140;
  EXPECT_EQ(merger_->round(), Merger::Round::kTrouble);
  log_.append(25);
  log_.away = false;
  now_s_ = 160;
  EXPECT_EQ(merger_->round(), Merger::Round::kMerged);
  EXPECT_EQ(told("log_outage"), "0 ") << "15 are missing";
  merge_until_idle();
  EXPECT_EQ(told("log_outage"), "1 60 25");
  log_.append(5);
  merge_until_idle();
  EXPECT_EQ(told("log_outage"), "1 60 25");
}

TEST_F(MergerTest, NamesWhatWasTrimmedBeforeItWasMerged) {
  log_.append(5);
  merge_until_idle();
  log_.append(20);
  log_.trim(15);
  merge_until_idle();
  EXPECT_EQ(writer_->position(), 25u);
  EXPECT_EQ(merger_->trouble(), "");
  const auto query = query::LocalQuery::make({&writer_->state()});
  const auto completeness = query->ask(query::AskCompleteness{{.tenant = "demo"}, {}, 0});
  ASSERT_TRUE(completeness.ok());
  ASSERT_EQ(completeness->log_gaps.size(), 1u);
  EXPECT_EQ(completeness->log_gaps[0].from_offset, 5u);
  EXPECT_EQ(completeness->log_gaps[0].to_offset, 15u);
  EXPECT_EQ(completeness->log_gaps[0].cause, "trimmed");
}

TEST_F(MergerTest, NamesWhatIsNoRecordOfTheLogAndMergesTheRest) {
  log_.append(25);
  log_.foreign = {0, 7, 8, 24};
  merge_until_idle();
  EXPECT_EQ(writer_->position(), 25u);
  EXPECT_EQ(merger_->trouble(), "");
  EXPECT_EQ(writer_->counters().records_total.load(), 21u);
  EXPECT_EQ(merger_->holes_total(), 4u);
  const auto completeness =
      query::LocalQuery::make({&writer_->state()})->ask(query::AskCompleteness{{.tenant = "demo"}, {}, 0});
  ASSERT_TRUE(completeness.ok());
  ASSERT_EQ(completeness->log_gaps.size(), 4u);
  EXPECT_EQ(completeness->log_gaps[1].from_offset, 7u);
  EXPECT_EQ(completeness->log_gaps[1].to_offset, 8u);
  EXPECT_EQ(completeness->log_gaps[1].cause, "foreign");
  log_.append(5);
  merge_until_idle();
  EXPECT_EQ(writer_->position(), 30u);
}

TEST_F(MergerTest, TellsOfWhatLiesBeforeAHoleThoughTheRestFails) {
  log_.append(9);
  log_.foreign = {5};
  log_.other_log = {7};
  EXPECT_EQ(merger_->round(), Merger::Round::kTrouble);
  EXPECT_EQ(writer_->position(), 6u);
  EXPECT_EQ(commits_, 1);
  log_.other_log.clear();
  merge_until_idle();
  EXPECT_EQ(writer_->position(), 9u);
  EXPECT_EQ(commits_, 2);
}

TEST_F(MergerTest, RefusesALogThatWasMadeAgainUnderTheSameId) {
  log_.append(25);
  merge_until_idle();
  // Everything in the new one was appended later than all that was merged.
  log_.records.clear();
  log_.append(60);
  for (size_t i = 0; i < log_.records.size(); ++i) log_.records[i].append_ns += 3600 * kNanosPerSecond;
  open();
  EXPECT_EQ(merger_->round(), Merger::Round::kRefused);
  EXPECT_NE(merger_->trouble().find("made again"), std::string::npos) << merger_->trouble();
  EXPECT_EQ(writer_->position(), 25u);
}

TEST_F(MergerTest, RefusesALogThatIsShorterThanItWas) {
  log_.append(25);
  merge_until_idle();
  log_.records.resize(10);
  for (const bool restarted : {false, true}) {
    if (restarted) open();
    EXPECT_EQ(merger_->round(), Merger::Round::kRefused);
    EXPECT_NE(merger_->trouble().find("record 25"), std::string::npos);
    EXPECT_NE(merger_->trouble().find("ends at 10"), std::string::npos);
    EXPECT_EQ(writer_->position(), 25u);
  }
}

TEST_F(MergerTest, RefusesAnotherLogAndNamesBoth) {
  log_.append(5);
  merge_until_idle();
  log_.settings_.log_id = 0xdef;
  open();
  EXPECT_EQ(merger_->round(), Merger::Round::kRefused);
  EXPECT_NE(merger_->trouble().find("0000000000000abc"), std::string::npos);
  EXPECT_NE(merger_->trouble().find("0000000000000def"), std::string::npos);
  EXPECT_EQ(writer_->position(), 5u);
}

TEST_F(MergerTest, RefusesAPartitionTheLogDoesNotHave) {
  log_.settings_.partitions = 0;
  EXPECT_EQ(merger_->round(), Merger::Round::kRefused);
}

TEST_F(MergerTest, ItsThreadMergesAndStops) {
  log_.append(1000);
  merger_->start();
  EXPECT_EQ(writer_->state().wait_revision(999, 10'000), 1000u);
  merger_->stop();
}

}  // namespace
}  // namespace tributary::api
