// SPDX-License-Identifier: Apache-2.0
// A gateway that starts again and again while the cloud is away: a battery device that wakes each minute, a crash loop.
// Promises 4 and 5 of DESIGN.md for starts: they cost room only once, totals stay exact, what is missing is named, if
// need be by a gap wider than the truth, never by a narrower one; and copies of the outbox are told apart as ever.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "edge/outbox/opening.h"
#include "tests/edge/fake_cloud.h"

namespace tributary::edge {
namespace {

constexpr uint64_t kSmallBudget = 4 << 20;

using Span = std::pair<int64_t, int64_t>;

// The gaps, joined where they touch.
std::vector<Span> joined(const std::vector<wire::Gap>& gaps) {
  std::vector<Span> spans;
  for (const wire::Gap& gap : gaps) spans.emplace_back(gap.from_ns, gap.to_ns);
  std::sort(spans.begin(), spans.end());
  std::vector<Span> out;
  for (const Span& span : spans) {
    if (!out.empty() && span.first <= out.back().second) {
      out.back().second = std::max(out.back().second, span.second);
    } else {
      out.push_back(span);
    }
  }
  return out;
}

bool covered(const std::vector<Span>& gaps, const Span& span) {
  return std::any_of(gaps.begin(), gaps.end(),
                     [&](const Span& gap) { return gap.first <= span.first && span.second <= gap.second; });
}

TEST(AddGap, ManyGapsBecomeFewThatCoverThemAll) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 200; ++round) {
    std::vector<wire::Gap> gaps, added;
    int64_t at = 1000;
    for (int i = 0; i < 300; ++i) {
      at += static_cast<int64_t>(random() % (random() % 10 == 0 ? 1'000'000 : 1000));
      if (random() % 20 == 0) at -= 500'000;  // the clock was set back
      const int64_t to = at + static_cast<int64_t>(random() % 1000);
      const auto cause = static_cast<wire::GapCause>(1 + random() % 2);
      added.push_back({at, to, cause});
      add_gap(gaps, added.back());
      at = to;
      ASSERT_LE(gaps.size(), kGapsMax);
      ASSERT_EQ(gaps.size(), std::min(added.size(), kGapsMax));
      ASSERT_TRUE(std::is_sorted(gaps.begin(), gaps.end(),
                                 [](const wire::Gap& a, const wire::Gap& b) { return a.from_ns < b.from_ns; }));
    }
    const auto named = joined(gaps);
    for (const wire::Gap& gap : added) ASSERT_TRUE(covered(named, {gap.from_ns, gap.to_ns}));
  }
}

TEST(AddGap, NearestNeighboursAreJoinedUnderTheWorseCause) {
  std::vector<wire::Gap> gaps;
  const auto count = static_cast<int64_t>(kGapsMax);
  for (int64_t i = 0; i <= count; ++i) {
    const int64_t from = i * 1000 + (i == 7 ? -10 : 0);
    add_gap(gaps, {from, i * 1000 + 100, i == 6 ? wire::GapCause::kCrash : wire::GapCause::kStopped});
  }
  ASSERT_EQ(gaps.size(), kGapsMax);
  EXPECT_EQ(gaps[6].from_ns, 6000);
  EXPECT_EQ(gaps[6].to_ns, 7100);
  EXPECT_EQ(gaps[6].cause, wire::GapCause::kCrash);
  EXPECT_EQ(gaps[5].to_ns, 5100);
  EXPECT_EQ(gaps[7].from_ns, 8000);
}

