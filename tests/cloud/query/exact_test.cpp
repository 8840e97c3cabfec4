// SPDX-License-Identifier: Apache-2.0
// Exact: whatever the widths, the lateness, the duplicates and the range, an answer is the merge of all partials that
// belong to it, byte for byte, at every instant. The oracle is a list that is gone through.
#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <set>

#include "cloud/query/question/changes.h"
#include "cloud/query/question/last.h"
#include "cloud/query/question/newest.h"
#include "cloud/query/question/rows.h"
#include "tests/cloud/merge/support/scenario.h"

namespace tributary::testing {
namespace {

struct Fixture {
  explicit Fixture(uint64_t seed) : random(seed * 7919 + 1), scenario(make_scenario(seed)) {
    writer = open_state(state_config(folder.path("state")));
    query = query::LocalQuery::make({&writer->state()});
  }
  Folder folder;
  Random random;
  Scenario scenario;
  std::unique_ptr<merge::StateWriter> writer;
  std::unique_ptr<query::Query> query;

  // What the oracle knows of the records merged so far.
  Oracle known() const {
    Oracle out;
    for (size_t i = 0; i < scenario.counted_by.size(); ++i) {
      const auto& [tenant, part] = scenario.oracle.parts()[i];
      if (scenario.counted_by[i] < writer->position()) out.add(tenant, part);
    }
    return out;
  }
};

std::string describe(const query::Selection& selection, const query::Range& range) {
  std::string out = selection.tenant + "/" + selection.metric;
  for (const std::string& device : selection.devices) out += " " + device;
  for (const Label& label : selection.labels) out += " " + label.key + "=" + label.value;
  out += " from " + (range.from_ns ? std::to_string(*range.from_ns) : "-");
  return out + " to " + (range.to_ns ? std::to_string(*range.to_ns) : "-");
}

void check_summaries(Fixture& fixture, const Oracle& oracle, int count) {
  for (int i = 0; i < count; ++i) {
    const query::Selection selection = random_selection(fixture.random);
    const query::Range range = random_range(fixture.random, fixture.scenario);
    Result<stats::Summary> answer = fixture.query->ask(query::AskSummary{selection, range});
    ASSERT_TRUE(answer.ok());
    ASSERT_EQ(encoded(*answer) == oracle.summary(selection, range), true) << describe(selection, range);
  }
}

void check_series(Fixture& fixture, const Oracle& oracle, int count) {
  static constexpr WidthS kSteps[] = {0, 30, 60, 120, 900, 1800, 3600, 5400, 7200, 86400, 7 * 86400};
  static const char* const kBys[] = {"", "device", "site", "unit"};
  for (int i = 0; i < count; ++i) {
    const query::Selection selection = random_selection(fixture.random);
    const query::Range range = random_range(fixture.random, fixture.scenario);
    const WidthS step_s = kSteps[pick(fixture.random, std::size(kSteps))];
    const std::string by = kBys[pick(fixture.random, std::size(kBys))];
    const Oracle::Rows expected = oracle.series(selection, range, step_s, by);
    Oracle::Rows found;
    std::tuple<std::string, int64_t, WidthS> last;
    auto sink = [&](const std::string& group, const query::Row& row, const stats::Summary& summary) {
      std::tuple<std::string, int64_t, WidthS> key{group, row.start_s, row.width_s};
      EXPECT_TRUE(found.empty() || last < key) << "rows ascend";
      last = key;
      found[key] = encoded(summary);
    };
    const Status done = fixture.query->ask(query::AskSeries{selection, range, step_s, by, 1'000'000}, sink);
    ASSERT_TRUE(done.ok()) << done.error().message;
    ASSERT_EQ(found.size(), expected.size()) << describe(selection, range) << " step " << step_s << " by " << by;
    ASSERT_TRUE(found == expected) << describe(selection, range) << " step " << step_s << " by " << by;
  }
}

TEST(ExactTest, EverySummaryOfARangeIsTheMergeOfItsPartialsAtEveryInstant) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Fixture fixture(seed);
    while (fixture.writer->position() < fixture.scenario.records.size()) {
      const size_t count = 1 + pick(fixture.random, 60);
      ASSERT_TRUE(fixture.writer->merge(fixture.scenario.records.slice(fixture.writer->position(), count)).ok());
      ASSERT_NO_FATAL_FAILURE(check_summaries(fixture, fixture.known(), 12));
    }
    ASSERT_NO_FATAL_FAILURE(check_summaries(fixture, fixture.scenario.oracle, 100));
  }
}

