// SPDX-License-Identifier: Apache-2.0
// What the gateway takes, what it refuses, when windows close, and what goes to the cloud, without faults.
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/edge/gateway/fake_cloud.h"
#include "tests/support/reading.h"

namespace tributary::edge {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string id_of(const std::string& device, const std::string& metric) {
  Series series;
  series.device = device;
  series.metric = metric;
  return series.id();
}

class GatewayTest : public ::testing::Test {
 protected:
  void open() { gateway_ = open_or_die(config_, random_, clock_.now); }
  bool accept(double value, std::optional<int64_t> time_ns = std::nullopt) {
    return gateway_->accept(test::number("d1", "temperature", time_ns, value), clock_.now);
  }
  TempFolder folder_;
  GatewayConfig config_ = test_config(folder_);
  std::mt19937_64 random_{7};
  TestClock clock_;
  FakeCloud cloud_;
  std::unique_ptr<GatewayCore> gateway_;
};

TEST_F(GatewayTest, ReadingsOfTwoWindowsArriveAsTwoPartialsWithExactTotals) {
  open();
  stats::Summary expected;
  for (int i = 0; i < 20; ++i) {
    const int64_t time = clock_.now.wall_ns;
    ASSERT_TRUE(accept(20 + 0.1 * i));
    expected.add(time, 20 + 0.1 * i);
    clock_.advance_ms(1000);
    ASSERT_TRUE(gateway_->tick(clock_.now).ok());
  }
  drain(*gateway_, cloud_, clock_);
  EXPECT_EQ(cloud_.rows.size(), 2U);
  EXPECT_EQ(encoded(cloud_.totals()[id_of("d1", "temperature")]), encoded(expected));
  EXPECT_EQ(gateway_->stats().accepted_total, 20U);
  EXPECT_TRUE(gateway_->recovery().fresh);
  EXPECT_TRUE(cloud_.gaps.empty());
}

TEST_F(GatewayTest, ManyReadingsInOneWindowGiveTheSameBytesAsOneSummary) {
  config_.base_width_s = 60;
  open();
  stats::Summary expected;
  std::mt19937_64 random(3);
  const int64_t start = window_start_s(kStartNs / kNanosPerSecond, 60) * kNanosPerSecond;
  for (int i = 0; i < 500; ++i) {
    const int64_t time = start + static_cast<int64_t>(random() % 60) * kNanosPerSecond;
    const double value = std::ldexp(static_cast<double>(random() % 100000) - 5e4, static_cast<int>(random() % 20));
    ASSERT_TRUE(accept(value, time));
    expected.add(time, value);
    if (i % 97 == 0) {
      clock_.advance_ms(1100);
      ASSERT_TRUE(gateway_->tick(clock_.now).ok());
    }
  }
  drain(*gateway_, cloud_, clock_, 500);
  ASSERT_EQ(cloud_.rows.size(), 1U);
  EXPECT_EQ(encoded(cloud_.rows.begin()->second), encoded(expected));
  EXPECT_EQ(cloud_.partials, 1U);
}

TEST_F(GatewayTest, EveryRefusalIsCountedWithItsReason) {
  open();
  EXPECT_FALSE(accept(kNan));
  EXPECT_FALSE(accept(kInfinity));
  EXPECT_FALSE(accept(-kInfinity));
  EXPECT_FALSE(accept(1, clock_.now.wall_ns + 301 * kNanosPerSecond));
  EXPECT_TRUE(accept(1, clock_.now.wall_ns + 299 * kNanosPerSecond));
  EXPECT_FALSE(accept(1, std::numeric_limits<int64_t>::min()));
  EXPECT_FALSE(accept(1, std::numeric_limits<int64_t>::max()));
  EXPECT_FALSE(gateway_->accept(test::number("", "temperature", std::nullopt, 1), clock_.now));
  EXPECT_FALSE(gateway_->accept(test::number("d\x01", "temperature", std::nullopt, 1), clock_.now));
  EXPECT_FALSE(gateway_->accept(test::number("d1", "bad metric", std::nullopt, 1), clock_.now));
  EXPECT_FALSE(gateway_->accept(test::number("d1", "", std::nullopt, 1), clock_.now));
  gateway_->reject(reading::Reject::kBadJson, "{", "JSON", 5);
  reading::Reading event = test::number("d1", "temperature", std::nullopt, 1);
  event.value.key = "k";
  EXPECT_FALSE(gateway_->accept(event, clock_.now));
  event.value = {.number = 1, .who = "w"};
  EXPECT_FALSE(gateway_->accept(event, clock_.now));
  const std::map<std::string, uint64_t> expected = {{"not_a_number", 1},  {"out_of_range", 2}, {"future", 2},
                                                    {"bad_timestamp", 1}, {"bad_name", 4},     {"bad_json", 5},
                                                    {"unexpected_key", 2}};
  EXPECT_EQ(gateway_->stats().rejected_total, expected);
  clock_.advance_ms(1100);
  ASSERT_TRUE(gateway_->tick(clock_.now).ok());
  gateway_.reset();
  open();
  EXPECT_EQ(gateway_->stats().rejected_total, expected) << "the counts outlive a crash";
  EXPECT_EQ(gateway_->stats().accepted_total, 1U);
}

TEST_F(GatewayTest, WhatLiesTooFarBackIsRefusedByNameUnlessAnyTimeIsTaken) {
  config_.min_time_s = 86400;
  open();
  EXPECT_FALSE(accept(1, 37 * kNanosPerSecond));
  EXPECT_FALSE(accept(1, clock_.now.wall_ns - 86401 * kNanosPerSecond));
  EXPECT_TRUE(accept(1, clock_.now.wall_ns - 86400 * kNanosPerSecond));
  EXPECT_TRUE(accept(1));
  EXPECT_EQ(gateway_->stats().rejected_total, (std::map<std::string, uint64_t>{{"too_old", 2}}));
}

TEST_F(GatewayTest, ResetsOfCountersAreNamedAndDipsAreNone) {
  config_.kind_by_metric["energy"] = MetricKind::kCounter;
  open();
  for (const double value : {215.6, 215.7, 215.6, 215.7, 215.8, 0.0, 215.9, 3.0, 4.0}) {
    ASSERT_TRUE(gateway_->accept(test::number("küche", "energy", std::nullopt, value), clock_.now));
    clock_.advance_ms(1000);
  }
  const GatewayStats stats = gateway_->stats();
  EXPECT_EQ(stats.counter_resets_total, 1u);
  ASSERT_EQ(stats.counter_resets.size(), 1u);
  EXPECT_EQ(stats.counter_resets[0].device, "küche");
  EXPECT_EQ(stats.counter_resets[0].metric, "energy");
  EXPECT_EQ(stats.counter_resets[0].from, 215.9);
  EXPECT_EQ(stats.counter_resets[0].to, 3.0);
  const auto status = nlohmann::json::parse(gateway_->status_json(true, clock_.now));
  EXPECT_EQ(status["counter_resets"][0]["device"], "küche");
  EXPECT_EQ(status["counters"]["counter_resets"], 1);
  gateway_->leave_out(reading::Reject::kTextField, "state");
  EXPECT_EQ(nlohmann::json::parse(gateway_->status_json(true, clock_.now))["counters"]["left_out"]["text_field"], 1);
}

TEST_F(GatewayTest, ReadingsBefore1970AndAtTheEdgeOfTimeHaveWindows) {
  open();
  EXPECT_TRUE(accept(1, -1));
  EXPECT_TRUE(accept(2, -10 * kNanosPerSecond));
  EXPECT_TRUE(accept(3, kTimeMinNs));
  clock_.now.wall_ns = kTimeMaxNs - 1;
  EXPECT_TRUE(accept(4, kTimeMaxNs - 1));
  EXPECT_FALSE(accept(5, kTimeMaxNs));
  drain(*gateway_, cloud_, clock_);
  EXPECT_EQ(cloud_.totals()[id_of("d1", "temperature")].numeric().count(), 4U);
  EXPECT_EQ((cloud_.rows[{id_of("d1", "temperature"), 10, -10}].numeric().count()), 2U);
}

TEST_F(GatewayTest, AReplayOfHistoryClosesWindowsByTheProgressOfEventTime) {
  open();
  const int64_t begin = kStartNs - 86400 * kNanosPerSecond;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(accept(i, begin + i * kNanosPerSecond));
  EXPECT_LE(gateway_->stats().open_windows, 2U);
  clock_.advance_ms(100);
  ASSERT_TRUE(gateway_->tick(clock_.now).ok());
  EXPECT_LE(gateway_->stats().open_windows, 2U) << "the wall clock does not close windows of the past";
  EXPECT_GE(gateway_->stats().open_windows, 1U);
  clock_.advance_ms(15'100);
  ASSERT_TRUE(gateway_->tick(clock_.now).ok());
  EXPECT_EQ(gateway_->stats().open_windows, 0U) << "but none stays open for ever";
}

TEST_F(GatewayTest, AtMostEightWindowsOfASeriesAreOpen) {
  open();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(accept(i, kStartNs - (i * 37 % 100) * 3600 * kNanosPerSecond));
    ASSERT_LE(gateway_->stats().open_windows, 8U);
  }
  drain(*gateway_, cloud_, clock_);
  EXPECT_EQ(cloud_.totals()[id_of("d1", "temperature")].numeric().count(), 100U);
}

TEST_F(GatewayTest, AStragglerJoinsTheWaitingPartialOfItsWindow) {
  open();
  const int64_t start = window_start_s(kStartNs / kNanosPerSecond, 10) * kNanosPerSecond;
  // The flight is filled, so that what closes must wait.
  for (int d = 0; d < 1100; ++d) {
    ASSERT_TRUE(
        gateway_->accept(test::number("x" + std::to_string(d), "m", start - 60 * kNanosPerSecond, 1), clock_.now));
  }
  clock_.advance_ms(20'000);
  ASSERT_TRUE(gateway_->tick(clock_.now).ok());
  ASSERT_GT(gateway_->stats().waiting_partials, 0U);
  ASSERT_TRUE(accept(1, start));
  clock_.advance_ms(20'000);
  ASSERT_TRUE(gateway_->tick(clock_.now).ok());
  const uint64_t waiting = gateway_->stats().waiting_partials;
  ASSERT_TRUE(accept(2, start));
  clock_.advance_ms(20'000);
  ASSERT_TRUE(gateway_->tick(clock_.now).ok());
  EXPECT_EQ(gateway_->stats().waiting_partials, waiting);
  drain(*gateway_, cloud_, clock_);
  EXPECT_EQ((cloud_.rows[{id_of("d1", "temperature"), 10, start / kNanosPerSecond}].numeric().count()), 2U);
}

TEST_F(GatewayTest, ACounterGivesItsIncreasesAcrossResetsAndRestarts) {
  config_.kind_by_metric["energy"] = MetricKind::kCounter;
  open();
  const auto add = [&](double value) {
    clock_.advance_ms(500);
    return gateway_->accept(test::number("meter", "energy", std::nullopt, value), clock_.now);
  };
  EXPECT_TRUE(add(100));  // only remembered
  EXPECT_TRUE(add(103));
  EXPECT_TRUE(add(110));
  EXPECT_TRUE(add(4));  // reset: 4 since then
  EXPECT_FALSE(gateway_->accept(test::number("meter", "energy", clock_.now.wall_ns - 1000 * kMilli, 3), clock_.now));
  clock_.advance_ms(1500);
  ASSERT_TRUE(gateway_->tick(clock_.now).ok());
  gateway_.reset();  // killed after the checkpoint
  open();
  EXPECT_TRUE(add(9));
  drain(*gateway_, cloud_, clock_);
  const stats::Summary total = cloud_.totals()[id_of("meter", "energy")];
  EXPECT_EQ(total.numeric().count(), 4U);
  EXPECT_EQ(total.numeric().sum().value, 3 + 7 + 4 + 5);
  EXPECT_EQ(gateway_->stats().rejected_total.at("out_of_order"), 1U);
}

TEST_F(GatewayTest, WhatAReadingSaysOfItsLabelsMakesItsSeries) {
  config_.labels = {{"site", "roof"}};
  config_.unit_by_metric["temperature"] = "°C";
  open();
  const LabelView port[] = {{"port", "2"}, {"bus", "1"}};
  reading::Reading said = test::number("d1", "temperature", std::nullopt, 1);
  ASSERT_TRUE(gateway_->accept(said, clock_.now));
  said.labels = port;
  ASSERT_TRUE(gateway_->accept(said, clock_.now));
  said.unit = "K";
  ASSERT_TRUE(gateway_->accept(said, clock_.now));
  ASSERT_TRUE(gateway_->accept(said, clock_.now));
  drain(*gateway_, cloud_, clock_);
  const auto count = [&](std::vector<Label> labels) {
    return cloud_.totals()[Series{.device = "d1", .metric = "temperature", .labels = std::move(labels)}.id()]
        .numeric()
        .count();
  };
  EXPECT_EQ(count({{"site", "roof"}, {"unit", "°C"}}), 1U);
  EXPECT_EQ(count({{"bus", "1"}, {"port", "2"}, {"site", "roof"}, {"unit", "°C"}}), 1U);
  EXPECT_EQ(count({{"bus", "1"}, {"port", "2"}, {"site", "roof"}, {"unit", "K"}}), 2U);
}

// Two ports of one meter under one name: neither takes the other's value for its own last one, nor after a restart.
TEST_F(GatewayTest, CountersAreToldApartByTheirLabels) {
  config_.kind_by_metric["energy"] = MetricKind::kCounter;
  open();
  const auto add = [&](std::string_view port, double value) {
    clock_.advance_ms(500);
    const LabelView labels[] = {{"port", port}};
    reading::Reading said = test::number("meter", "energy", std::nullopt, value);
    said.labels = labels;
    return gateway_->accept(said, clock_.now);
  };
  EXPECT_TRUE(add("1", 100) && add("2", 5000) && add("1", 103) && add("2", 5001));
  clock_.advance_ms(1500);
  ASSERT_TRUE(gateway_->tick(clock_.now).ok());
  gateway_.reset();  // killed after the checkpoint
  open();
  EXPECT_TRUE(add("1", 110) && add("2", 5003));
  drain(*gateway_, cloud_, clock_);
  const auto sum = [&](const char* port) {
    return cloud_.totals()[Series{.device = "meter", .metric = "energy", .labels = {{"port", port}}}.id()]
        .numeric()
        .sum()
        .value;
  };
  EXPECT_EQ(sum("1"), 3 + 7);
  EXPECT_EQ(sum("2"), 1 + 2);
}

TEST_F(GatewayTest, BeyondTheLimitOfSeriesReadingsCountInTheOverflowSeriesOfTheirMetric) {
  config_.series_max = 3;
  open();
  for (int d = 0; d < 10; ++d) {
    ASSERT_TRUE(gateway_->accept(test::number("d" + std::to_string(d), "temperature", std::nullopt, d), clock_.now));
  }
  EXPECT_EQ(gateway_->stats().overflow_series_readings_total, 7U);
  drain(*gateway_, cloud_, clock_);
  Series overflow;
  overflow.metric = "temperature";
  overflow.overflow = true;
  EXPECT_EQ(cloud_.totals()[overflow.id()].numeric().count(), 7U);
  EXPECT_EQ(cloud_.totals().size(), 4U);
}

TEST_F(GatewayTest, LabelsUnitsAndWidthsComeFromTheConfiguration) {
  config_.labels = {{"site", "roof"}};
  config_.unit_by_metric["temperature"] = "Cel";
  config_.base_width_by_metric["temperature"] = 60;
  open();
  ASSERT_TRUE(accept(1));
  drain(*gateway_, cloud_, clock_, 1000);
  Series series;
  series.device = "d1";
  series.metric = "temperature";
  series.labels = {{"site", "roof"}, {"unit", "Cel"}};
  ASSERT_EQ(cloud_.rows.size(), 1U);
  EXPECT_EQ(std::get<0>(cloud_.rows.begin()->first), series.id());
  EXPECT_EQ(std::get<1>(cloud_.rows.begin()->first), 60U);
}

TEST_F(GatewayTest, AChangedLabelMakesAnotherSeriesAndWhatWaitsKeepsTheOldOne) {
  config_.labels = {{"site", "roof"}};
  open();
  ASSERT_TRUE(accept(1));
  ASSERT_TRUE(gateway_->close(clock_.now).ok());
  gateway_.reset();
  config_.labels = {{"site", "cellar"}};
  open();
  ASSERT_TRUE(accept(2));
  drain(*gateway_, cloud_, clock_);
  EXPECT_EQ(cloud_.totals().size(), 2U);
}

TEST_F(GatewayTest, AnIdleGatewaySaysEveryMinuteThatItIsComplete) {
  open();
  drain(*gateway_, cloud_, clock_);
  const uint64_t before = cloud_.idle_messages;
  EXPECT_GE(before, 1U);
  for (int s = 0; s < 300; ++s) {
    clock_.advance_ms(1000);
    ASSERT_TRUE(gateway_->tick(clock_.now).ok());
    while (auto message = gateway_->next_message(clock_.now)) cloud_.receive(*message);
  }
  EXPECT_NEAR(static_cast<double>(cloud_.idle_messages - before), 5, 1);
  EXPECT_GE(cloud_.ledger.frontier_ns(), clock_.now.wall_ns - 61 * kNanosPerSecond);
}

TEST_F(GatewayTest, TheFrontierIsKnownWithinASecondAfterAllIsSent) {
  open();
  ASSERT_TRUE(accept(1));
  clock_.advance_ms(16'000);
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(gateway_->tick(clock_.now).ok());
    while (auto message = gateway_->next_message(clock_.now)) {
      gateway_->on_ack(cloud_.receive(*message), clock_.now);
      ASSERT_TRUE(gateway_->tick(clock_.now).ok());
    }
    clock_.advance_ms(50);
  }
  EXPECT_EQ(cloud_.rows.size(), 1U);
  EXPECT_GE(cloud_.ledger.frontier_ns(), kStartNs + 10 * kNanosPerSecond);
}

TEST_F(GatewayTest, AMessageThatCouldNotBeSentIsDueAgainAtOnce) {
  open();
  ASSERT_TRUE(gateway_->tick(clock_.now).ok());
  auto first = gateway_->next_message(clock_.now);
  ASSERT_TRUE(first);
  const std::vector<uint8_t> bytes(first->begin(), first->end());
  EXPECT_FALSE(gateway_->next_message(clock_.now));
  clock_.advance_ms(2600);
  ASSERT_TRUE(gateway_->next_message(clock_.now)) << "the time-out of the ack";
  gateway_->message_not_sent();
  auto again = gateway_->next_message(clock_.now);
  ASSERT_TRUE(again);
  EXPECT_TRUE(std::equal(again->begin(), again->end(), bytes.begin(), bytes.end()) || again->size() == bytes.size());
}

TEST_F(GatewayTest, ResendsSlowDownToTheirMaximumAndComeAtOnceOnANewConnection) {
  open();
  int sent = 0;
  for (int s = 0; s < 600; ++s) {
    ASSERT_TRUE(gateway_->tick(clock_.now).ok());
    while (gateway_->next_message(clock_.now)) ++sent;
    clock_.advance_ms(1000);
  }
  EXPECT_GE(sent, 10);
  EXPECT_LE(sent, 16);
  gateway_->on_connected(clock_.now);
  EXPECT_TRUE(gateway_->next_message(clock_.now));
  EXPECT_GE(gateway_->stats().resent_total, 9U);
}

TEST_F(GatewayTest, BrokenAndForeignAcksFreeNothing) {
  open();
  ASSERT_TRUE(gateway_->tick(clock_.now).ok());
  ASSERT_TRUE(gateway_->next_message(clock_.now));
  const std::vector<uint8_t> broken = {1, 2, 3};
  gateway_->on_ack(broken, clock_.now);
  wire::Ack ack;
  ack.epoch = 12345;
  ack.ranges[ack.range_count++] = {1, 100};
  std::vector<uint8_t> bytes(wire::kAckBytesMax);
  bytes.resize(wire::encode_ack(ack, bytes));
  gateway_->on_ack(bytes, clock_.now);
  EXPECT_EQ(gateway_->stats().acked_total, 0U);
  EXPECT_EQ(gateway_->stats().flight_items, 1U);
  const auto status = nlohmann::json::parse(gateway_->status_json(true, clock_.now));
  EXPECT_EQ(status["counters"]["acks_ignored"], 2);
}

TEST_F(GatewayTest, AClockThatJumpsAYearAheadAndBackDisturbsNothingElse) {
  open();
  ASSERT_TRUE(accept(1));
  clock_.now.wall_ns += 365LL * 86400 * kNanosPerSecond;
  ASSERT_TRUE(accept(2));
  clock_.now.wall_ns -= 365LL * 86400 * kNanosPerSecond;
  const uint64_t partials_before = cloud_.partials;
  for (int i = 0; i < 100; ++i) {
    clock_.advance_ms(100);
    ASSERT_TRUE(accept(3));
    ASSERT_TRUE(gateway_->tick(clock_.now).ok());
  }
  drain(*gateway_, cloud_, clock_);
  EXPECT_EQ(cloud_.totals()[id_of("d1", "temperature")].numeric().count(), 102U);
  EXPECT_LE(cloud_.partials - partials_before, 5U);
}

TEST_F(GatewayTest, WhileNothingCanBeWrittenReadingsStayInMemoryAndCountOnceItCan) {
  open();
  // No file may grow or change any more: every write of LMDB fails.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit none{0, before.rlim_max};
  stats::Summary expected;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  const int64_t begin = kStartNs - 400'000 * kNanosPerSecond;
  int failures = 0;
  for (int i = 0; i < 20'000; ++i) {
    accept(i, begin + i * 10 * kNanosPerSecond);
    expected.add(begin + i * 10 * kNanosPerSecond, i);
    if (i % 10 == 0) clock_.advance_ms(100);
    failures += gateway_->tick(clock_.now).ok() ? 0 : 1;
  }
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_GT(failures, 10);
  EXPECT_EQ(gateway_->stats().accepted_total, 20'000U);
  clock_.advance_ms(2000);
  drain(*gateway_, cloud_, clock_);
  EXPECT_EQ(encoded(cloud_.totals()[id_of("d1", "temperature")]), encoded(expected));
  EXPECT_LT(cloud_.partials, 12'000U) << "what could not be written was merged meanwhile";
}

TEST_F(GatewayTest, TheStatusIsJsonWithTheOutboxAndTheCounters) {
  open();
  ASSERT_TRUE(accept(1));
  gateway_->reject(reading::Reject::kBadJson, "{", "JSON", 2);
  const auto status = nlohmann::json::parse(gateway_->status_json(true, clock_.now));
  EXPECT_EQ(status["state"], "online");
  EXPECT_EQ(status["counters"]["accepted"], 1);
  EXPECT_EQ(status["counters"]["rejected"]["bad_json"], 2);
  EXPECT_EQ(status["outbox"]["budget_bytes"], config_.budget_bytes);
  EXPECT_EQ(status["widest_window"], 10);
  EXPECT_FALSE(status.contains("serves")) << "what is not declared is anything";
  EXPECT_EQ(status["open_windows"], 1);
  EXPECT_EQ(nlohmann::json::parse(gateway_->status_json(false, clock_.now))["state"], "offline");
}

}  // namespace
}  // namespace tributary::edge
