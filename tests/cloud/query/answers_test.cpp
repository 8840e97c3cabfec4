// SPDX-License-Identifier: Apache-2.0
// What answers say besides numbers: completeness, catalogue, changes, limits; and that tenants never meet.
#include <gtest/gtest.h>

#include <map>

#include "cloud/query/question/catalog.h"
#include "cloud/query/question/changes.h"
#include "cloud/query/question/completeness.h"
#include "cloud/query/question/gateways.h"
#include "cloud/query/question/newest.h"
#include "cloud/query/question/rows.h"
#include "tests/cloud/merge/support/scenario.h"

namespace tributary::testing {
namespace {

constexpr int64_t kNow = 1'700'000'000;
constexpr int64_t kNowNs = kNow * kNanosPerSecond;

int64_t ns(int64_t time_s) { return time_s * kNanosPerSecond; }

struct Bench {
  Bench()
      : writer(open_state(state_config(folder.path("state")))), query(query::LocalQuery::make({&writer->state()})) {}
  void add(log::Record record) {
    const Status done = writer->merge({{writer->position(), std::move(record)}});
    ASSERT_TRUE(done.ok()) << done.error().message;
  }
  Part part(const std::string& device, const std::string& metric = "temperature", int64_t start_s = kNow - 30) {
    return make_part(random, make_series(device, metric), start_s, 10);
  }
  query::Completeness completeness(const std::string& metric, query::Range range = {}, int64_t now_ns = kNowNs) {
    auto answer = query->ask(
        query::AskCompleteness{{.tenant = "demo", .metric = metric, .devices = {}, .labels = {}}, range, now_ns});
    EXPECT_TRUE(answer.ok());
    return *answer;
  }
  Folder folder;
  Random random{7};
  std::unique_ptr<merge::StateWriter> writer;
  std::unique_ptr<query::Query> query;
};

TEST(CompletenessTest, ItIsTheShareOfContributingGatewaysWhoseFrontierHasPassedTheEnd) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1), barn("demo", "barn", 2), cellar("demo", "cellar", 3);
  for (GatewaySim* gateway : {&attic, &barn, &cellar}) bench.add(gateway->open(kNow - 1000));
  bench.add(attic.send({bench.part("d1")}, kNow - 10, kNow - 10));
  bench.add(barn.send({bench.part("d2")}, kNow - 500, kNow - 520));
  bench.add(cellar.send({bench.part("d3", "power")}, kNow - 5, kNow - 5));  // of another metric
  const query::Completeness at_520 = bench.completeness("temperature", {std::nullopt, ns(kNow - 520)});
  EXPECT_EQ(at_520.share, 1);
  EXPECT_EQ(at_520.expected, 2u);
  EXPECT_TRUE(at_520.behind.empty());
  const query::Completeness later = bench.completeness("temperature", {std::nullopt, ns(kNow - 100)});
  EXPECT_EQ(later.share, 0.5);
  EXPECT_EQ(later.to_ns, ns(kNow - 520));
  ASSERT_EQ(later.behind.size(), 1u);
  EXPECT_EQ(later.behind[0].gateway, "barn");
  EXPECT_EQ(later.behind[0].state, "silent");
  EXPECT_EQ(later.behind[0].frontier_ns, ns(kNow - 520));
  EXPECT_EQ(later.behind[0].last_seen_ns, ns(kNow - 500));
  // Alive, but behind.
  EXPECT_EQ(bench.completeness("temperature", {std::nullopt, ns(kNow - 100)}, ns(kNow - 400)).behind[0].state, "late");
  // Without an end, if it is no further behind than the widest windows may be.
  EXPECT_EQ(bench.completeness("temperature").share, 1);
  EXPECT_EQ(bench.completeness("power").share, 1);
  EXPECT_EQ(bench.completeness("").expected, 3u);
  // It contributed, so it is expected for whatever time.
  EXPECT_EQ(bench.completeness("temperature", {std::nullopt, ns(kNow - 1000)}).expected, 2u);
  // Retired, it is expected no more.
  ASSERT_TRUE(bench.writer->set_retired("demo", "barn", true).ok());
  EXPECT_EQ(bench.completeness("temperature").share, 1);
  EXPECT_EQ(bench.completeness("temperature").expected, 1u);
  ASSERT_TRUE(bench.writer->set_retired("demo", "barn", false).ok());
  EXPECT_EQ(bench.completeness("temperature").expected, 2u);
  EXPECT_EQ(bench.writer->set_retired("demo", "nobody", true).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(bench.writer->set_retired("other", "barn", true).error().code, ErrorCode::kNotFound);
}

TEST(CompletenessTest, TheFrontierHoldsOnlyOnceEverythingBeforeItIsSettled) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow - 100));
  bench.add(attic.send({bench.part("d1")}, kNow - 60, kNow - 60));
  const log::Record missing = attic.send({bench.part("d1")}, kNow - 40);
  bench.add(attic.send({bench.part("d2")}, kNow - 20, kNow - 20));
  EXPECT_EQ(bench.completeness("temperature").to_ns, ns(kNow - 60));
  bench.add(missing);
  EXPECT_EQ(bench.completeness("temperature").to_ns, ns(kNow - 20));
}

