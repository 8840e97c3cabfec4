// SPDX-License-Identifier: Apache-2.0
// The feed against a sink that fails, forgets and dies: who keeps the last revision of each key has the exact rows.
#include "cloud/feed/feed.h"

#include <gtest/gtest.h>

#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>

#include "tests/cloud/merge/support/support.h"

namespace tributary::feed {
namespace {

using testing::chance;
using testing::Folder;
using testing::GatewaySim;
using testing::make_part;
using testing::make_series;
using testing::Part;
using testing::pick;
using testing::Random;
using testing::Records;

constexpr int64_t kNow = 1'700'000'000 / 3600 * 3600;

// Keeps what it is given; on demand it is away, refuses, or fails after having kept it all the same.
class FakeSink final : public Sink {
 public:
  Status prepare() override {
    if (away) return Error{ErrorCode::kIo, "nobody is there"};
    return {};
  }
  Status put(const FeedRecord& message, Done done) override {
    if (away) return Error{ErrorCode::kIo, "nobody is there"};
    if (chance(random, busy_percent)) return Error{ErrorCode::kBusy, "full"};
    const bool fails = chance(random, fail_percent);
    if (!fails || chance(random, 50)) kept.push_back(message);
    done(fails ? Status(Error{ErrorCode::kIo, "it broke"}) : Status());
    return {};
  }
  std::string trouble() const override { return ""; }

  Random random{7};
  bool away = false;
  int fail_percent = 0, busy_percent = 0;
  std::vector<FeedRecord> kept;
};

class FakeLog final : public log::Reader {
 public:
  FakeLog(const Records& records, std::mutex& mutex, log::Offset begin)
      : records_(records), mutex_(mutex), begin_(begin) {}
  const log::LogSettings& settings() const override { return settings_; }
  Result<log::Bounds> bounds(uint32_t) override {
    std::lock_guard lock(mutex_);
    return log::Bounds{begin_, records_.size()};
  }
  Result<std::vector<log::StoredRecord>> read(uint32_t, log::Offset offset, size_t max, size_t, int) override {
    if (offset < begin_) return Error{ErrorCode::kNotFound, "trimmed"};
    std::lock_guard lock(mutex_);
    return records_.slice(offset, max);
  }