TEST(AddGap, WhatIsKeptWithoutANumberReadsBack) {
  Unopened unopened;
  unopened.opening = {17, 42, {1, 2, 3}, kStartNs};
  for (int64_t i = 0; i < 40; ++i) add_gap(unopened.gaps, {i * 50, i * 50 + 10, wire::GapCause::kCrash});
  std::string content;
  encode_unopened(unopened, content);
  const auto back = decode_unopened(content);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->opening.predecessor_epoch, 17U);
  EXPECT_EQ(back->opening.predecessor_last_seq, 42U);
  EXPECT_EQ(back->opening.machine_id, unopened.opening.machine_id);
  EXPECT_EQ(back->opening.last_durable_ns, kStartNs);
  ASSERT_EQ(back->gaps.size(), kGapsMax);
  EXPECT_EQ(back->gaps.front().from_ns, 0);
  EXPECT_EQ(back->gaps.back().to_ns, 39 * 50 + 10);
  for (size_t size = 0; size < content.size(); ++size) ASSERT_FALSE(decode_unopened(content.substr(0, size))) << size;
}

// One gateway, its runs, and what must have become of its readings.
class Runs {
 public:
  explicit Runs(uint64_t seed) : random_(seed) {
    config_.budget_bytes = kSmallBudget;
    Series series;
    series.device = "d";
    series.metric = "m";
    id_ = series.id();
  }
  // False: it did not start, and why is said.
  bool start(CommitHook hook = nullptr) {
    auto opened = GatewayCore::open(
        config_, [this] { return random_(); }, clock_.now, std::move(hook));
    if (!opened) {
      ADD_FAILURE() << "start " << starts_ << ": " << opened.error().message;
      return false;
    }
    gateway_ = std::move(*opened);
    if (starts_++ > 0) down_.emplace_back(down_since_, clock_.now.wall_ns);
    settle_accepted();
    return true;
  }
  void read(double value) {
    ASSERT_TRUE(gateway_->accept("d", "m", std::nullopt, value, clock_.now));
    pending_.emplace_back(clock_.now.wall_ns, value);
  }
  // Nothing more is said by this run.
  void die() {
    gateway_.reset();
    down_since_ = clock_.now.wall_ns;
  }
  void check_bounds() {
    const GatewayStats stats = gateway_->stats();
    ASSERT_LE(stats.used_bytes, kSmallBudget) << starts_;
    ASSERT_LE(stats.flight_bytes, ledger::kFlightBytesMax) << starts_;
    ASSERT_FALSE(stats.disk_full) << starts_;
    used_max_ = std::max(used_max_, stats.used_bytes);
    flight_items_max_ = std::max(flight_items_max_, stats.flight_items);
  }
  // Everything that was accepted counts once, and everything else is named.
  void check(const FakeCloud& cloud) {
    settle_accepted();
    ASSERT_TRUE(pending_.empty());
    const auto totals = cloud.totals();
    ASSERT_EQ(totals.count(id_), 1U);
    EXPECT_EQ(encoded(totals.at(id_)), encoded(expected_))
        << totals.at(id_).numeric().count() << " of " << expected_.numeric().count() << " readings";
    EXPECT_EQ(cloud.parked, 0U);
    EXPECT_EQ(cloud.ledger.lost_count(), 0U);
    const auto gaps = joined(cloud.gaps);
    size_t unnamed = 0;
    for (const Span& span : down_) unnamed += covered(gaps, span) ? 0 : 1;
    EXPECT_EQ(unnamed, 0U) << "times without the gateway, of " << down_.size();
    unnamed = 0;
    for (const int64_t at_ns : lost_) unnamed += covered(gaps, {at_ns, at_ns}) ? 0 : 1;
    EXPECT_EQ(unnamed, 0U) << "readings that are missing, of " << lost_.size();
  }

  TempFolder folder_;
  GatewayConfig config_ = test_config(folder_);
  std::mt19937_64 random_;
  TestClock clock_;
  std::unique_ptr<GatewayCore> gateway_;
  uint64_t starts_ = 0, used_max_ = 0, flight_items_max_ = 0;
  std::vector<int64_t> lost_;