TEST(ExactTest, EverySeriesIsDisjointInReadingsAndCompleteAtEveryStepAndGrouping) {
  for (uint64_t seed = 101; seed <= 110; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Fixture fixture(seed);
    while (fixture.writer->position() < fixture.scenario.records.size()) {
      const size_t count = 1 + pick(fixture.random, 100);
      ASSERT_TRUE(fixture.writer->merge(fixture.scenario.records.slice(fixture.writer->position(), count)).ok());
      ASSERT_NO_FATAL_FAILURE(check_series(fixture, fixture.known(), 10));
    }
    ASSERT_NO_FATAL_FAILURE(check_series(fixture, fixture.scenario.oracle, 60));
  }
}

TEST(ExactTest, EveryChangedRowReadsAsTheMergeOfItsPartials) {
  for (uint64_t seed = 201; seed <= 206; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Fixture fixture(seed);
    uint64_t revision = 0;
    while (fixture.writer->position() < fixture.scenario.records.size()) {
      const size_t count = 1 + pick(fixture.random, 30);
      ASSERT_TRUE(fixture.writer->merge(fixture.scenario.records.slice(fixture.writer->position(), count)).ok());
      const Oracle oracle = fixture.known();
      for (const char* tenant : kTenants) {
        uint64_t upto = 0;
        auto changes = changes_of(*fixture.query, tenant, revision, 1'000'000, &upto);
        if (!changes.ok()) continue;  // the clock leapt by more than is kept
        EXPECT_EQ(upto, fixture.writer->position());
        for (const query::Change& change : *changes) {
          EXPECT_GT(change.revision, revision);
          auto row = row_of(*fixture.query, tenant, change.series, change.row);
          ASSERT_TRUE(row.ok());
          stats::Summary expected;
          for (const auto& [of, part] : oracle.parts()) {
            if (of != tenant) continue;
            const bool same = change.series.device.empty() ? part.series.fleet().id() == change.series.id()
                                                           : part.series.id() == change.series.id();
            const WidthS width_s = change.row.width_s;
            const bool base = width_s != kAllTime && width_s < 60;
            const bool inside = width_s == kAllTime || (part.width_s != kAllTime && part.width_s <= width_s &&
                                                        window_start_s(part.start_s, width_s) == change.row.start_s &&
                                                        (!base || part.width_s == width_s));
            if (same && inside) expected.merge_encoded(as_bytes(part.summary));
          }
          ASSERT_TRUE(encoded(*row) == encoded(expected));
        }
      }
      revision = fixture.writer->position();
    }
  }
}

TEST(ExactTest, TheLastReadingOfEverySeriesIsTheGreatestOfItsPartialsPageByPage) {
  for (uint64_t seed = 301; seed <= 308; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Fixture fixture(seed);
    while (fixture.writer->position() < fixture.scenario.records.size()) {
      const size_t count = 1 + pick(fixture.random, 60);
      ASSERT_TRUE(fixture.writer->merge(fixture.scenario.records.slice(fixture.writer->position(), count)).ok());
      const Oracle oracle = fixture.known();
      for (int i = 0; i < 10; ++i) {
        query::Selection selection = random_selection(fixture.random);
        if (chance(fixture.random, 30)) selection.metric.clear();
        std::map<std::string, std::pair<int64_t, double>> expected;
        for (const auto& [tenant, part] : oracle.parts()) {
          const auto& devices = selection.devices;
          const bool named = devices.empty() || std::count(devices.begin(), devices.end(), part.series.device) > 0;
          const bool labelled = std::all_of(selection.labels.begin(), selection.labels.end(), [&](const Label& label) {
            return std::count(part.series.labels.begin(), part.series.labels.end(), label) > 0;
          });
          if (tenant != selection.tenant || part.series.overflow) continue;
          if ((!selection.metric.empty() && selection.metric != part.series.metric) || !named || !labelled) continue;
          stats::Summary summary;
          ASSERT_TRUE(summary.decode(as_bytes(part.summary)));
          if (summary.numeric().count() == 0) continue;
          const stats::TimedValue last = summary.numeric().last();
          const std::pair found(last.time_ns, last.value);
          const auto [it, added] = expected.try_emplace(part.series.id(), found);
          if (!added) it->second = std::max(it->second, found);
        }
        const size_t page = 1 + pick(fixture.random, 6);
        std::map<std::string, std::pair<int64_t, double>> found;
        for (std::string after;;) {
          const auto last = fixture.query->ask(query::AskLast{selection, std::nullopt, after, page});
          ASSERT_TRUE(last.ok());
          ASSERT_LE(last->size(), page);
          for (const auto& one : *last) {
            ASSERT_LT(after, one.series.id());
            after = one.series.id();
            found[after] = {one.time_ns, one.value};
          }
          if (last->size() < page) break;
        }
        ASSERT_EQ(found, expected) << describe(selection, {});
      }
    }
  }
}

