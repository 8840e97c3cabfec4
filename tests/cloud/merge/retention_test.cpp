// SPDX-License-Identifier: Apache-2.0
// Retention drops resolution, never totals; late partials reach every row that is kept.
#include <gtest/gtest.h>

#include "cloud/query/question/rows.h"
#include "cloud/state/state.h"
#include "tests/cloud/merge/support/scenario.h"

namespace tributary::testing {
namespace {

constexpr int64_t kDay = 86400;
// A day's start.
constexpr int64_t kBegin = 1'600'000'000 / kDay * kDay;

struct Bench {
  Bench() {
    config = state_config(folder.path("state"));
    const merge::WriterConfig defaults;
    std::copy(std::begin(defaults.retention_s), std::end(defaults.retention_s), std::begin(config.retention_s));
    writer = open_state(config);
    query = query::LocalQuery::make({&writer->state()});
    add(gateway.open(kBegin));
  }
  void add(log::Record record) { ASSERT_TRUE(writer->merge({{writer->position(), std::move(record)}}).ok()); }
  void send(int64_t append_s, int64_t start_s, WidthS width_s) {
    Part part = make_part(random, make_series("d1", "temperature"), start_s, width_s);
    oracle.add("demo", part);
    add(gateway.send({part}, append_s));
  }
  void tick(int64_t append_s) { add(gateway.send({}, append_s)); }
  std::string summary(query::Range range, bool device = false) {
    query::Selection selection = all;
    if (device) selection.devices = {"d1"};
    auto answer = query->ask(query::AskSummary{selection, range});
    EXPECT_TRUE(answer.ok());
    return encoded(*answer);
  }
  std::vector<query::Row> rows(query::Range range, WidthS step_s) {
    std::vector<query::Row> out;
    auto sink = [&](const std::string&, const query::Row& row, const stats::Summary&) { out.push_back(row); };
    EXPECT_TRUE(query->ask(query::AskSeries{all, range, step_s, "", 1'000'000}, sink).ok());
    return out;
  }
  uint64_t count(store::Table state::Tables::*table) {
    auto txn = writer->state().read();
    return txn->count(writer->state().tables().*table);
  }

  Folder folder;
  Random random{4711};
  merge::WriterConfig config;
  std::unique_ptr<merge::StateWriter> writer;
  std::unique_ptr<query::Query> query;
  Oracle oracle;
  GatewaySim gateway{"demo", "attic", 5};
  query::Selection all{.tenant = "demo", .metric = "temperature", .devices = {}, .labels = {}};
};

query::Range range(int64_t from_s, int64_t to_s) { return {from_s * kNanosPerSecond, to_s * kNanosPerSecond}; }

TEST(RetentionTest, FreshRowsAreRegroupedAnHourAfterAtEveryQuarter) {
  Bench bench;
  for (int64_t at = kBegin; at < kBegin + 3 * 3600; at += 10) {
    bench.send(at + 15, at, 10);
    const uint64_t fresh = bench.count(&state::Tables::fresh);
    EXPECT_LE(fresh, 2u * (3600 + 900 + 30) / 10);  // device and fleet rows
    if (at % 600 == 0) {
      EXPECT_TRUE(bench.summary({}) == bench.oracle.summary(bench.all, {}));
      const query::Range last = range(at - 4000, at - 20);
      EXPECT_TRUE(bench.summary(last) == bench.oracle.summary(bench.all, last));
    }
  }
  // 105 minutes in chunks of 5 minutes (base), 30 minutes, 6 hours, a day, 8 days and all time, twice.
  EXPECT_EQ(bench.count(&state::Tables::rows), 2u * (24 + 4 + 1 + 1 + 1 + 1));
  EXPECT_EQ(bench.count(&state::Tables::direct), 0u);
}

TEST(RetentionTest, EachLevelAnswersAsLongAsItIsKeptAndTotalsForEver) {
  Bench bench;
  for (int64_t at = kBegin; at < kBegin + 2 * 3600; at += 10) bench.send(at + 15, at, 10);
  const int64_t end = kBegin + 2 * 3600;
  const query::Range minutes = range(kBegin + 60, kBegin + 600);
  const query::Range odd = range(kBegin + 10, kBegin + 50);
  const query::Range hour = range(kBegin, kBegin + 3600);
  const query::Range day = range(kBegin, kBegin + kDay);
  const Oracle& oracle = bench.oracle;
  const std::string total = oracle.summary(bench.all, {});
  struct Step {
    int64_t after_s;
    WidthS finest;
  };
  // A margin of a day for the alignment of the cutoffs.
  for (const Step& step : {Step{3600, 10}, Step{26 * 3600, 60}, Step{9 * kDay, 900}, Step{92 * kDay, 3600},
                           Step{3 * 365 * kDay, 86400}, Step{9 * 365 * kDay, 86400}}) {
    bench.tick(end + step.after_s);
    const std::vector<query::Row> rows = bench.rows(day, 0);
    ASSERT_FALSE(rows.empty());
    for (const query::Row& row : rows) EXPECT_EQ(row.width_s, step.finest) << step.after_s;
    EXPECT_TRUE(bench.summary({}) == total);
    EXPECT_TRUE(bench.summary({}, true) == total);
    EXPECT_TRUE(bench.summary(day) == oracle.summary(bench.all, day));
    if (step.finest <= 3600) {
      EXPECT_TRUE(bench.summary(hour) == oracle.summary(bench.all, hour));
    }
    if (step.finest <= 60) {
      EXPECT_TRUE(bench.summary(minutes) == oracle.summary(bench.all, minutes));
    }
    if (step.finest <= 10) {
      EXPECT_TRUE(bench.summary(odd) == oracle.summary(bench.all, odd));
    }
  }
}

TEST(RetentionTest, ALatePartialReachesEveryRowThatIsKeptAndTheTotals) {
  Bench bench;
  const int64_t now = kBegin + 40 * kDay;
  bench.tick(now);
  bench.send(now, now - 20, 10);
  // Three days late: base rows of its time are gone, minutes are kept.
  const int64_t late = now - 3 * kDay + 130;
  bench.send(now + 1, late, 10);
  EXPECT_EQ(bench.writer->counters().late_partials_total, 1u);
  for (WidthS step_s : {WidthS{60}, WidthS{900}, WidthS{3600}, WidthS{86400}}) {
    const int64_t start = window_start_s(late, step_s);
    const std::vector<query::Row> rows = bench.rows(range(start, start + step_s), step_s);
    ASSERT_EQ(rows.size(), 1u);
    EXPECT_EQ(rows[0].width_s, step_s);
    EXPECT_TRUE(bench.summary(range(start, start + step_s)) ==
                bench.oracle.summary(bench.all, range(start, start + step_s)));
  }
  EXPECT_EQ(bench.rows(range(late - 60, late + 60), 0)[0].width_s, 60u);
  // Ten years late: only the day and all time.
  const int64_t ancient = kBegin - 10 * 365 * kDay;
  bench.send(now + 2, ancient, 60);
  const std::vector<query::Row> rows = bench.rows(range(ancient - kDay, ancient + kDay), 0);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].width_s, 86400u);
  EXPECT_TRUE(bench.summary({}) == bench.oracle.summary(bench.all, {}));
}

