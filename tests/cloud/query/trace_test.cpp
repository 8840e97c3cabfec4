// SPDX-License-Identifier: Apache-2.0
// What an answer cost is told to who asks, and is not counted for anybody else.
#include "cloud/query/trace.h"

#include <gtest/gtest.h>

#include "cloud/query/question/newest.h"
#include "tests/cloud/merge/support/scenario.h"

namespace tributary::testing {
namespace {

class TraceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    scenario_ = make_scenario(5, {.records = 60, .wild_widths = false});
    for (uint32_t i = 0; i < 2; ++i) {
      merge::WriterConfig config = state_config(folder_.path(std::to_string(i)));
      config.partition = i;
      writers_.push_back(open_state(config));
    }
    // All of it is in partition 1.
    merge_all(*writers_[1], scenario_.records, 0, random_);
    query_ = query::LocalQuery::make({&writers_[0]->state(), &writers_[1]->state()});
  }

  const query::Selection selection_{.tenant = "demo", .metric = "temperature", .devices = {}, .labels = {}};
  Folder folder_;
  Random random_{1};
  Scenario scenario_;
  std::vector<std::unique_ptr<merge::StateWriter>> writers_;
  std::unique_ptr<query::Query> query_;
};

TEST_F(TraceTest, NamesThePartitionsAndWhatWasReadOfEach) {
  query::Trace trace;
  const auto one = query_->one_answer(&trace);
  ASSERT_TRUE(one->ask(query::AskSummary{selection_, {}}).ok());
  ASSERT_EQ(trace.partitions.size(), 2u);
  EXPECT_EQ(trace.partitions[0].rows, 0u);
  EXPECT_GT(trace.partitions[1].rows, 0u);
  EXPECT_GT(trace.partitions[1].bytes, trace.partitions[1].rows);
  EXPECT_GT(trace.select_ns, 0);
  EXPECT_GT(trace.read_ns, 0);
  EXPECT_GT(trace.merge_ns, 0);
}

TEST_F(TraceTest, AddsUpTheQuestionsOfOneAnswer) {
  query::Trace summary, both;
  ASSERT_TRUE(query_->one_answer(&summary)->ask(query::AskSummary{selection_, {}}).ok());
  const auto one = query_->one_answer(&both);
  ASSERT_TRUE(one->ask(query::AskSummary{selection_, {}}).ok());
  EXPECT_EQ(both.partitions[1].rows, summary.partitions[1].rows);
  ASSERT_TRUE(query::newest(*one, selection_, 60).ok());
  EXPECT_GT(both.partitions[1].rows, summary.partitions[1].rows);
}

TEST_F(TraceTest, OneAnswerIsOfOneInstantTraceOrNot) {
  query::Trace trace;
  const auto one = query_->one_answer(&trace);
  ASSERT_TRUE(one->ask(query::AskSummary{selection_, {}}).ok());
  EXPECT_EQ(one->one_answer().get(), one.get());
  EXPECT_EQ(one->one_answer(&trace).get(), one.get());
}

}  // namespace
}  // namespace tributary::testing
