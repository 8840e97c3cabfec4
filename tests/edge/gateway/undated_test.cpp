// SPDX-License-Identifier: Apache-2.0
// FAULTS 20: no clock at boot, and power cuts before it is set. Readings are kept by boot and monotonic time, dated
// when the clock comes, else placed after the last durable time and flagged; killed at any commit, none is lost or
// doubled.
#include <bit>

#include "edge/outbox/undated/undated_state.h"
#include "tests/edge/gateway/fake_cloud.h"
#include "tests/support/reading.h"

namespace tributary::edge {
namespace {

struct Killed {};

constexpr int64_t kSecond = kNanosPerSecond;

// A machine without a battery: true time goes on, the clock that it shows begins anew at each boot.
struct Machine {
  int64_t true_ns = kStartNs;
  int64_t booted_ns = kStartNs - 50 * kSecond;  // true time
  int64_t shown_at_boot_ns = 0;
  bool set = true;
  uint8_t boot = 1;

  Instant now() const {
    const int64_t mono_ns = true_ns - booted_ns;
    return {set ? true_ns : shown_at_boot_ns + mono_ns, mono_ns};
  }
  void advance_ms(int64_t ms) { true_ns += ms * kMilli; }
  // shown_ns: what a clock without battery begins with.
  void power_cut(int64_t off_ms, int64_t shown_ns) {
    advance_ms(off_ms);
    booted_ns = true_ns;
    shown_at_boot_ns = shown_ns;
    set = false;
    ++boot;
    advance_ms(8'000);
  }
};

class UndatedTest : public ::testing::Test {
 protected:
  UndatedTest() {
    config_.clock_trust = ClockTrust::kSynchronised;
    cloud_.on_merged = [this](const wire::Partial& partial) {
      if (partial.time_estimated) ++estimated_;
    };
  }
  std::unique_ptr<GatewayCore> open(CommitHook hook = nullptr) {
    config_.boot_id.fill(machine_.boot);
    config_.clock_synchronised = machine_.set;
    return open_or_die(config_, random_, machine_.now(), std::move(hook));
  }
  void accept(GatewayCore& gateway, double value, std::optional<int64_t> time_ns = std::nullopt) {
    ASSERT_TRUE(gateway.accept(test::number("d", "m", time_ns, value), machine_.now()));
  }
  void commit(GatewayCore& gateway) {
    machine_.advance_ms(1100);
    ASSERT_TRUE(gateway.tick(machine_.now()).ok());
  }
  void set_clock(GatewayCore& gateway) {
    machine_.set = true;
    gateway.on_clock_synchronised();
    ASSERT_TRUE(gateway.tick(machine_.now()).ok());
    ASSERT_TRUE(gateway.clock_set());
  }
  void drain_all(GatewayCore& gateway) {
    TestClock clock{machine_.now()};
    drain(gateway, cloud_, clock);
    machine_.true_ns += clock.now.mono_ns - machine_.now().mono_ns;
  }
  const stats::Summary& row(int64_t time_ns) const {
    static const stats::Summary kNone;
    Series series;
    series.device = "d";
    series.metric = "m";
    const auto found = cloud_.rows.find({series.id(), 10, window_start_s(to_seconds_floor(time_ns), 10)});
    return found == cloud_.rows.end() ? kNone : found->second;
  }

