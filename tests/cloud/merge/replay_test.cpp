// SPDX-License-Identifier: Apache-2.0
// State is a function of the log's prefix alone: batches, crashes, backups and full disks change nothing.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/cloud/merge/support/scenario.h"

namespace tributary::testing {
namespace {

std::string digest_at_once(const Scenario& scenario) {
  Folder folder;
  auto writer = open_state(state_config(folder.path("state")));
  EXPECT_TRUE(writer->merge(scenario.records.all()).ok());
  return writer->state().digest();
}

TEST(ReplayTest, EveryBatchSizeGivesTheSameState) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Scenario scenario = make_scenario(seed);
    const std::string expected = digest_at_once(scenario);
    ASSERT_EQ(expected.size(), 64u);
    for (size_t batch : {size_t{1}, size_t{0}, size_t{0}, size_t{97}}) {
      Folder folder;
      auto writer = open_state(state_config(folder.path("state")));
      merge_all(*writer, scenario.records, batch, random);
      EXPECT_EQ(writer->state().digest(), expected) << "batch " << batch;
    }
  }
}

TEST(ReplayTest, EveryPrefixHasOneDigestThatDiffersFromTheNext) {
  Random random(5);
  const Scenario scenario = make_scenario(5, {.records = 60, .wild_widths = true});
  Folder folder;
  auto writer = open_state(state_config(folder.path("one")));
  std::set<std::string> digests;
  for (size_t i = 0; i < scenario.records.size(); ++i) {
    ASSERT_TRUE(writer->merge(scenario.records.slice(i, 1)).ok());
    EXPECT_TRUE(digests.insert(writer->state().digest()).second);
  }
}

TEST(ReplayTest, AReopenedStateGoesOnWhereItsLastCommitLeftIt) {
  for (uint64_t seed = 11; seed <= 14; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Scenario scenario = make_scenario(seed);
    Folder folder;
    while (true) {
      auto writer = open_state(state_config(folder.path("state")));
      ASSERT_NE(writer, nullptr);
      if (writer->position() == scenario.records.size()) {
        EXPECT_EQ(writer->state().digest(), digest_at_once(scenario));
        break;
      }
      ASSERT_TRUE(writer->merge(scenario.records.slice(writer->position(), 1 + pick(random, 30))).ok());
    }
  }
}

TEST(ReplayTest, AStateRestoredFromABackupCatchesUp) {
  Random random(21);
  const Scenario scenario = make_scenario(21);
  Folder folder;
  {
    auto writer = open_state(state_config(folder.path("state")));
    ASSERT_TRUE(writer->merge(scenario.records.slice(0, 120)).ok());
  }
  std::filesystem::copy(folder.path("state"), folder.path("backup"), std::filesystem::copy_options::recursive);
  uint64_t id = 0;
  {
    auto writer = open_state(state_config(folder.path("state")));
    merge_all(*writer, scenario.records, 0, random);
    id = writer->state().state_id();
  }
  auto restored = open_state(state_config(folder.path("backup")));
  EXPECT_EQ(restored->position(), 120u);
  merge_all(*restored, scenario.records, 0, random);
  EXPECT_EQ(restored->state().digest(), digest_at_once(scenario));
  EXPECT_EQ(restored->state().state_id(), id);
}

TEST(ReplayTest, AFullDiskLeavesPositionAndRowsAgreeingAndGoesOnWithMoreSpace) {
  for (uint64_t seed = 31; seed <= 34; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Scenario scenario = make_scenario(seed);
    Folder folder;
    merge::WriterConfig small = state_config(folder.path("state"));
    small.map_bytes = (300 + pick(random, 500)) * 1024;
    {
      auto writer = open_state(small);
      ASSERT_NE(writer, nullptr);
      bool full = false;
      while (writer->position() < scenario.records.size() && !full) {
        const std::string before = writer->state().digest();
        const uint64_t position = writer->position();
        const uint64_t merged = writer->counters().records_total;
        const Status done = writer->merge(scenario.records.slice(position, 1 + pick(random, 20)));
        if (done.ok()) continue;
        full = true;
        EXPECT_EQ(done.error().code, ErrorCode::kFull) << done.error().message;
        EXPECT_EQ(writer->position(), position);
        EXPECT_EQ(writer->state().digest(), before);
        EXPECT_EQ(writer->counters().records_total, merged);
        // It may be tried again at once; smaller batches may still fit.
        for (int i = 0; i < 3; ++i) (void)writer->merge(scenario.records.slice(writer->position(), 1)).ok();
      }
      EXPECT_TRUE(full) << "the map was large enough: the test shows nothing";
    }
    auto writer = open_state(state_config(folder.path("state")));
    merge_all(*writer, scenario.records, 0, random);
    EXPECT_EQ(writer->state().digest(), digest_at_once(scenario));
  }
}

TEST(ReplayTest, ASecondOwnerIsRefused) {
  Folder folder;
  auto first = open_state(state_config(folder.path("state")));
  auto second = merge::StateWriter::open(state_config(folder.path("state")));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kBusy);
  first.reset();
  EXPECT_TRUE(merge::StateWriter::open(state_config(folder.path("state"))).ok());
}

TEST(ReplayTest, AnotherPartitionsStateIsRefused) {
  Folder folder;
  open_state(state_config(folder.path("state"))).reset();
  merge::WriterConfig config = state_config(folder.path("state"));
  config.partition = 3;
  auto writer = merge::StateWriter::open(config);
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().code, ErrorCode::kMismatch);
}

TEST(ReplayTest, AnotherLogsRecordsAreRefusedAndAGapInOffsetsToo) {
  Folder folder;
  Random random(1);
  auto writer = open_state(state_config(folder.path("state")));
  EXPECT_EQ(writer->state().log_id(), 0u);
  ASSERT_TRUE(writer->adopt_log(7).ok());
  EXPECT_TRUE(writer->adopt_log(7).ok());
  const Status other = writer->adopt_log(8);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kMismatch);
  const Scenario scenario = make_scenario(2, {.records = 10, .wild_widths = true});
  auto records = scenario.records.slice(0, 3);
  records[1].record.log_id = 9;
  EXPECT_EQ(writer->merge(records).error().code, ErrorCode::kMismatch);
  records[1].record.log_id = 7;
  EXPECT_EQ(writer->merge(scenario.records.slice(1, 2)).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(writer->position(), 0u);
  EXPECT_TRUE(writer->merge(records).ok());
  writer.reset();
  EXPECT_EQ(open_state(state_config(folder.path("state")))->state().log_id(), 7u);
}

TEST(ReplayTest, SubscribersAreToldAfterTheCommitOnly) {
  Folder folder;
  auto writer = open_state(state_config(folder.path("state")));
  const Scenario scenario = make_scenario(3, {.records = 10, .wild_widths = true});
  EXPECT_EQ(writer->state().wait_revision(0, 0), 0u);
  ASSERT_TRUE(writer->merge(scenario.records.slice(0, 4)).ok());
  EXPECT_EQ(writer->state().wait_revision(0, 10'000), 4u);
  EXPECT_EQ(writer->state().wait_revision(4, 1), 4u);
}

}  // namespace
}  // namespace tributary::testing