// What a list of partials knows of a series up to an instant: rows are the partials of one window.
struct KnownAt {
  struct Window {
    std::pair<int64_t, double> first, last;
    uint64_t count = 0;
  };
  std::map<std::pair<int64_t, WidthS>, Window> windows;

  std::optional<std::pair<int64_t, double>> last(int64_t at_ns) const {
    std::optional<std::pair<int64_t, double>> out;
    for (const auto& [row, window] : windows) {
      if (window.first.first > at_ns) continue;
      const auto& known = window.last.first <= at_ns ? window.last : window.first;
      if (!out || known > *out) out = known;
    }
    return out;
  }
  std::set<query::Row> open(int64_t at_ns) const {
    std::set<query::Row> out;
    for (const auto& [row, window] : windows) {
      if (window.first.first <= at_ns && at_ns < window.last.first && window.count > 2)
        out.insert({row.first, row.second});
    }
    return out;
  }
};

TEST(ExactTest, TheLastReadingAtAnInstantIsTheOneTheRowsTellAndNamesThoseThatMayHoldALaterOne) {
  uint64_t exact = 0, open = 0;
  for (uint64_t seed = 401; seed <= 410; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Fixture fixture(seed);
    while (fixture.writer->position() < fixture.scenario.records.size()) {
      const size_t count = 1 + pick(fixture.random, 60);
      ASSERT_TRUE(fixture.writer->merge(fixture.scenario.records.slice(fixture.writer->position(), count)).ok());
      const Oracle oracle = fixture.known();
      for (int i = 0; i < 8; ++i) {
        query::Selection selection{.tenant = random_selection(fixture.random).tenant};
        std::map<std::string, KnownAt> series;
        std::vector<int64_t> times;
        for (const auto& [tenant, part] : oracle.parts()) {
          if (tenant != selection.tenant || part.series.overflow) continue;
          stats::Summary summary;
          ASSERT_TRUE(summary.decode(as_bytes(part.summary)));
          const auto& numeric = summary.numeric();
          if (numeric.count() == 0) continue;
          KnownAt::Window& window = series[part.series.id()].windows[{part.start_s, part.width_s}];
          const std::pair first(numeric.first().time_ns, numeric.first().value);
          const std::pair last(numeric.last().time_ns, numeric.last().value);
          window.first = window.count == 0 ? first : std::min(window.first, first);
          window.last = window.count == 0 ? last : std::max(window.last, last);
          window.count += numeric.count();
          times.insert(times.end(), {first.first, last.first, (first.first + last.first) / 2});
        }
        if (times.empty()) continue;
        const int64_t at_ns =
            times[pick(fixture.random, times.size())] + static_cast<int64_t>(pick(fixture.random, 3)) - 1;
        const size_t page = 1 + pick(fixture.random, 6);
        std::map<std::string, query::LastReading> found;
        for (std::string after;;) {
          const auto last = fixture.query->ask(query::AskLast{selection, at_ns, after, page});
          ASSERT_TRUE(last.ok());
          ASSERT_LE(last->size(), page);
          for (const auto& one : *last) {
            after = one.series.id();
            ASSERT_TRUE(found.emplace(after, one).second);
          }
          if (last->size() < page) break;
        }
        for (const auto& [id, known] : series) {
          const auto expected = known.last(at_ns);
          ASSERT_EQ(found.contains(id), expected.has_value()) << at_ns;
          if (!expected) continue;
          const query::LastReading& one = found.at(id);
          ASSERT_EQ(std::pair(one.time_ns, one.value), *expected) << at_ns;
          ASSERT_EQ(std::set(one.open_rows.begin(), one.open_rows.end()), known.open(at_ns)) << at_ns;
          ++(one.open_rows.empty() ? exact : open);
          found.erase(id);
        }
        ASSERT_TRUE(found.empty());
      }
    }
  }
  EXPECT_GT(exact, 100u);
  EXPECT_GT(open, 100u);
}