TEST(RetentionTest, DirectRowsStayAsLongAsTheFinerRowsTheyComplete) {
  Bench bench;
  const int64_t at = kBegin + 7200;
  bench.send(at + 20, at, 10);
  bench.send(at + 70, at, 60);
  bench.send(at + 1000, at, 900);
  bench.send(at + 1001, at, kAllTime);
  struct Step {
    int64_t after_s;
    std::vector<WidthS> widths;
  };
  for (const Step& step : {Step{7200, {10, 60, 900}}, Step{26 * 3600, {60, 900}}, Step{9 * kDay, {900}}}) {
    bench.tick(at + step.after_s);
    std::vector<WidthS> found;
    for (const query::Row& row : bench.rows(range(at, at + 900), 0)) found.push_back(row.width_s);
    EXPECT_EQ(found, step.widths);
    EXPECT_TRUE(bench.summary(range(at, at + 900)) == bench.oracle.summary(bench.all, range(at, at + 900)));
    EXPECT_TRUE(bench.summary({}) == bench.oracle.summary(bench.all, {}));
  }
}

TEST(RetentionTest, WithRetentionReplicasStillAgreeAndTotalsAreExact) {
  for (uint64_t seed = 41; seed <= 46; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const Scenario scenario = make_scenario(seed, {.records = 400, .wild_widths = true});
    std::string expected;
    for (size_t batch : {size_t{1}, size_t{0}, size_t{1000}}) {
      Folder folder;
      merge::WriterConfig config = state_config(folder.path("state"));
      config.retention_s[0] = 3600;
      config.retention_s[1] = 4 * 3600;
      config.retention_s[2] = kDay;
      config.retention_s[3] = 2 * kDay;
      auto writer = open_state(config);
      merge_all(*writer, scenario.records, batch, random);
      if (expected.empty()) expected = writer->state().digest();
      EXPECT_EQ(writer->state().digest(), expected);
      auto query = query::LocalQuery::make({&writer->state()});
      for (int i = 0; i < 50; ++i) {
        const query::Selection selection = random_selection(random);
        query::Range range;
        auto whole_day = [&] {
          return window_start_s(scenario.end_s - static_cast<int64_t>(pick(random, 60 * kDay)), kDay) * kNanosPerSecond;
        };
        if (chance(random, 70)) range.from_ns = whole_day();
        if (chance(random, 70)) range.to_ns = whole_day();
        auto answer = query->ask(query::AskSummary{selection, range});
        ASSERT_TRUE(answer.ok());
        ASSERT_TRUE(encoded(*answer) == scenario.oracle.summary(selection, range));
        // Rows stay disjoint and complete whatever their widths: together they are the summary.
        stats::Summary sum;
        auto sink = [&](const std::string&, const query::Row&, const stats::Summary& row) { sum.merge(row); };
        static constexpr WidthS kSteps[] = {0, 60, 900, 3600, 86400};
        const WidthS step_s = kSteps[pick(random, std::size(kSteps))];
        ASSERT_TRUE(
            query->ask(query::AskSeries{selection, range, step_s, chance(random, 50) ? "device" : "", 1'000'000}, sink)
                .ok());
        ASSERT_TRUE(encoded(sum) == scenario.oracle.summary(selection, range)) << "step " << step_s;
      }
    }
  }
}

}  // namespace
}  // namespace tributary::testing