  TempFolder folder_;
  GatewayConfig config_ = test_config(folder_);
  std::mt19937_64 random_{3};
  Machine machine_;
  FakeCloud cloud_;
  int estimated_ = 0;
};

TEST_F(UndatedTest, ReadingsBeforeTheClockIsSetGoToTheWindowsOfTheirTrueTime) {
  machine_.power_cut(1000, 0);
  auto gateway = open();
  std::map<int64_t, stats::Summary> expected;
  for (int i = 0; i < 100; ++i) {
    accept(*gateway, i);
    expected[window_start_s(to_seconds_floor(machine_.true_ns), 10)].add(machine_.true_ns, i);
    machine_.advance_ms(700);
    ASSERT_TRUE(gateway->tick(machine_.now()).ok());
    EXPECT_FALSE(gateway->next_message(machine_.now()).has_value()) << "nothing is sent without a clock";
    EXPECT_EQ(gateway->stats().open_windows, 0U);
  }
  EXPECT_FALSE(gateway->clock_set());
  EXPECT_EQ(gateway->stats().undated_readings, 100U);
  set_clock(*gateway);
  drain_all(*gateway);
  ASSERT_EQ(cloud_.rows.size(), expected.size());
  for (const auto& [start_s, summary] : expected) {
    EXPECT_EQ(encoded(row(start_s * kSecond)), encoded(summary)) << start_s;
  }
  EXPECT_EQ(estimated_, 0);
  EXPECT_EQ(gateway->stats().accepted_total, 100U);
  EXPECT_TRUE(cloud_.gaps.empty()) << "a new outbox that was never stopped misses nothing";
}

TEST_F(UndatedTest, TwoPowerCutsBeforeSynchronisationAreKeptPlacedInOrderAndFlagged) {
  auto gateway = open();
  accept(*gateway, 1);
  machine_.advance_ms(30'000);
  commit(*gateway);
  const int64_t last_durable_ns = gateway->stats().last_durable_ns;
  std::vector<std::pair<int64_t, double>> expected;  // time, value
  int64_t behind_ns = last_durable_ns;
  for (int boot = 0; boot < 2; ++boot) {
    gateway.reset();
    // A clock that shows the time of the last shutdown is not set either.
    machine_.power_cut(3'600'000, boot == 0 ? last_durable_ns + 5 * kSecond : 0);
    gateway = open();
    int64_t last_mono_ns = 0;
    for (int i = 0; i < 3; ++i) {
      machine_.advance_ms(20'000);
      accept(*gateway, 2 << (3 * boot + i));
      last_mono_ns = machine_.now().mono_ns;
      expected.emplace_back(behind_ns + last_mono_ns, 2 << (3 * boot + i));
    }
    commit(*gateway);
    behind_ns += last_mono_ns;
  }
  gateway.reset();
  machine_.power_cut(3'600'000, 0);
  gateway = open();
  ASSERT_EQ(gateway->recovery().boots.size(), 2U);
  machine_.advance_ms(5000);
  accept(*gateway, 1024);
  const int64_t true_ns = machine_.true_ns;
  machine_.advance_ms(60'000);
  set_clock(*gateway);
  ASSERT_EQ(gateway->recovery().boots.size(), 3U);
  EXPECT_TRUE(gateway->recovery().boots[0].estimated);
  EXPECT_TRUE(gateway->recovery().boots[1].estimated);
  EXPECT_FALSE(gateway->recovery().boots[2].estimated);
  drain_all(*gateway);
  double sum = 0;
  for (const auto& [id, summary] : cloud_.totals()) sum += summary.numeric().sum().value;
  EXPECT_EQ(sum, 1 + 2 + 4 + 8 + 16 + 32 + 64 + 1024);
  for (const auto& [time_ns, value] : expected) {
    const auto mask = static_cast<uint64_t>(row(time_ns).numeric().sum().value);
    EXPECT_NE(mask & static_cast<uint64_t>(value), 0U) << value;
  }
  EXPECT_EQ(static_cast<uint64_t>(row(true_ns).numeric().sum().value), 1024U);
  EXPECT_EQ(row(true_ns).numeric().first().time_ns, true_ns);
  EXPECT_EQ(estimated_, 6);
  // What may be missing of all of it lies between the last durable time and the start of this run.
  ASSERT_EQ(cloud_.gaps.size(), 1U);
  EXPECT_EQ(cloud_.gaps[0].from_ns, last_durable_ns);
  EXPECT_LE(cloud_.gaps[0].to_ns, true_ns);
  EXPECT_GT(cloud_.gaps[0].to_ns, behind_ns);
}

TEST_F(UndatedTest, ANewGatewayThatHasNeverHadATimePlacesItsFirstBootsBeforeTheOneThatHas) {
  machine_.power_cut(0, 0);
  auto gateway = open();
  accept(*gateway, 1);
  commit(*gateway);
  gateway.reset();
  machine_.power_cut(10'000, 0);
  gateway = open();
  accept(*gateway, 2);
  set_clock(*gateway);
  drain_all(*gateway);
  const stats::Summary& first = row(machine_.booted_ns - 1);
  EXPECT_EQ(first.numeric().count(), 1U);
  EXPECT_EQ(first.numeric().last().time_ns, machine_.booted_ns);
  EXPECT_EQ(estimated_, 1);
  ASSERT_EQ(cloud_.gaps.size(), 1U);
  EXPECT_EQ(cloud_.openings.size(), 2U);
  for (const ledger::Alarm alarm : cloud_.alarms) EXPECT_EQ(alarm, ledger::Alarm::kNone);
}

TEST_F(UndatedTest, AStartInABootWhoseClockWasSetNeedsNoSynchronisation) {
  auto gateway = open();
  commit(*gateway);
  gateway.reset();
  const auto boot = machine_.boot;
  machine_.set = false;
  machine_.shown_at_boot_ns = machine_.booted_ns;  // the kernel forgets that it was synchronised, not the time
  gateway = open();
  EXPECT_TRUE(gateway->clock_set());
  machine_.boot = static_cast<uint8_t>(boot + 1);
  gateway.reset();
  gateway = open();
  EXPECT_FALSE(gateway->clock_set());
}

TEST_F(UndatedTest, AnOutboxThatWasOnAnotherMachineKnowsThePresentBootAgain) {
  machine_.power_cut(1000, 0);
  auto gateway = open();
  machine_.advance_ms(60'000);
  accept(*gateway, 1);
  const int64_t true_ns = machine_.true_ns;
  commit(*gateway);
  gateway.reset();
  const Machine here = machine_;
  machine_.power_cut(0, 0);  // the other machine: a boot of its own
  machine_.boot = 99;
  gateway = open();
  accept(*gateway, 2);
  commit(*gateway);
  gateway.reset();
  const int64_t now_ns = machine_.true_ns;
  machine_ = here;
  machine_.true_ns = now_ns;
  gateway = open();
  set_clock(*gateway);
  ASSERT_EQ(gateway->recovery().boots.size(), 2U);
  EXPECT_FALSE(gateway->recovery().boots[0].estimated) << "by the clock of this machine, which runs on";
  EXPECT_TRUE(gateway->recovery().boots[1].estimated);
  drain_all(*gateway);
  EXPECT_EQ(row(true_ns).numeric().count(), 1U);
  EXPECT_EQ(estimated_, 1);
}

TEST_F(UndatedTest, AClockThatShowsWhatCannotBeIsNotSet) {
  config_.clock_trust = ClockTrust::kPlausible;
  config_.clock_earliest_ns = kStartNs - 86400 * kSecond;
  auto gateway = open();
  accept(*gateway, 1);
  commit(*gateway);
  const int64_t last_durable_ns = gateway->stats().last_durable_ns;
  const auto set_at = [&](int64_t shown_ns) {
    gateway.reset();
    machine_.power_cut(0, shown_ns - 8 * kSecond);
    gateway = open();
    const bool set = gateway->clock_set();
    gateway.reset();
    return set;
  };
  EXPECT_FALSE(set_at(1000 * kSecond));
  EXPECT_FALSE(set_at(last_durable_ns - 1800 * kSecond)) << "saved before the power cut";
  EXPECT_TRUE(set_at(last_durable_ns + 1800 * kSecond));
  config_.clock_trust = ClockTrust::kAlways;
  EXPECT_TRUE(set_at(1000 * kSecond));
}

TEST_F(UndatedTest, AClockSteppedBackByMoreThanASavedOneIsWhatTheTimeIs) {
  config_.clock_trust = ClockTrust::kPlausible;
  machine_.advance_ms(86'400'000LL * 365);
  auto gateway = open();
  commit(*gateway);
  gateway.reset();
  machine_.power_cut(0, kStartNs);
  EXPECT_TRUE(open()->clock_set());
}

TEST_F(UndatedTest, ATimeOfItsOwnIsJudgedWhenTheClockIsKnown) {
  machine_.power_cut(1000, 0);
  auto gateway = open();
  const int64_t past_ns = machine_.true_ns - 7200 * kSecond;
  accept(*gateway, 1, past_ns);
  accept(*gateway, 2, machine_.true_ns + 250 * kSecond);
  accept(*gateway, 4, machine_.true_ns + 400 * kSecond);  // beyond max_future as it came, though not any more
  EXPECT_FALSE(gateway->accept(test::number("d", "m", std::numeric_limits<int64_t>::max(), 8), machine_.now()));
  machine_.advance_ms(300'000);
  set_clock(*gateway);
  drain_all(*gateway);
  EXPECT_EQ(static_cast<int>(row(past_ns).numeric().sum().value), 1);
  double sum = 0;
  for (const auto& [id, summary] : cloud_.totals()) sum += summary.numeric().sum().value;
  EXPECT_EQ(sum, 3);
  EXPECT_EQ(gateway->stats().accepted_total, 2U);
  EXPECT_EQ(gateway->stats().rejected_total.at("future"), 2U);
}

TEST_F(UndatedTest, ACounterGoesOnOverBootsWithoutAClock) {
  config_.kind_by_metric["m"] = MetricKind::kCounter;
  auto gateway = open();
  accept(*gateway, 100);
  machine_.advance_ms(1000);
  accept(*gateway, 110);
  commit(*gateway);
  gateway.reset();
  machine_.power_cut(5000, 0);
  gateway = open();
  accept(*gateway, 130);
  commit(*gateway);
  gateway.reset();
  machine_.power_cut(5000, 0);
  gateway = open();
  accept(*gateway, 5);  // it was reset
  set_clock(*gateway);
  accept(*gateway, 8);
  drain_all(*gateway);
  double sum = 0;
  uint64_t count = 0;
  for (const auto& [id, summary] : cloud_.totals()) {
    sum += summary.numeric().sum().value;
    count += summary.numeric().count();
  }
  EXPECT_EQ(sum, 10 + 20 + 5 + 3);
  EXPECT_EQ(count, 4U);
  EXPECT_EQ(gateway->stats().accepted_total, 4U);
}

TEST_F(UndatedTest, WhatArrivedBeforeTheClockWasSetIsDatedThoughItIsReadAfter) {
  machine_.power_cut(1000, 0);
  auto gateway = open();
  const Instant arrived = machine_.now();
  const int64_t true_ns = machine_.true_ns;
  machine_.advance_ms(500);
  set_clock(*gateway);
  ASSERT_TRUE(gateway->accept(test::number("d", "m", std::nullopt, 1), arrived));
  drain_all(*gateway);
  EXPECT_EQ(row(true_ns).numeric().first().time_ns, true_ns);
}

// A budget that a week without a clock does not fit: the oldest become coarser, none is dropped.
TEST_F(UndatedTest, MuchIsKeptCoarserAndNeverDropped) {
  config_.budget_bytes = 4 << 20;
  machine_.power_cut(1000, 0);
  auto gateway = open();
  uint64_t count = 0;
  double sum = 0;
  for (int i = 0; i < 4000; ++i) {
    machine_.advance_ms(60'000);
    for (int series = 0; series < 40; ++series) {
      ASSERT_TRUE(gateway->accept(test::number("d" + std::to_string(series), "m", std::nullopt, i), machine_.now()));
      ++count;
      sum += i;
    }
    ASSERT_TRUE(gateway->tick(machine_.now()).ok());
    ASSERT_LE(gateway->stats().used_bytes, config_.budget_bytes);
  }
  EXPECT_GT(gateway->stats().coarsened_total, 0U);
  set_clock(*gateway);
  EXPECT_EQ(gateway->stats().accepted_total, count);
  drain_all(*gateway);
  uint64_t got = 0;
  double got_sum = 0;
  for (const auto& [key, summary] : cloud_.rows) {
    got += summary.numeric().count();
    got_sum += summary.numeric().sum().value;
    const auto& [id, width_s, start_s] = key;
    if (width_s == kAllTime) continue;
    EXPECT_GE(summary.numeric().first().time_ns, start_s * kSecond);
    EXPECT_LT(summary.numeric().last().time_ns, (start_s + width_s) * kSecond);
    EXPECT_LE(summary.numeric().last().time_ns, machine_.true_ns);
  }
  EXPECT_EQ(got, count);
  EXPECT_EQ(got_sum, sum);
}

// Killed before and after each commit there is, one after another, through two boots without a clock and one that
// gets it: what a kill leaves is taken up in the same boot.
TEST_F(UndatedTest, KilledAtEveryCommitEachReadingCountsOnceAtItsTime) {
  for (int kill_at = 1;; ++kill_at) {
    SCOPED_TRACE(kill_at);
    TempFolder folder;
    config_ = test_config(folder);
    config_.clock_trust = ClockTrust::kSynchronised;
    machine_ = {};
    FakeCloud cloud;
    std::set<int64_t> estimated_starts;
    cloud.on_merged = [&](const wire::Partial& partial) {
      if (partial.time_estimated) estimated_starts.insert(partial.start_s);
    };
    int commits = 0;
    bool killed = false;
    const auto hook = [&](CommitPoint) {
      if (++commits == kill_at) {
        killed = true;
        throw Killed{};
      }
    };
    std::unique_ptr<GatewayCore> gateway;
    // Does it again until it is not killed, as a supervisor would; the readings of a kill are then given again.
    const auto survive = [&](const std::function<void()>& what) {
      for (;;) {
        try {
          if (!gateway) gateway = open(hook);
          what();
          return;
        } catch (const Killed&) {
          gateway.reset();
          machine_.advance_ms(200);
        }
      }
    };
    uint64_t bit = 0;
    std::map<uint64_t, int64_t> dated;  // value → true time
    const auto read_some = [&](bool known) {
      for (int i = 0; i < 3; ++i) {
        const auto value = static_cast<double>(uint64_t{1} << bit++);
        // Given in one step with its commit, so that a kill leaves no doubt: it is there, or is given again.
        for (;;) {
          uint64_t before = 0;
          survive([&] { before = gateway->stats().accepted_total; });
          const int64_t true_ns = machine_.true_ns;
          try {
            ASSERT_TRUE(gateway->accept(test::number("d", "m", std::nullopt, value), machine_.now()));
            machine_.advance_ms(1100);
            ASSERT_TRUE(gateway->tick(machine_.now()).ok());
          } catch (const Killed&) {
            gateway.reset();
            machine_.advance_ms(200);
          }
          uint64_t after = 0;
          survive([&] { after = gateway->stats().accepted_total; });
          if (after == before) continue;
          if (known) dated[static_cast<uint64_t>(value)] = true_ns;
          break;
        }
        machine_.advance_ms(4'000);
      }
    };
    read_some(true);
    gateway.reset();
    for (int boot = 0; boot < 2; ++boot) {
      machine_.power_cut(600'000, 0);
      read_some(false);
      gateway.reset();
    }
    machine_.power_cut(600'000, 0);
    read_some(true);
    machine_.set = true;
    survive([&] {
      gateway->on_clock_synchronised();
      ASSERT_TRUE(gateway->tick(machine_.now()).ok());
      ASSERT_TRUE(gateway->clock_set());
    });
    read_some(true);
    TestClock clock{machine_.now()};
    survive([&] { drain(*gateway, cloud, clock); });
    uint64_t mask = 0;
    std::set<uint64_t> flagged;
    for (const auto& [key, summary] : cloud.rows) {
      const auto some = static_cast<uint64_t>(summary.numeric().sum().value);
      EXPECT_EQ(std::popcount(some), static_cast<int>(summary.numeric().count()));
      EXPECT_EQ(mask & some, 0U) << "doubled";
      mask |= some;
      for (const auto& [value, true_ns] : dated) {
        if ((some & value) == 0) continue;
        EXPECT_EQ(std::get<2>(key), window_start_s(to_seconds_floor(true_ns), 10)) << value;
      }
      if (estimated_starts.contains(std::get<2>(key))) flagged.insert(some);
    }
    EXPECT_EQ(mask, (uint64_t{1} << bit) - 1) << "lost";
    uint64_t flags = 0;
    for (const uint64_t some : flagged) flags |= some;
    EXPECT_EQ(flags & 0x1f8U, 0x1f8U) << "not flagged";
    if (!killed || HasFailure()) {
      EXPECT_GT(kill_at, 20);
      break;
    }
  }
}

TEST(UndatedRecords, AreReadBackAndNothingElseIs) {
  std::vector<UndatedReading> readings = {{7, false, 1, 0, 0.5}, {8, true, 2, -3, -1.5}};
  std::string content;
  encode_undated(readings, content);
  std::vector<UndatedReading> back;
  ASSERT_TRUE(decode_undated(content, back));
  ASSERT_EQ(back.size(), 2U);
  EXPECT_EQ(back[1].time_ns, -3);
  EXPECT_EQ(back[1].value, -1.5);
  for (size_t size = 1; size < content.size(); ++size) {
    // Whole readings are whole readings.
    EXPECT_EQ(decode_undated(std::string_view(content).substr(0, size), back), size == 21) << size;
  }
  BootRecord boot{{1, 2, 3}, BootState::kEstimated, -5, 6, 7};
  encode_boot(boot, content);
  ASSERT_TRUE(decode_boot(content));
  EXPECT_EQ(decode_boot(content)->base_ns, -5);
  content[16] = 3;
  EXPECT_FALSE(decode_boot(content));
}

}  // namespace
}  // namespace tributary::edge
