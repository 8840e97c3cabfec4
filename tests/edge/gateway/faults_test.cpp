// SPDX-License-Identifier: Apache-2.0
// FAULTS 1 to 5, 18 and 29 at the edge: killed at any instant, around every commit too, over a network that loses,
// repeats and reorders messages and acks, each accepted reading counts exactly once.
//
// The readings of a series have the values 1, 2, 4, 8 …: the merged sum names the very readings that are in it, and one
// counted twice, or dropped, shows as another number. What was not accepted must lie in a gap that was reported; what a
// frontier claimed complete must have been there when it was claimed.
#include <bit>

#include "tests/edge/gateway/fake_cloud.h"
#include "tests/support/reading.h"

namespace tributary::edge {
namespace {

struct Killed {};

struct Reading {
  uint32_t series = 0;
  uint32_t bit = 0;
  int64_t time_ns = 0;
  int64_t arrival_ns = 0;
  bool durable = false;  // the gateway said so in the run that took it
};

struct Plan {
  uint64_t seed = 0;
  uint32_t series = 8;
  uint32_t readings_per_series = 50;
  int kill_per_mille = 20;        // of ticks and of commits
  int loss_percent = 20;          // of messages and of acks
  bool cloud_away_first = false;  // so that the flight fills and much waits
  uint64_t budget_bytes = 8 << 20;
  int64_t late_s = 90;
  int late_per_mille = 300;
  int claims_every = 1;
};

class Schedule {
 public:
  explicit Schedule(const Plan& plan) : plan_(plan), random_(plan.seed) {
    config_ = test_config(folder_);
    config_.budget_bytes = plan.budget_bytes;
    for (uint32_t i = 0; i < plan.series; ++i) {
      Series series;
      series.device = "d" + std::to_string(i);
      series.metric = "m";
      ids_.push_back(series.id());
      index_[series.id()] = i;
    }
    used_.resize(plan.series);
    merged_.resize(plan.series);
    cloud_.on_merge = [this](const std::string& series, Bytes bytes) {
      stats::Summary summary;
      ASSERT_TRUE(summary.decode(bytes));
      merged_.at(index_.at(series)) += static_cast<uint64_t>(summary.numeric().sum().value);
    };
    cloud_.on_claim = [this] {
      const std::pair claim{cloud_.ledger.frontier_ns(), cloud_.ledger.mark_ns()};
      if (claim == last_claim_ || ++claims_ % static_cast<uint64_t>(plan_.claims_every) != 0) return;
      last_claim_ = claim;
      snapshots_.push_back({claim.first, claim.second, merged_});
    };
    cloud_.on_item = [this](uint64_t epoch, uint64_t seq) {
      EXPECT_TRUE(seq == 1 || openings_acked_.count(epoch) > 0) << "seq " << seq << " went before its opening settled";
    };
  }