TEST(CompletenessTest, OfflineGapsLossesAndRejectionsAreNamed) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow - 100));
  bench.add(attic.send({bench.part("d1"), wire::Gap{ns(kNow - 90), ns(kNow - 80)}, wire::LostAtGateway{}}, kNow - 50,
                       kNow - 50));
  log::Record rejected = attic.send({bench.part("d1")}, kNow - 40);
  rejected.kind = log::RecordKind::kRejected;
  rejected.reason = "bad_summary";
  bench.add(rejected);
  bench.add(
      make_record(log::RecordKind::kStatus, "demo", "attic", kNow - 39,
                  R"({"state":"offline","version":"0.1.0","counters":{"rejected":{"future":4,"bad_summary":1}}})"));
  const query::Completeness answer = bench.completeness("temperature", {ns(kNow - 85), ns(kNow)});
  ASSERT_EQ(answer.behind.size(), 1u);
  EXPECT_EQ(answer.behind[0].state, "offline");
  EXPECT_EQ(answer.gaps.size(), 1u);
  EXPECT_EQ(answer.lost.size(), 1u);
  EXPECT_EQ(answer.rejected, (std::map<std::string, uint64_t>{{"bad_summary", 2}, {"future", 4}}));
  EXPECT_TRUE(bench.completeness("temperature", {ns(kNow - 80), ns(kNow)}).gaps.empty());
  auto gateways = bench.query->ask(query::AskGateways{"demo", kNowNs});
  ASSERT_EQ(gateways->size(), 1u);
  EXPECT_EQ(gateways->front().state, "offline");
  EXPECT_EQ(gateways->front().version, "0.1.0");
  EXPECT_EQ(gateways->front().devices, 1u);
  EXPECT_EQ(gateways->front().first_seen_ns, ns(kNow - 100));
}

TEST(CompletenessTest, AGatewayWhoseClockWasAheadIsNotTakenForCompleteBeyondThePresent) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow - 100));
  const int64_t year_ahead_ns = ns(kNow + 365 * 86400);
  bench.add(make_record(log::RecordKind::kMessage, "demo", "attic", kNow - 50,
                        make_message(1, attic.next_seq(), {bench.part("d1")}, year_ahead_ns, year_ahead_ns)));
  attic.skip(1);
  EXPECT_EQ(bench.completeness("temperature").to_ns, ns(kNow - 50));
  EXPECT_LT(*bench.completeness("temperature", {std::nullopt, ns(kNow - 20)}).share, 1);
  bench.add(attic.send({bench.part("d1")}, kNow - 10, kNow - 15));  // set right: believed again at once
  EXPECT_EQ(bench.completeness("temperature").to_ns, ns(kNow - 15));
}