 private:
  // The counter of accepted readings tells how many of the last run's are in committed transactions: the first ones.
  void settle_accepted() {
    uint64_t count = gateway_->stats().accepted_total - accepted_;
    accepted_ += count;
    for (const auto& [at_ns, value] : pending_) {
      if (count > 0) {
        --count;
        expected_.add(at_ns, value);
      } else {
        lost_.push_back(at_ns);
      }
    }
    ASSERT_EQ(count, 0U);
    pending_.clear();
  }
  std::string id_;
  stats::Summary expected_;
  uint64_t accepted_ = 0;
  int64_t down_since_ = 0;
  std::vector<std::pair<int64_t, double>> pending_;
  std::vector<Span> down_;
};

// Before an epoch could wait for its opening, each start took some 160 bytes for ever, the flight outgrew its bound
// from 8,000 starts on, and after 26,000 the file was full of openings and no further start came up.
TEST(Restarts, StartsWithoutTheCloudStayWithinASmallBudget) {
  const char* by_hand = std::getenv("TRIBUTARY_STARTS");  // a longer run
  const int starts = by_hand != nullptr ? std::atoi(by_hand) : 3'000;
  const auto began = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
  Runs runs(7);
  for (int i = 0; i < starts; ++i) {
    ASSERT_TRUE(runs.start());
    for (uint64_t n = runs.random_() % 4; n-- > 0;) {
      runs.read(static_cast<double>(runs.random_() % 1000));
      runs.clock_.advance_ms(700);
    }
    // Some runs end before their checkpoint, some cleanly; some find a broker, but nobody behind it.
    const uint64_t how = runs.random_() % 10;
    if (how > 1) {
      runs.clock_.advance_ms(1100);
      ASSERT_TRUE(runs.gateway_->tick(runs.clock_.now).ok());
    }
    if (how > 4) {
      while (runs.gateway_->next_message(runs.clock_.now)) {
      }
    }
    if (how > 6) {
      ASSERT_TRUE(runs.gateway_->close(runs.clock_.now).ok());
    } else if (how > 5) {
      runs.read(1);
    }
    runs.check_bounds();
    runs.die();
    ASSERT_FALSE(::testing::Test::HasFailure());
    runs.clock_.advance_ms(runs.random_() % 500 == 0 ? 4'000'000 : 55'000);
  }
  const double loop_seconds = seconds();
  ASSERT_TRUE(runs.start());
  runs.check_bounds();
  // The first run's, and the newest one's: what a start adds does not depend on how many there were.
  EXPECT_LE(runs.flight_items_max_, ledger::kSpanMax + 2 * (kGapsMax + 1));
  FakeCloud cloud;
  TestClock& clock = runs.clock_;
  const int64_t back_ns = clock.now.mono_ns, back_wall_ns = clock.now.wall_ns;
  const uint64_t messages = drain(*runs.gateway_, cloud, clock);
  EXPECT_LT(clock.now.mono_ns - back_ns, 60 * kNanosPerSecond);
  EXPECT_EQ(cloud.openings.size(), 2U);
  EXPECT_LE(cloud.gaps.size(), kGapsMax);
  EXPECT_GT(cloud.ledger.frontier_ns(), back_wall_ns);
  EXPECT_GT(cloud.ledger.mark_ns(), back_wall_ns);
  EXPECT_TRUE(std::all_of(cloud.alarms.begin(), cloud.alarms.end(),
                          [](ledger::Alarm alarm) { return alarm == ledger::Alarm::kNone; }));
  EXPECT_GT(runs.lost_.size(), 0U);
  runs.check(cloud);
  std::printf(
      "%d starts in %.1f s, file at most %llu bytes in use; %llu readings were never accepted; %zu gaps; %llu "
      "messages, %.1f s of the gateway's time\n",
      starts, loop_seconds, static_cast<unsigned long long>(runs.used_max_),
      static_cast<unsigned long long>(runs.lost_.size()), cloud.gaps.size(), static_cast<unsigned long long>(messages),
      static_cast<double>(clock.now.mono_ns - back_ns) / kNanosPerSecond);
}

// Runs die at commits, messages and acknowledgements are lost: what has a number keeps its bytes (FakeCloud looks), and
// all gaps are named though some had a number when the cloud went away again, and some had none.
TEST(Restarts, ARunMayDieAtAnyCommitWhileTheCloudComesAndGoes) {
  struct Killed {};
  uint64_t unopened = 0;
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Runs runs(seed);
    FakeCloud cloud;
    std::mt19937_64& random = runs.random_;
    bool away = false;
    for (int i = 0; i < 400; ++i) {
      if (random() % 20 == 0) away = !away;
      uint64_t commits = random() % 4 == 0 ? random() % 12 : ~uint64_t{0};
      try {
        ASSERT_TRUE(runs.start([&commits](CommitPoint) {
          if (commits-- == 0) throw Killed{};
        }));
        for (uint64_t step = random() % 40; step-- > 0;) {
          if (random() % 4 == 0) runs.read(static_cast<double>(random() % 1000));
          runs.clock_.advance_ms(static_cast<int64_t>(random() % 600));
          ASSERT_TRUE(runs.gateway_->tick(runs.clock_.now).ok());
          if (away) continue;
          while (auto message = runs.gateway_->next_message(runs.clock_.now)) {
            if (random() % 4 == 0) break;
            const auto ack = cloud.receive(*message);
            if (random() % 3 != 0) runs.gateway_->on_ack(ack, runs.clock_.now);
          }
        }
        if (random() % 4 == 0) {
          ASSERT_TRUE(runs.gateway_->close(runs.clock_.now).ok());
        }
        runs.check_bounds();
      } catch (const Killed&) {
      }
      if (runs.gateway_) runs.die();
      ASSERT_FALSE(::testing::Test::HasFailure());
      runs.clock_.advance_ms(static_cast<int64_t>(random() % 100'000));
    }
    ASSERT_TRUE(runs.start());
    drain(*runs.gateway_, cloud, runs.clock_);
    runs.check(cloud);
    EXPECT_LT(cloud.openings.size(), runs.starts_);
    unopened += runs.starts_ - cloud.openings.size();
  }
  EXPECT_GT(unopened, 600U);
}

// 6,000 series in 4 MiB: nothing is left to merge but partials of all time, which each run then has of its own.
TEST(Restarts, PartialsOfAllTimeOfManyRunsBecomeOne) {
  TempFolder folder;
  GatewayConfig config = test_config(folder);
  config.budget_bytes = kSmallBudget;
  std::mt19937_64 random(3);
  TestClock clock;
  uint64_t readings = 0;
  std::unique_ptr<GatewayCore> gateway;
  for (int run = 0; run < 40; ++run) {
    gateway = open_or_die(config, random, clock.now);
    ASSERT_NE(gateway, nullptr) << run;
    for (int i = 0; i < 6000; ++i, ++readings) {
      ASSERT_TRUE(gateway->accept("d" + std::to_string(i), "m", std::nullopt, static_cast<double>(random() % 1000003),
                                  clock.now));
    }
    clock.advance_ms(1100);
    ASSERT_TRUE(gateway->tick(clock.now).ok()) << run;
    clock.advance_ms(run % 2 == 0 ? 100 : 20'000);
    ASSERT_TRUE(gateway->tick(clock.now).ok()) << run;
    ASSERT_FALSE(gateway->stats().disk_full);
    clock.advance_ms(60'000);
    gateway.reset();
  }
  gateway = open_or_die(config, random, clock.now);
  ASSERT_NE(gateway, nullptr);
  EXPECT_GT(gateway->stats().waiting_by_width[kAllTime], 0U);
  EXPECT_EQ(gateway->stats().accepted_total, readings);
  FakeCloud cloud;
  drain(*gateway, cloud, clock);
  uint64_t count = 0;
  for (const auto& [key, summary] : cloud.rows) count += summary.numeric().count();
  EXPECT_EQ(count, readings);
}

// One card, several gateways.
class Copies : public ::testing::Test {
 protected:
  std::unique_ptr<GatewayCore> open(const TempFolder& folder) {
    GatewayConfig config = test_config(folder);
    config.budget_bytes = kSmallBudget;
    config.machine_id[0] = &folder == &first_ ? 1 : 2;
    return open_or_die(config, random_, clock_.now);
  }
  // A run without the cloud that leaves so many readings.
  void run(const TempFolder& folder, int readings) {
    auto gateway = open(folder);
    for (int i = 0; i < readings; ++i) {
      ASSERT_TRUE(gateway->accept("d", "m", std::nullopt, i, clock_.now));
      clock_.advance_ms(10);
    }
    clock_.advance_ms(1100);
    ASSERT_TRUE(gateway->tick(clock_.now).ok());
    gateway.reset();
    clock_.advance_ms(30'000);
  }
  void copy() {
    std::filesystem::copy(first_.path() + "/outbox", second_.path() + "/outbox",
                          std::filesystem::copy_options::recursive);
  }
  void send(const TempFolder& folder) {
    auto gateway = open(folder);
    drain(*gateway, *cloud_, clock_);
  }
  uint64_t count() const {
    uint64_t count = 0;
    for (const auto& [key, summary] : cloud_->rows) count += summary.numeric().count();
    return count;
  }

  TempFolder first_, second_;
  std::mt19937_64 random_{13};
  TestClock clock_;
  std::unique_ptr<FakeCloud> cloud_ = std::make_unique<FakeCloud>();
};

TEST_F(Copies, MadeAmongRunsThatNeverSpokeDoubleNothing) {
  for (const bool original_first : {true, false}) {
    for (int copied_after = 1; copied_after <= 4; ++copied_after) {
      SCOPED_TRACE(copied_after);
      for (const TempFolder* folder : {&first_, &second_}) std::filesystem::remove_all(folder->path() + "/outbox");
      cloud_ = std::make_unique<FakeCloud>();
      for (int i = 0; i < copied_after; ++i) run(first_, 10);
      copy();
      // Neither speaks for some runs more, whose readings the other one does not have.
      for (int i = 0; i < 3; ++i) {
        run(first_, 3);
        run(second_, 2);
      }
      send(original_first ? first_ : second_);
      EXPECT_EQ(cloud_->parked, 0U);
      EXPECT_EQ(count(), static_cast<uint64_t>(10 * copied_after + 3 * (original_first ? 3 : 2)));
      send(original_first ? second_ : first_);
      EXPECT_GT(cloud_->parked, 0U);
      EXPECT_NE(cloud_->alarms.back(), ledger::Alarm::kNone);
      const uint64_t first_say = static_cast<uint64_t>(10 * copied_after + 3 * (original_first ? 3 : 2));
      EXPECT_GE(count(), first_say);
      EXPECT_LE(count(), static_cast<uint64_t>(10 * copied_after + 3 * (3 + 2)));
    }
  }
}

TEST_F(Copies, RestoredFromARunThatNeverSpokeAreNoticed) {
  run(first_, 10);
  send(first_);
  run(first_, 10);
  run(first_, 10);
  copy();
  run(first_, 10);
  send(first_);
  EXPECT_EQ(count(), 40U);
  // The copy comes back in its place.
  run(second_, 5);
  auto gateway = open(second_);
  ASSERT_TRUE(gateway->accept("d", "m", std::nullopt, 1, clock_.now));
  drain(*gateway, *cloud_, clock_);
  EXPECT_NE(cloud_->alarms.back(), ledger::Alarm::kNone);
  EXPECT_GT(cloud_->parked, 0U);
  EXPECT_GE(count(), 41U) << "what was born since merges";
  EXPECT_LE(count(), 46U);
}

// tests/data/outbox/v2.txt: forty runs without the cloud, an opening and a gap each, in the format of version 2.
TEST(OldOutbox, OfVersionTwoWithAFlightFullOfOpeningsGoesOn) {
  TempFolder folder;
  {
    auto env = store::Env::open({.path = folder.path() + "/outbox",
                                 .map_bytes = kSmallBudget,
                                 .map_bytes_max = kSmallBudget,
                                 .tables_max = 9,
                                 .sync = false});
    ASSERT_TRUE(env.ok());
    std::map<std::string, store::Table> tables;
    for (const char* name : {"meta", "epochs", "series", "previous", "checkpoint", "waiting", "flight", "undated"}) {
      auto table = (*env)->table(name);
      ASSERT_TRUE(table.ok());
      tables[name] = *table;
    }
    const auto bytes = [](const std::string& hex) {
      std::string out;
      for (size_t i = 0; i + 1 < hex.size(); i += 2) {
        out.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
      }
      return out;
    };
    std::ifstream in(TRIBUTARY_TEST_DATA "/outbox/v2.txt");
    ASSERT_TRUE(in);
    ASSERT_TRUE((*env)
                    ->write([&](store::Txn& txn) {
                      for (std::string line; std::getline(in, line);) {
                        std::istringstream words(line);
                        std::string table, key, value;
                        words >> table >> key >> value;
                        txn.put(tables.at(table), bytes(key), bytes(value));
                      }
                      return true;
                    })
                    .ok());
  }
  GatewayConfig config = test_config(folder);
  config.budget_bytes = kSmallBudget;
  config.kind_by_metric = {{"energy", MetricKind::kCounter}};
  std::mt19937_64 random(1);
  TestClock clock;
  clock.advance_ms(10'000'000);
  auto gateway = open_or_die(config, random, clock.now);
  ASSERT_NE(gateway, nullptr);
  EXPECT_FALSE(gateway->recovery().moved_aside);
  const uint64_t flight = gateway->stats().flight_items;
  EXPECT_GT(flight, 80U);
  // Starts from now on add nothing.
  for (int i = 0; i < 100; ++i) {
    gateway.reset();
    clock.advance_ms(60'000);
    gateway = open_or_die(config, random, clock.now);
    ASSERT_NE(gateway, nullptr);
    ASSERT_EQ(gateway->stats().flight_items, flight);
  }
  ASSERT_TRUE(gateway->accept("attic", "energy", clock.now.wall_ns, 150, clock.now));
  FakeCloud cloud;
  drain(*gateway, cloud, clock);
  EXPECT_EQ(cloud.ledger.lost_count(), 0U);
  EXPECT_EQ(cloud.parked, 0U);
  EXPECT_EQ(cloud.openings.size(), 43U);
  std::map<std::string, std::pair<uint64_t, double>> sums;  // device/metric
  for (const auto& [id, summary] : cloud.totals()) {
    const std::string device = id.substr(0, id.find('\0'));
    sums[device + (id.find("energy") != std::string::npos ? "/energy" : "/temperature")] = {
        summary.numeric().count(), summary.numeric().sum().value};
  }
  EXPECT_EQ(sums["attic/temperature"], std::pair(uint64_t{40}, 40 * 20 + 0.25 * 780));
  EXPECT_EQ(sums["cellar/temperature"], std::pair(uint64_t{1}, 7.0));
  EXPECT_EQ(sums["attic/energy"], std::pair(uint64_t{40}, 50.0)) << "39 increases of one, then eleven";
  // Nothing of the gaps of the old runs is lost, and those of the new ones are named.
  const auto gaps = joined(cloud.gaps);
  EXPECT_TRUE(covered(gaps, {kStartNs + 10'000'000 * kMilli, kStartNs + 16'000'000 * kMilli}));
}

}  // namespace
}  // namespace tributary::edge
