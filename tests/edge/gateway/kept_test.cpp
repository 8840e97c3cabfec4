// SPDX-License-Identifier: Apache-2.0
// Outboxes as earlier programs wrote them (tests/data/outbox) open, and every reading in them arrives once.
#include <filesystem>

#include "tests/edge/gateway/fake_cloud.h"

namespace tributary::edge {
namespace {

class KeptOutbox : public ::testing::Test {
 protected:
  std::unique_ptr<GatewayCore> open(const std::string& name, uint8_t boot) {
    std::filesystem::copy(std::string(TRIBUTARY_TEST_DATA) + "/outbox/" + name, folder_.path() + "/outbox");
    config_.budget_bytes = 4 << 20;
    config_.machine_id.fill(0x11);
    config_.boot_id.fill(boot);
    config_.labels = {{"site", "roof"}};
    config_.unit_by_metric["temperature"] = "°C";
    config_.kind_by_metric["energy"] = MetricKind::kCounter;
    config_.series_max = 3;
    return open_or_die(config_, random_, clock_.now);
  }
  uint64_t arrived() const {
    uint64_t count = 0;
    for (const auto& [key, summary] : cloud_.rows) count += summary.numeric().count();
    return count;
  }
  std::set<std::string> series() const {
    std::set<std::string> out;
    for (const auto& [key, summary] : cloud_.rows) out.insert(std::get<0>(key));
    return out;
  }

  TempFolder folder_;
  GatewayConfig config_ = test_config(folder_);
  std::mt19937_64 random_{3};
  TestClock clock_{{1'700'001'000 * kNanosPerSecond, 2000 * kNanosPerSecond}};
  FakeCloud cloud_;
};

std::set<std::string> expected_series() {
  const std::vector<Label> site = {{"site", "roof"}}, unit = {{"site", "roof"}, {"unit", "°C"}};
  return {Series{.device = "kitchen", .metric = "temperature", .labels = unit}.id(),
          Series{.device = "cellar", .metric = "temperature", .labels = unit}.id(),
          Series{.device = "meter", .metric = "energy", .labels = site}.id(),
          Series{.metric = "humidity", .labels = site, .overflow = true}.id()};
}

TEST_F(KeptOutbox, Version2WithOpenWindowsAndFlightOfTwoEpochs) {
  const auto gateway = open("v2_dated", 0x22);
  const RecoveryReport& report = gateway->recovery();
  EXPECT_FALSE(report.fresh || report.moved_aside || report.clean_stop) << report.moved_why;
  EXPECT_EQ(report.predecessor, 0xf30567547a34c162);
  EXPECT_EQ(report.checkpoint_windows, 4U);
  EXPECT_EQ(report.flight_items, 27U);
  EXPECT_EQ(gateway->stats().accepted_total, 249U);
  EXPECT_EQ(gateway->stats().rejected_total, (std::map<std::string, uint64_t>{{"bad_json", 9}}));
  drain(*gateway, cloud_, clock_);
  EXPECT_EQ(arrived(), 249U);
  EXPECT_EQ(series(), expected_series());
  EXPECT_EQ(cloud_.gaps.size(), 2U) << "of both kills";
  EXPECT_EQ(cloud_.losses.size() + cloud_.parked, 0U);
}

TEST_F(KeptOutbox, Version2WithReadingsOfTwoBootsThatHadNoClock) {
  const auto gateway = open("v2_undated", 0x44);
  const RecoveryReport& report = gateway->recovery();
  EXPECT_FALSE(report.fresh || report.moved_aside) << report.moved_why;
  ASSERT_EQ(report.boots.size(), 2U);
  EXPECT_TRUE(report.boots[0].estimated);
  EXPECT_FALSE(report.boots[1].estimated);
  EXPECT_EQ(report.boots[0].readings + report.boots[1].readings, 183U);
  EXPECT_EQ(gateway->stats().accepted_total, 341U);
  drain(*gateway, cloud_, clock_);
  EXPECT_EQ(arrived(), gateway->stats().accepted_total);
  EXPECT_EQ(series(), expected_series());
  EXPECT_EQ(cloud_.losses.size() + cloud_.parked, 0U);
}

}  // namespace
}  // namespace tributary::edge