TEST(CompletenessTest, AWipedGatewayIsNamedForAllTimesThatWhatItHadAcceptedMayHave) {
  Bench bench;
  GatewaySim first("demo", "attic", 1), second("demo", "attic", 2);
  bench.add(first.open(kNow - 100));
  bench.add(first.send({bench.part("d1")}, kNow - 90, kNow - 90));
  bench.add(second.open(kNow - 50));
  for (const query::Range& range :
       {query::Range{}, query::Range{std::nullopt, ns(kNow - 900'000)}, query::Range{ns(kNow + 250), ns(kNow + 300)}}) {
    const query::Completeness answer = bench.completeness("temperature", range);
    ASSERT_EQ(answer.gaps.size(), 1u);
    EXPECT_EQ(answer.gaps[0].cause, "wiped");
  }
  EXPECT_TRUE(bench.completeness("temperature", {ns(kNow + 7200), ns(kNow + 7300)}).gaps.empty());
}

TEST(CompletenessTest, TimesThatAreEstimatesAreNamedWhereAnAnswerTouchesThem) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  Part part = make_part(bench.random, make_series("d1", "temperature"), kNow - 50, 10);
  bench.add(attic.send({part}, kNow));
  EXPECT_TRUE(bench.completeness("temperature").estimated.empty());
  part.time_estimated = true;
  const log::Record record = attic.send({part}, kNow);
  bench.add(record);
  bench.add(record);  // merged once, named once
  for (const query::Range& range : {query::Range{}, query::Range{ns(kNow - 45), ns(kNow)}}) {
    const query::Completeness answer = bench.completeness("temperature", range);
    ASSERT_EQ(answer.estimated.size(), 1u);
    EXPECT_EQ(answer.estimated[0].gateway, "attic");
    EXPECT_EQ(answer.estimated[0].from_ns, ns(kNow - 50));
    EXPECT_EQ(answer.estimated[0].to_ns, ns(kNow - 40));
    EXPECT_TRUE(answer.gaps.empty()) << "nothing is missing";
  }
  EXPECT_TRUE(bench.completeness("temperature", {ns(kNow - 40), ns(kNow)}).estimated.empty());
}

TEST(CompletenessTest, AHoleInTheLogThatWasSkippedIsNamedInEveryAnswer) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  EXPECT_EQ(bench.writer->skip_to(0, "back", kNowNs).error().code, ErrorCode::kInvalid);
  ASSERT_TRUE(bench.writer->skip_to(500, "trimmed before it was merged", kNowNs).ok());
  EXPECT_EQ(bench.writer->position(), 500u);
  EXPECT_EQ(bench.query->place().front().revision, 500u);
  bench.add(attic.send({bench.part("d1")}, kNow));
  const query::Completeness answer = bench.completeness("temperature");
  ASSERT_EQ(answer.log_gaps.size(), 1u);
  EXPECT_EQ(answer.log_gaps[0].from_offset, 1u);
  EXPECT_EQ(answer.log_gaps[0].to_offset, 500u);
  EXPECT_EQ(answer.log_gaps[0].cause, "trimmed before it was merged");
}

TEST(CatalogTest, MetricsAndDevicesAreListedWithTheirLabelsAndGateways) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1), barn("demo", "barn", 2);
  bench.add(attic.open(kNow));
  bench.add(barn.open(kNow));
  Part a = make_part(bench.random, make_series("d1", "temperature", {{"site", "roof"}, {"unit", "°C"}}), kNow - 30, 10);
  Part b = make_part(bench.random, make_series("d1", "energy", {{"floor", "2"}, {"site", "roof"}, {"unit", "kWh"}}),
                     kNow - 20, 10);
  b.series.kind = MetricKind::kCounter;
  Part c = make_part(bench.random, make_series("d2", "temperature", {{"unit", "°C"}}), kNow - 60, 10);
  bench.add(attic.send({a, b, c}, kNow));
  bench.add(barn.send({c}, kNow));
  auto metrics = bench.query->ask(query::AskMetrics{"demo"});
  ASSERT_EQ(metrics->size(), 2u);
  EXPECT_EQ((*metrics)[0].name, "energy");
  EXPECT_EQ((*metrics)[0].kind, MetricKind::kCounter);
  EXPECT_EQ((*metrics)[0].unit, "kWh");
  EXPECT_EQ((*metrics)[1].name, "temperature");
  EXPECT_EQ((*metrics)[1].kind, MetricKind::kGauge);
  EXPECT_EQ((*metrics)[1].unit, "°C");
  EXPECT_EQ((*metrics)[1].series, 2u);
  stats::Summary newest;
  ASSERT_TRUE(newest.decode(as_bytes(a.summary)));
  EXPECT_EQ((*metrics)[1].last_seen_ns, newest.numeric().last().time_ns);
  auto devices = bench.query->ask(query::AskDevices{"demo"});
  ASSERT_EQ(devices->size(), 2u);
  EXPECT_EQ((*devices)[0].device, "d1");
  EXPECT_EQ((*devices)[0].labels, (std::vector<Label>{{"site", "roof"}}));
  EXPECT_EQ((*devices)[0].metrics, (std::vector<std::string>{"energy", "temperature"}));
  EXPECT_EQ((*devices)[0].gateways, (std::vector<std::string>{"attic"}));
  EXPECT_EQ((*devices)[1].gateways, (std::vector<std::string>{"attic", "barn"}));
}

