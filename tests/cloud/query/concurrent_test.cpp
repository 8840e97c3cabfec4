// SPDX-License-Identifier: Apache-2.0
// Readers beside the writer: each answer is of one instant, and who follows the revisions misses nothing.
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "cloud/query/question/changes.h"
#include "cloud/query/question/completeness.h"
#include "cloud/query/question/rows.h"
#include "tests/cloud/merge/support/scenario.h"

namespace tributary::testing {
namespace {

TEST(ConcurrentTest, AnswersAreOfOneInstantAndCountsOnlyGrow) {
  Folder folder;
  Random random(1);
  const Scenario scenario = make_scenario(77, {.records = 500, .wild_widths = true});
  auto writer = open_state(state_config(folder.path("state")));
  auto query = query::LocalQuery::make({&writer->state()});
  std::atomic<bool> done{false};
  const query::Selection selection{.tenant = "demo", .metric = "temperature", .devices = {}, .labels = {}};
  std::set<std::string> instants;
  Oracle oracle;
  instants.insert(oracle.summary(selection, {}));
  for (const auto& [tenant, part] : scenario.oracle.parts()) {
    oracle.add(tenant, part);
    instants.insert(oracle.summary(selection, {}));
  }
  auto read = [&] {
    uint64_t count = 0;
    while (!done.load()) {
      // The rows of one answer add up to a sum that the totals had at some instant.
      stats::Summary rows;
      auto sink = [&](const std::string&, const query::Row&, const stats::Summary& row) { rows.merge(row); };
      ASSERT_TRUE(query->ask(query::AskSeries{selection, {}, 60, "", 1'000'000}, sink).ok());
      ASSERT_TRUE(instants.contains(encoded(rows)));
      ASSERT_GE(rows.numeric().count(), count);
      count = rows.numeric().count();
      ASSERT_TRUE(query->ask(query::AskCompleteness{selection, {}, scenario.end_s * kNanosPerSecond}).ok());
    }
  };
  std::thread first(read), second(read);
  merge_all(*writer, scenario.records, 3, random);
  done = true;
  first.join();
  second.join();
}

TEST(ConcurrentTest, ASubscriberThatFollowsTheRevisionsMissesNoRow) {
  Folder folder;
  Random random(2);
  ScenarioConfig config;
  config.records = 300;
  const Scenario scenario = make_scenario(78, config);
  auto writer = open_state(state_config(folder.path("state")));
  auto query = query::LocalQuery::make({&writer->state()});
  std::set<std::tuple<std::string, int64_t, WidthS>> seen;
  bool reset = false;
  std::thread subscriber([&] {
    uint64_t revision = 0;
    while (revision < scenario.records.size()) {
      writer->state().wait_revision(revision, 1000);
      uint64_t upto = 0;
      auto changes = changes_of(*query, "demo", revision, 10, &upto);
      if (!changes.ok()) {
        // Too slow for a leap of the clock: a browser would fetch its view again.
        reset = true;
        revision = query->place().front().revision;
        continue;
      }
      for (const query::Change& change : *changes) {
        seen.insert({change.series.id(), change.row.start_s, change.row.width_s});
      }
      revision = upto;
    }
  });
  merge_all(*writer, scenario.records, 2, random);
  subscriber.join();
  if (reset) return;
  for (const auto& [tenant, part] : scenario.oracle.parts()) {
    if (tenant != "demo") continue;
    EXPECT_TRUE(seen.contains({part.series.id(), part.start_s, part.width_s}));
    EXPECT_TRUE(seen.contains({part.series.fleet().id(), part.start_s, part.width_s}));
  }
}

}  // namespace
}  // namespace tributary::testing