 private:
  const Records& records_;
  std::mutex& mutex_;  // of records
  const log::Offset begin_;
  const log::LogSettings settings_{.log_id = 7, .partitions = 1, .durability = "power"};
};

class FeedTest : public ::testing::Test {
 protected:
  void SetUp() override { writer_ = testing::open_state(testing::state_config(folder_.path("state"))); }
  std::unique_ptr<Feed> open() {
    FeedDependencies parts;
    parts.states = {&writer_->state()};
    parts.sink = &sink_;
    parts.open_log = [this]() -> Result<std::unique_ptr<log::Reader>> {
      ++log_opened_;
      return std::unique_ptr<log::Reader>(std::make_unique<FakeLog>(records_, records_mutex_, log_begin_));
    };
    parts.say = [this](const std::string& line) { said_.push_back(line); };
    FeedConfig config{.windows = true, .dead_letters = true, .places_file = folder_.path("places")};
    config.rows_max = rows_max_;
    config.records_max = 20;
    config.delivery_ms_max = 100;
    config.places_every_ms = 0;
    auto feed = Feed::open(config, std::move(parts));
    CHECK(feed.ok());
    return std::move(feed).value();
  }
  void merge_all() { testing::merge_all(*writer_, records_, 0, random_); }
  static void publish_all(Feed& feed) {
    for (int rounds = 0; feed.round() != Feed::Round::kIdle; ++rounds) ASSERT_LT(rounds, 10'000);
  }
  // A partial of the gateway, remembered for the comparison.
  Part part(const std::string& device, int64_t start_s, WidthS width_s) {
    Part made = make_part(random_, make_series(device, "temperature", {{"unit", "°C"}}), start_s, width_s);
    parts_.push_back(made);
    return made;
  }
  // The last message of each key equals the merged partials of exactly that series, start and width; nothing else is
  // told; revisions of a key never go down.
  void expect_exact() {
    std::map<std::string, std::string> last;
    std::map<std::string, uint64_t> revisions;
    for (const FeedRecord& message : sink_.kept) {
      if (message.topic != Topic::kWindows) continue;
      const uint64_t revision = nlohmann::json::parse(message.value)["revision"];
      EXPECT_GE(revision, revisions[message.key]) << message.key;
      revisions[message.key] = revision;
      last[message.key] = message.value;
    }
    std::map<std::string, std::pair<RowName, std::unique_ptr<stats::Summary>>> wanted;
    for (const Part& one : parts_) {
      for (const bool fleet : {false, true}) {
        const RowName name{"demo", fleet ? one.series.fleet() : one.series, fleet, one.start_s, one.width_s};
        auto& [kept, sum] = wanted[row_key(name, {})];
        kept = name;
        if (!sum) sum = std::make_unique<stats::Summary>();
        ASSERT_TRUE(sum->merge_encoded(as_bytes(one.summary)));
      }
    }
    EXPECT_EQ(last.size(), wanted.size());
    for (const auto& [key, row] : wanted) {
      ASSERT_TRUE(last.contains(key)) << key;
      const Teller teller{.state_id = writer_->state().state_id(), .revision = revisions[key]};
      EXPECT_EQ(last[key], row_message(row.first, *row.second, teller).value);
    }
  }
  std::vector<nlohmann::json> letters() const {
    std::vector<nlohmann::json> out;
    for (const FeedRecord& message : sink_.kept) {
      if (message.topic == Topic::kDeadLetters) out.push_back(nlohmann::json::parse(message.value));
    }
    return out;
  }
  bool said(const std::string& words) const {
    return std::any_of(said_.begin(), said_.end(),
                       [&](const std::string& line) { return line.find(words) != std::string::npos; });
  }

  Folder folder_;
  Random random_{42};
  std::unique_ptr<merge::StateWriter> writer_;
  FakeSink sink_;
  Records records_;
  std::mutex records_mutex_;  // while a feed has a thread of its own
  log::Offset log_begin_ = 0;
  size_t rows_max_ = 50;
  int log_opened_ = 0;
  std::vector<std::string> said_;
  std::vector<Part> parts_;
  GatewaySim attic_{"demo", "attic", 11};
};

TEST_F(FeedTest, WhateverTheSinkDoesTheLastRevisionOfEachKeyIsTheExactRow) {
  records_.add(attic_.open(kNow));
  auto feed = open();
  constexpr WidthS kWidths[] = {10, 10, 10, 60, 900, 3600};
  for (int step = 0; step < 300; ++step) {
    std::vector<testing::Item> items;
    const int64_t now_s = kNow + step * 20;
    for (uint64_t i = pick(random_, 5) + 1; i > 0; --i) {
      const WidthS width = kWidths[pick(random_, std::size(kWidths))];
      // Now and then hours late, so that materialised rows change too.
      const int64_t at = now_s - static_cast<int64_t>(chance(random_, 20) ? pick(random_, 20'000) : pick(random_, 100));
      items.emplace_back(part("d" + std::to_string(pick(random_, 3)), window_start_s(at, width), width));
    }
    records_.add(attic_.send(items, now_s));
    if (chance(random_, 50)) merge_all();
    sink_.away = chance(random_, 15);
    sink_.fail_percent = chance(random_, 30) ? 3 : 0;
    sink_.busy_percent = chance(random_, 30) ? 20 : 0;
    feed->round();
    if (chance(random_, 5)) feed = open();  // killed: what is not in the places file is told again
  }
  merge_all();
  sink_.away = false;
  sink_.fail_percent = sink_.busy_percent = 0;
  publish_all(*feed);
  EXPECT_GT(feed->counters().rows_total.load(), 0u);
  EXPECT_EQ(feed->lag().at(0), 0u);
  expect_exact();
}

TEST_F(FeedTest, WhatTheChangeRecordsNoLongerReachIsPublishedAsAWhole) {
  records_.add(attic_.open(kNow));
  rows_max_ = 7;
  for (int step = 0; step < 40; ++step) {
    records_.add(
        attic_.send({part("d1", kNow + step * 10, 10), part("d2", kNow + step * 60, 60), part("d1", kNow - 86400, 3600),
                     part("d1", kNow - 10 * 86400, 86400), part("d2", kNow + step * 300, 900), part("d2", 0, kAllTime)},
                    kNow + step * 300));
  }
  merge_all();  // hours went by: the first changes are trimmed, the rows rolled
  auto feed = open();
  feed->round();
  EXPECT_TRUE(said("publishing every row that is kept")) << said_.size();
  feed = open();  // killed in the middle of the pass: it begins again
  feed->round();
  records_.add(attic_.send({part("d1", kNow, 10)}, kNow + 13'000));  // while the pass is under way
  merge_all();
  publish_all(*feed);
  EXPECT_EQ(feed->counters().full_passes_total.load(), 1u);
  expect_exact();
  const size_t before = sink_.kept.size();
  feed = open();
  publish_all(*feed);
  EXPECT_EQ(sink_.kept.size(), before) << "a restart told again what was settled";
}

TEST_F(FeedTest, AnotherStateAndAnOlderCopyArePublishedAsAWhole) {
  records_.add(attic_.open(kNow));
  records_.add(attic_.send({part("d1", kNow, 10)}, kNow + 1));
  merge_all();
  publish_all(*open());
  const size_t rows = sink_.kept.size();
  std::map<uint32_t, FeedPosition> places = *read_places(folder_.path("places"));
  places[0].revision += 5;
  ASSERT_TRUE(write_places(folder_.path("places"), places).ok());
  publish_all(*open());
  EXPECT_TRUE(said("an older copy"));
  EXPECT_EQ(sink_.kept.size(), 2 * rows);
  places = *read_places(folder_.path("places"));
  EXPECT_EQ(places[0].revision, writer_->position());
  places[0].state_id ^= 1;
  ASSERT_TRUE(write_places(folder_.path("places"), places).ok());
  publish_all(*open());
  EXPECT_TRUE(said("another one than before"));
  EXPECT_EQ(sink_.kept.size(), 3 * rows);
  expect_exact();
}

TEST_F(FeedTest, ADamagedPlacesFileIsNamedAndNotGuessedAt) {
  for (const char* text :
       {"", "rubbish\n", "tributary feed places 1\n0 zz 1 2\n", "tributary feed places 1\n0 1 2 3 4\n"}) {
    std::ofstream(folder_.path("places")) << text;
    const auto places = read_places(folder_.path("places"));
    ASSERT_FALSE(places.ok()) << text;
    EXPECT_EQ(places.error().code, ErrorCode::kCorrupt);
    EXPECT_NE(places.error().message.find("expected"), std::string::npos);
  }
  const std::map<uint32_t, FeedPosition> places = {{0, {1, 2, 3}}, {17, {~0ULL, 1ULL << 60, 0}}};
  ASSERT_TRUE(write_places(folder_.path("places"), places).ok());
  EXPECT_EQ(*read_places(folder_.path("places")), places);
  EXPECT_TRUE(read_places(folder_.path("none"))->empty());
}

TEST_F(FeedTest, DeadLettersAreToldWithTheirReasonAndTheLogIsReadForThemOnly) {
  records_.add(attic_.open(kNow));
  auto feed = open();
  merge_all();
  publish_all(*feed);
  const int opened = log_opened_;  // once at its start, as it cannot know
  for (int i = 0; i < 50; ++i) records_.add(attic_.send({part("d1", kNow + i * 10, 10)}, kNow + i * 10));
  merge_all();
  publish_all(*feed);
  EXPECT_EQ(log_opened_, opened);
  // A part far ahead, a rejected message, garbage, a parked partial of a cloned outbox.
  Part ahead = make_part(random_, make_series("d1", "temperature"), kNow + 86400, 10);
  records_.add(attic_.send({part("d1", kNow, 10), ahead}, kNow + 600));
  log::Record rejected = attic_.send({ahead}, kNow + 601);
  rejected.kind = log::RecordKind::kRejected;
  rejected.reason = "future";
  records_.add(rejected);
  records_.add(testing::make_record(log::RecordKind::kRejected, "demo", "attic", kNow + 602, "garbage"));
  GatewaySim copy = attic_.next_epoch(12);
  records_.add(copy.open(kNow + 603, {.predecessor_epoch = 11, .predecessor_last_seq = 5}));
  Part inherited = make_part(random_, make_series("d1", "temperature"), kNow, 10);
  inherited.inherited = true;
  records_.add(copy.send({inherited}, kNow + 604));
  // A damaged copy of what was merged: rejected, though none of its seqs is.
  log::Record copied = records_.all()[1].record;
  copied.kind = log::RecordKind::kRejected;
  copied.reason = "body_checksum";
  copied.payload.back() = static_cast<char>(copied.payload.back() ^ 1);
  copied.append_ns = (kNow + 605) * kNanosPerSecond;
  merge_all();
  publish_all(*feed);
  const auto before = letters();
  ASSERT_EQ(before.size(), 4u);
  records_.add(copied);
  merge_all();
  sink_.away = true;
  EXPECT_EQ(feed->round(), Feed::Round::kTrouble);
  EXPECT_EQ(feed->trouble(), "nobody is there");
  EXPECT_GT(feed->lag().at(0), 0u);
  sink_.away = false;
  publish_all(*feed);
  EXPECT_EQ(feed->trouble(), "");
  const auto told = letters();
  ASSERT_EQ(told.size(), 5u);
  EXPECT_EQ(told[4]["reason"], "body_checksum");
  EXPECT_EQ(told[0]["kind"], "rejected_items");
  EXPECT_EQ(told[0]["seqs"], "53");
  EXPECT_EQ(told[0]["reason"], "future");
  EXPECT_EQ(told[1]["kind"], "rejected");
  EXPECT_EQ(told[1]["reason"], "future");
  EXPECT_EQ(told[1]["series"]["device"], "d1");
  EXPECT_EQ(told[2]["reason"], "unknown");
  EXPECT_EQ(told[3]["kind"], "parked");
  EXPECT_EQ(told[3]["id"], "0-55-2");
  EXPECT_GT(told[3]["summary"]["count"], 0);
  expect_exact();
}

TEST_F(FeedTest, OnItsOwnThreadItFollowsTheMergerAndStopsAtOnce) {
  records_.add(attic_.open(kNow));
  auto feed = open();
  feed->start();
  for (int step = 0; step < 100; ++step) {
    {
      std::lock_guard lock(records_mutex_);
      records_.add(attic_.send({part("d1", kNow + step / 10 * 10, 10)}, kNow + step));
    }
    merge_all();
    feed->wake();
    feed->lag();
    feed->trouble();
  }
  while (feed->lag().at(0) > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  feed->stop();
  expect_exact();
  EXPECT_EQ(read_places(folder_.path("places"))->at(0).revision, writer_->position());
}

TEST_F(FeedTest, TroubleWithTheLogHoldsUpNoRows) {
  records_.add(attic_.open(kNow));
  records_.add(testing::make_record(log::RecordKind::kRejected, "demo", "attic", kNow, "garbage"));
  records_.add(attic_.send({part("d1", kNow, 10)}, kNow + 1));
  merge_all();
  Records all;
  std::swap(all, records_);  // a log that is shorter than it was
  auto feed = open();
  EXPECT_EQ(feed->round(), Feed::Round::kTrouble);
  EXPECT_NE(feed->trouble().find("dead letters"), std::string::npos);
  expect_exact();
  std::swap(all, records_);
  log_begin_ = 2;  // trimmed
  publish_all(*feed);
  EXPECT_EQ(letters().size(), 0u);
  EXPECT_EQ(feed->lag().at(0), 0u);
}

}  // namespace
}  // namespace tributary::feed