TEST(CatalogTest, TenantsNeverMeet) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  bench.add(attic.send({bench.part("d1")}, kNow));
  EXPECT_TRUE(query::knows(*bench.query, "demo", "temperature"));
  for (const std::string tenant : {"other", "dem", "demo2", ""}) {
    EXPECT_FALSE(query::knows(*bench.query, tenant, "temperature"));
    EXPECT_TRUE(bench.query->ask(query::AskMetrics{tenant})->empty());
    EXPECT_TRUE(bench.query->ask(query::AskDevices{tenant})->empty());
    EXPECT_TRUE(bench.query->ask(query::AskGateways{tenant, kNowNs})->empty());
    const query::Selection selection{.tenant = tenant, .metric = "temperature", .devices = {"d1"}, .labels = {}};
    EXPECT_TRUE(bench.query->ask(query::AskSummary{selection, {}})->empty());
    EXPECT_EQ(query::newest(*bench.query, selection, 60).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(bench.query->ask(query::AskCompleteness{selection, {}, kNowNs})->expected, 0u);
    uint64_t upto = 0;
    EXPECT_TRUE(changes_of(*bench.query, tenant, 0, 100, &upto)->empty());
    EXPECT_FALSE(row_of(*bench.query, tenant, make_series("d1", "temperature"), {kNow - 30, 10}).ok());
  }
  EXPECT_FALSE(query::knows(*bench.query, "demo", "temp"));
  EXPECT_FALSE(query::knows(*bench.query, "demo", std::string(5000, 'x')));
  EXPECT_FALSE(query::knows(*bench.query, "demo", std::string("temperature\0", 12)));
}

TEST(LimitTest, TooManyRowsAreRefusedWithTheirNumber) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  std::vector<Item> items;
  for (int i = 0; i < 50; ++i) items.emplace_back(bench.part("d1", "temperature", kNow - 10 * i));
  bench.add(attic.send(items, kNow));
  const query::Selection all{.tenant = "demo", .metric = "temperature", .devices = {}, .labels = {}};
  int rows = 0;
  auto sink = [&](const std::string&, const query::Row&, const stats::Summary&) { ++rows; };
  EXPECT_TRUE(bench.query->ask(query::AskSeries{all, {}, 0, "", 50}, sink).ok());
  EXPECT_EQ(rows, 50);
  const Status refused = bench.query->ask(query::AskSeries{all, {}, 0, "", 49}, sink);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_NE(refused.error().message.find("50"), std::string::npos);
  EXPECT_EQ(rows, 50);
  const Status odd = bench.query->ask(query::AskSeries{all, {}, 15, "", 1000}, sink);
  ASSERT_FALSE(odd.ok());
  EXPECT_EQ(odd.error().code, ErrorCode::kInvalid);
}