  void run() {
    start();
    uint32_t left = plan_.series * plan_.readings_per_series;
    int step = 0;
    while (left > 0 && !::testing::Test::HasFailure()) {
      try {
        if (gateway_ == nullptr) start();
        const uint32_t burst = 1 + random_() % (plan_.series > 100 ? 200 : 5);
        for (uint32_t i = 0; i < burst && left > 0; ++i) left -= accept_one() ? 1 : 0;
        clock_.advance_ms(static_cast<int64_t>(random_() % (chance(20) ? 20'000 : 300)));
        tick();
        const bool away = plan_.cloud_away_first && left > plan_.series * plan_.readings_per_series / 10;
        exchange(away ? 100 : plan_.loss_percent);
        if (chance(plan_.kill_per_mille)) throw Killed{};
        if (chance(plan_.kill_per_mille / 4)) {
          ASSERT_TRUE(gateway_->close(clock_.now).ok());
          note_durable();
          gateway_.reset();
          clock_.advance_ms(static_cast<int64_t>(random_() % 5000));
        }
      } catch (const Killed&) {
        gateway_.reset();
        clock_.advance_ms(1 + static_cast<int64_t>(random_() % 3000));
      }
      ++step;
    }
    finish();
    check();
  }

  uint64_t kills() const { return kills_; }
  uint64_t coarsened() const { return coarsened_; }
  uint64_t lost() const { return lost_; }

 private:
  bool chance(int per_mille) { return static_cast<int>(random_() % 1000) < per_mille; }

  void start() {
    for (;;) {
      try {
        gateway_ = open_or_die(config_, random_, clock_.now, [this](CommitPoint) {
          if (killing_ && chance(plan_.kill_per_mille)) {
            ++kills_;
            throw Killed{};
          }
        });
        ASSERT_NE(gateway_, nullptr);
        checked_ = readings_.size();
        coarsened_in_run_ = 0;
        gateway_->on_connected(clock_.now);
        return;
      } catch (const Killed&) {
        clock_.advance_ms(5);
      }
    }
  }

  bool accept_one() {
    const auto series = static_cast<uint32_t>(random_() % plan_.series);
    if (used_[series] >= plan_.readings_per_series) {
      // The next one that still has some, so that the end is reached.
      for (uint32_t i = 0; i < plan_.series; ++i) {
        if (used_[(series + i) % plan_.series] < plan_.readings_per_series)
          return accept_from((series + i) % plan_.series);
      }
      return false;
    }
    return accept_from(series);
  }

  bool accept_from(uint32_t series) {
    const uint32_t bit = used_[series]++;
    int64_t time_ns = clock_.now.wall_ns;
    if (chance(plan_.late_per_mille))
      time_ns -= static_cast<int64_t>(random_() % static_cast<uint64_t>(plan_.late_s)) * kNanosPerSecond;
    readings_.push_back({series, bit, time_ns, clock_.now.wall_ns, false});
    EXPECT_TRUE(gateway_->accept(
        test::number("d" + std::to_string(series), "m", time_ns, std::ldexp(1.0, static_cast<int>(bit))), clock_.now));
    return true;
  }

  void tick() {
    const Status status = gateway_->tick(clock_.now);
    EXPECT_TRUE(status.ok()) << (status ? "" : status.error().message) << " "
                             << gateway_->status_json(true, clock_.now);
    note_durable();
  }

  // What was accepted before the last durable time must never be lost again.
  void note_durable() {
    const GatewayStats stats = gateway_->stats();
    EXPECT_LE(stats.flight_bytes, ledger::kFlightBytesMax);
    coarsened_ += stats.coarsened_total - std::exchange(coarsened_in_run_, stats.coarsened_total);
    for (; checked_ < readings_.size() && readings_[checked_].arrival_ns < stats.last_durable_ns; ++checked_) {
      readings_[checked_].durable = true;
    }
  }

  void exchange(int loss_percent) {
    for (int i = 0; i < 40; ++i) {
      auto message = gateway_->next_message(clock_.now);
      if (!message) break;
      if (chance(20)) {
        gateway_->message_not_sent();
        break;
      }
      to_cloud_.emplace_back(message->begin(), message->end());
      if (chance(100)) to_cloud_.push_back(to_cloud_.back());
    }
    std::shuffle(to_cloud_.begin(), to_cloud_.end(), random_);
    for (size_t deliver = chance(300) ? to_cloud_.size() / 2 : to_cloud_.size(); deliver > 0; --deliver) {
      if (!chance(loss_percent * 10)) to_gateway_.push_back(cloud_.receive(to_cloud_.back()));
      to_cloud_.pop_back();
    }
    std::shuffle(to_gateway_.begin(), to_gateway_.end(), random_);
    for (size_t deliver = chance(300) ? to_gateway_.size() / 2 : to_gateway_.size(); deliver > 0; --deliver) {
      if (!chance(loss_percent * 10)) {
        wire::Ack ack;
        EXPECT_TRUE(wire::decode_ack(to_gateway_.back(), ack));
        if (ack.range_count > 0 && ack.ranges[0].first == 1) openings_acked_.insert(ack.epoch);
        gateway_->on_ack(to_gateway_.back(), clock_.now);
        if (chance(500)) tick();
      }
      to_gateway_.pop_back();
    }
  }

  void finish() {
    killing_ = false;
    if (gateway_ == nullptr) start();
    for (int i = 0; i < 4000; ++i) {
      tick();
      exchange(0);
      clock_.advance_ms(200);
      const GatewayStats stats = gateway_->stats();
      if (i > 200 && stats.waiting_partials + stats.flight_items + stats.open_windows == 0) break;
    }
    // The last gap and the last claim.
    clock_.advance_ms(61'000);
    for (int i = 0; i < 10; ++i, clock_.advance_ms(200)) {
      tick();
      exchange(0);
    }
  }

  void check() {
    std::vector<stats::Summary> expected(plan_.series);
    std::vector<bool> in(readings_.size());
    for (size_t i = 0; i < readings_.size(); ++i) {
      const Reading& reading = readings_[i];
      in[i] = (merged_[reading.series] >> reading.bit & 1) != 0;
      if (in[i]) {
        expected[reading.series].add(reading.time_ns, std::ldexp(1.0, static_cast<int>(reading.bit)));
        continue;
      }
      ++lost_;
      EXPECT_FALSE(reading.durable) << "a reading of " << reading.arrival_ns << " was durable and is lost";
      const bool named = std::any_of(cloud_.gaps.begin(), cloud_.gaps.end(), [&](const wire::Gap& gap) {
        return gap.cause == wire::GapCause::kCrash && gap.from_ns <= reading.arrival_ns &&
               reading.arrival_ns <= gap.to_ns;
      });
      EXPECT_TRUE(named) << "a reading is lost outside of every reported gap";
    }
    const auto totals = cloud_.totals();
    uint64_t count = 0;
    for (uint32_t s = 0; s < plan_.series; ++s) {
      const auto total = totals.find(ids_[s]);
      if (total == totals.end()) {
        EXPECT_EQ(merged_[s], 0U);
        continue;
      }
      count += total->second.numeric().count();
      ASSERT_EQ(total->second.numeric().count(), static_cast<uint64_t>(std::popcount(merged_[s])));
      ASSERT_EQ(encoded(total->second), encoded(expected[s])) << "series " << s;
    }
    EXPECT_EQ(count, gateway_->stats().accepted_total) << "the gateway counts what it accepted";
    EXPECT_EQ(cloud_.parked, 0U);
    EXPECT_EQ(cloud_.ledger.lost_count(), 0U);
    for (ledger::Alarm alarm : cloud_.alarms) EXPECT_EQ(alarm, ledger::Alarm::kNone);
    EXPECT_TRUE(cloud_.losses.empty());
    // Every claim was true when it was made.
    for (const Snapshot& snapshot : snapshots_) {
      for (size_t i = 0; i < readings_.size(); ++i) {
        const Reading& reading = readings_[i];
        if (!in[i] || reading.time_ns >= snapshot.frontier_ns || reading.arrival_ns >= snapshot.mark_ns) continue;
        ASSERT_NE(snapshot.merged[reading.series] >> reading.bit & 1, 0U)
            << "claimed complete to " << snapshot.frontier_ns << " as of " << snapshot.mark_ns << ", reading of "
            << reading.time_ns << " arrived " << reading.arrival_ns << " was not there";
      }
    }
    EXPECT_GT(snapshots_.size(), 0U);
    EXPECT_GE(cloud_.ledger.frontier_ns(), clock_.now.wall_ns - 60 * kNanosPerSecond);
  }

  struct Snapshot {
    int64_t frontier_ns = 0, mark_ns = 0;
    std::vector<uint64_t> merged;
  };
  Plan plan_;
  std::mt19937_64 random_;
  TempFolder folder_;
  GatewayConfig config_;
  TestClock clock_;
  FakeCloud cloud_;
  std::unique_ptr<GatewayCore> gateway_;
  std::vector<std::string> ids_;
  std::map<std::string, uint32_t> index_;
  std::vector<uint32_t> used_;
  std::vector<uint64_t> merged_;
  std::vector<Reading> readings_;
  std::vector<Snapshot> snapshots_;
  std::set<uint64_t> openings_acked_;
  std::vector<std::vector<uint8_t>> to_cloud_, to_gateway_;
  std::pair<int64_t, int64_t> last_claim_;
  size_t checked_ = 0;
  bool killing_ = true;
  uint64_t kills_ = 0, coarsened_ = 0, coarsened_in_run_ = 0, lost_ = 0, claims_ = 0;
};

uint64_t base_seed() {
  const char* given = std::getenv("TRIBUTARY_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 1;
}

TEST(Faults, EveryAcceptedReadingCountsOnceUnderKillsLossRepetitionAndReordering) {
  uint64_t kills = 0, lost = 0;
  for (uint64_t seed = base_seed(); seed < base_seed() + 200; ++seed) {
    SCOPED_TRACE("TRIBUTARY_SEED=" + std::to_string(seed));
    Plan plan;
    plan.seed = seed;
    plan.series = 1 + static_cast<uint32_t>(seed % 12);
    plan.kill_per_mille = static_cast<int>(seed % 4) * 25;
    plan.loss_percent = static_cast<int>(seed % 5) * 15;
    Schedule schedule(plan);
    schedule.run();
    kills += schedule.kills();
    lost += schedule.lost();
    if (HasFailure()) break;
  }
  std::printf("seeds from %llu, %llu kills at commits, %llu readings lost before acceptance and named\n",
              static_cast<unsigned long long>(base_seed()), static_cast<unsigned long long>(kills),
              static_cast<unsigned long long>(lost));
  EXPECT_GT(kills, 100U);
  EXPECT_GT(lost, 100U);
}

TEST(Faults, ABacklogBeyondTheFlightIsKeptAndSentInWhateverOrder) {
  for (uint64_t seed = base_seed(); seed < base_seed() + 4; ++seed) {
    SCOPED_TRACE("TRIBUTARY_SEED=" + std::to_string(seed));
    Plan plan;
    plan.seed = seed;
    plan.series = 1500;
    plan.readings_per_series = 4;
    plan.cloud_away_first = true;
    plan.late_s = 600;
    plan.claims_every = 5;
    Schedule(plan).run();
    if (HasFailure()) break;
  }
}

TEST(Faults, CoarseningUnderKillsLosesAndDoublesNothing) {
  uint64_t coarsened = 0;
  for (uint64_t seed = base_seed(); seed < base_seed() + 3; ++seed) {
    SCOPED_TRACE("TRIBUTARY_SEED=" + std::to_string(seed));
    Plan plan;
    plan.seed = seed;
    plan.series = 1200;
    plan.readings_per_series = 45;
    plan.cloud_away_first = true;
    plan.late_s = 86400;
    plan.late_per_mille = 950;
    plan.budget_bytes = kBudgetBytesMin;
    plan.claims_every = 5;
    Schedule schedule(plan);
    schedule.run();
    coarsened += schedule.coarsened();
    if (HasFailure()) break;
  }
  std::printf("%llu partials coarsened\n", static_cast<unsigned long long>(coarsened));
  EXPECT_GT(coarsened, 1000U);
}

}  // namespace
}  // namespace tributary::edge