TEST(ExactTest, WhereRetentionHasDroppedRowsTheLastReadingAtAnInstantPromisesNoMoreThanIsTrue) {
  uint64_t exact = 0, open = 0;
  for (uint64_t seed = 501; seed <= 508; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Folder folder;
    Random random(seed);
    const Scenario scenario = make_scenario(seed);
    merge::WriterConfig config = state_config(folder.path("state"));
    const int64_t hours[] = {2, 12, 72, 144};
    for (size_t level = 0; level < std::size(hours); ++level) config.retention_s[level] = hours[level] * 3600;
    auto writer = open_state(config);
    auto query = query::LocalQuery::make({&writer->state()});
    merge_all(*writer, scenario.records, 0, random);
    struct Part {
      int64_t start_s;
      WidthS width_s;
      std::pair<int64_t, double> first, last;
      uint64_t count;
    };
    std::map<std::pair<std::string, std::string>, std::vector<Part>> series;  // by tenant and id
    std::vector<int64_t> times;
    for (const auto& [tenant, part] : scenario.oracle.parts()) {
      stats::Summary summary;
      ASSERT_TRUE(summary.decode(as_bytes(part.summary)));
      const auto& numeric = summary.numeric();
      if (numeric.count() == 0 || part.series.overflow) continue;
      const Part one{part.start_s,
                     part.width_s,
                     {numeric.first().time_ns, numeric.first().value},
                     {numeric.last().time_ns, numeric.last().value},
                     numeric.count()};
      series[{tenant, part.series.id()}].push_back(one);
      times.insert(times.end(), {one.first.first, one.last.first});
    }
    for (int i = 0; i < 100; ++i) {
      const int64_t at_ns = times[pick(random, times.size())] + static_cast<int64_t>(pick(random, 3)) - 1;
      for (const char* tenant : kTenants) {
        const auto last = query->ask(query::AskLast{{.tenant = tenant}, at_ns, "", 1'000'000});
        ASSERT_TRUE(last.ok());
        std::map<std::string, query::LastReading> found;
        for (const auto& one : *last) found.emplace(one.series.id(), one);
        for (const auto& [key, parts] : series) {
          if (key.first != tenant) continue;
          const auto one = found.find(key.second);
          for (const Part& part : parts) {
            if (part.first.first > at_ns) continue;
            ASSERT_NE(one, found.end()) << at_ns;
            const std::pair told(one->second.time_ns, one->second.value);
            ASSERT_LE(told.first, at_ns);
            const bool may_be_later = part.last.first > at_ns ? part.count > 2 : part.last > told;
            if (!may_be_later && part.first <= told) continue;
            const auto& rows = one->second.open_rows;
            ASSERT_TRUE(std::any_of(rows.begin(), rows.end(), [&](const query::Row& row) {
              return row.width_s == kAllTime ||
                     (part.start_s >= row.start_s && part.start_s < row.start_s + static_cast<int64_t>(row.width_s));
            })) << at_ns;
          }
          if (one != found.end()) ++(one->second.open_rows.empty() ? exact : open);
        }
      }
    }
  }
  EXPECT_GT(exact, 100u);
  EXPECT_GT(open, 100u);
}

TEST(ExactTest, NewestIsTheLastWindowThatHasReadings) {
  for (uint64_t seed = 301; seed <= 306; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Folder folder;
    Random random(seed);
    const Scenario scenario = make_scenario(seed, {.records = 150, .wild_widths = false});
    auto writer = open_state(state_config(folder.path("state")));
    auto query = query::LocalQuery::make({&writer->state()});
    merge_all(*writer, scenario.records, 0, random);
    for (int i = 0; i < 60; ++i) {
      const query::Selection selection = random_selection(random);
      static constexpr WidthS kWindows[] = {10, 60, 900, 3600, 86400};
      const WidthS window_s = kWindows[pick(random, std::size(kWindows))];
      const Oracle::Rows rows = scenario.oracle.series(selection, {}, window_s, "");
      auto newest = query::newest(*query, selection, window_s);
      ASSERT_EQ(newest.ok(), !rows.empty());
      if (rows.empty()) continue;
      const auto& [key, bytes] = *rows.rbegin();
      EXPECT_EQ(newest->row.start_s, std::get<1>(key));
      EXPECT_EQ(newest->row.width_s, window_s);
      EXPECT_TRUE(encoded(newest->summary) == bytes);
    }
  }
}

}  // namespace
}  // namespace tributary::testing