TEST(ChangesTest, WholeRevisionsComeInOrderAndWhatIsTooOldIsRefused) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow));
  for (int i = 0; i < 5; ++i) bench.add(attic.send({bench.part("d1"), bench.part("d2")}, kNow + i));
  uint64_t upto = 0;
  auto all = changes_of(*bench.query, "demo", 0, 1000, &upto);
  EXPECT_EQ(upto, 6u);
  EXPECT_EQ(all->size(), 15u);  // two devices and the fleet, five times
  auto some = changes_of(*bench.query, "demo", 1, 7, &upto);
  EXPECT_EQ(some->size(), 6u);
  EXPECT_EQ(upto, 3u);
  some = changes_of(*bench.query, "demo", upto, 1, &upto);
  EXPECT_EQ(some->size(), 3u);  // a revision is told whole
  EXPECT_EQ(upto, 4u);
  EXPECT_EQ(changes_of(*bench.query, "demo", 7, 1, &upto).error().code, ErrorCode::kNotFound);
  // Ten minutes later they are gone.
  bench.add(attic.send({}, kNow + 1200));
  EXPECT_EQ(changes_of(*bench.query, "demo", 1, 100, &upto).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(changes_of(*bench.query, "demo", 6, 100, &upto).ok());
}

TEST(PartitionsTest, SeveralPartitionsAnswerAsOne) {
  for (uint64_t seed = 401; seed <= 404; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Folder folder;
    std::vector<std::unique_ptr<merge::StateWriter>> states;
    Oracle oracle;
    std::vector<Scenario> scenarios;
    for (uint32_t i = 0; i < 3; ++i) {
      merge::WriterConfig config = state_config(folder.path(std::to_string(i)));
      config.partition = i;
      states.push_back(open_state(config));
      scenarios.push_back(make_scenario(seed, {.records = 60 + 30 * i, .wild_widths = true}));
      for (const auto& [tenant, part] : scenarios.back().oracle.parts()) oracle.add(tenant, part);
    }
    auto query = query::LocalQuery::make({&states[0]->state(), &states[1]->state(), &states[2]->state()});
    for (uint32_t i = 0; i < 3; ++i) merge_all(*states[i], scenarios[i].records, 0, random);
    for (int i = 0; i < 40; ++i) {
      const query::Selection selection = random_selection(random);
      const query::Range range = random_range(random, scenarios[0]);
      ASSERT_TRUE(encoded(*query->ask(query::AskSummary{selection, range})) == oracle.summary(selection, range));
      const Oracle::Rows expected = oracle.series(selection, range, 900, "device");
      Oracle::Rows found;
      auto sink = [&](const std::string& group, const query::Row& row, const stats::Summary& summary) {
        found[{group, row.start_s, row.width_s}] = encoded(summary);
      };
      ASSERT_TRUE(query->ask(query::AskSeries{selection, range, 900, "device", 1'000'000}, sink).ok());
      ASSERT_TRUE(found == expected);
    }
    // A page is that part of the whole, wherever it begins.
    const auto devices = query->ask(query::AskDevices{"demo"});
    const auto gateways = query->ask(query::AskGateways{"demo", 0});
    ASSERT_GT(devices->size(), 2u);
    ASSERT_GT(gateways->size(), 2u);
    std::vector<std::string> places = {"", "a", std::string(600, 'd'), std::string(600, '\xff')};
    for (const auto& one : *devices) places.push_back(one.device);
    for (const auto& one : *gateways) places.push_back(one.gateway);
    const auto texts = [](const auto& all) {
      std::vector<std::string> out;
      for (const auto& one : all) {
        if constexpr (requires { one.device; }) {
          out.push_back(one.device + " " + std::to_string(one.last_seen_ns) + " " +
                        std::to_string(one.labels.size() * 100 + one.metrics.size() * 10 + one.gateways.size()));
        } else {
          out.push_back(one.gateway + " " + std::to_string(one.first_seen_ns) + " " + std::to_string(one.devices));
        }
      }
      return out;
    };
    for (const std::string& after : places) {
      for (const uint64_t max : {1, 2, 3, 1'000}) {
        auto some_devices = *devices;
        auto some_gateways = *gateways;
        query::cut_page(some_devices, {after, max});
        query::cut_page(some_gateways, {after, max});
        SCOPED_TRACE(after + " " + std::to_string(max));
        ASSERT_EQ(texts(*query->ask(query::AskDevices{"demo", {after, max}})), texts(some_devices));
        ASSERT_EQ(texts(*query->ask(query::AskGateways{"demo", 0, {after, max}})), texts(some_gateways));
      }
    }
    const query::Place end = query->place();
    ASSERT_EQ(end.size(), 3u);
    const auto none = query->ask(query::AskChanges{"demo", end, 100});
    EXPECT_TRUE(none.ok() && none->changes.empty() && none->upto == end);
    for (size_t i = 0; i < end.size(); ++i) {
      query::Place other = end;
      other[i].state_id++;
      EXPECT_EQ(query->ask(query::AskChanges{"demo", other, 100}).error().code, ErrorCode::kNotFound);
      other = end;
      other[i].revision++;
      EXPECT_EQ(query->ask(query::AskChanges{"demo", other, 100}).error().code, ErrorCode::kNotFound);
    }
    EXPECT_EQ(query->ask(query::AskChanges{"demo", query::Place{end[0]}, 100}).error().code, ErrorCode::kNotFound);
    EXPECT_EQ(query->ask(query::AskCompleteness{{.tenant = "demo"}, {}, 0})->partitions_answered, 3u);
  }
}

TEST(RowsTest, ManyRowsAtOnceAreWhatEachIsAlone) {
  Bench bench;
  GatewaySim attic("demo", "attic", 1);
  bench.add(attic.open(kNow - 90'000));
  std::vector<query::RowKey> keys;
  const auto want = [&](const std::string& device, const query::Row& row) {
    keys.push_back({make_series(device, "temperature"), row});
  };
  for (int i = 0; i < 150; ++i) {
    const std::string device = "d" + std::to_string(i);
    // Some materialised, some fresh, some both.
    std::vector<Item> parts;
    if (i % 3 != 0) parts.push_back(bench.part(device, "temperature", kNow - 20'000 + i * 10));
    if (i % 3 != 1) parts.push_back(bench.part(device, "temperature", kNow - 600 + i % 50 * 10));
    bench.add(attic.send(parts, kNow - 10, kNow - 10));
    want(device, {0, kAllTime});
    want(device, {window_start_s(kNow - 20'000 + i * 10, 60), 60});
    want(device, {window_start_s(kNow - 600 + i % 50 * 10, 60), 60});
    if (i % 10 == 0) want(device, {0, kAllTime});  // twice
    if (i % 50 == 0) want("nobody", {0, kAllTime});
  }
  std::map<size_t, std::string> together;
  const auto bytes = [](const stats::Summary& summary) {
    std::string out(stats::kSummaryBytesMax, '\0');
    out.resize(summary.encode({reinterpret_cast<uint8_t*>(out.data()), out.size()}));
    return out;
  };
  size_t before = 0;
  const Status done = query::rows(*bench.query, "demo", keys, [&](size_t index, const stats::Summary& summary) {
    EXPECT_TRUE(together.empty() || index > before);
    before = index;
    together[index] = bytes(summary);
  });
  ASSERT_TRUE(done.ok());
  for (size_t i = 0; i < keys.size(); ++i) {
    query::Range range;
    if (keys[i].row.width_s != kAllTime) range = {ns(keys[i].row.start_s), ns(keys[i].row.start_s + 60)};
    auto alone = bench.query->ask(query::AskSummary{
        {.tenant = "demo", .metric = "temperature", .devices = {keys[i].series.device}, .labels = {}}, range});
    ASSERT_TRUE(alone.ok());
    EXPECT_EQ(together.contains(i), !alone->empty()) << i;
    if (!alone->empty()) {
      EXPECT_EQ(together[i], bytes(*alone)) << i;
    }
  }
  EXPECT_GT(together.size(), 250u);
}

}  // namespace
}  // namespace tributary::testing
