// SPDX-License-Identifier: Apache-2.0
// Three aggregators over sixteen partitions answer as one Query over all of them, to the byte, at every endpoint.
#include "cloud/cluster/federation.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "cloud/api/api.h"
#include "cloud/api/endpoint/stream.h"
#include "cloud/query/question/catalog.h"
#include "cloud/query/question/completeness.h"
#include "cloud/query/question/rows.h"
#include "cloud/tenants/keys.h"
#include "common/runtime/sha256.h"
#include "tests/cloud/cluster/support.h"
#include "tests/cloud/http/raw_client.h"

namespace tributary::testing {
namespace {

using http::body_of;
using http::RawClient;
using http::status_of;
using Json = nlohmann::ordered_json;

constexpr uint32_t kReplicas = 3;

// The API over a Query, with two tenants.
class Front {
 public:
  Front(const query::Query& query, api::Auth& auth, int64_t now_ns, const api::AggregatorCluster* cluster = nullptr) {
    api::ApiDependencies given{.query = &query, .auth = &auth, .now_ns = [now_ns] { return now_ns; }};
    own_system_ = std::make_unique<api::OwnSystem>(api::OwnSystem::Dependencies{.query = &query});
    given.members = [cluster, own = own_system_.get()](const std::string& tenant, int64_t at_ns) {
      return cluster ? cluster->members(tenant, at_ns) : own->alone(tenant, at_ns);
    };
    auto api = api::Api::make({.rows_max = 150, .keep_alive_ms = 200, .coalesce_ms = 1, .operators = {"demo"}},
                              std::move(given));
    EXPECT_TRUE(api.ok());
    api_ = std::move(api).value();
    auto server = http::HttpServer::open({});
    EXPECT_TRUE(server.ok());
    server_ = std::move(server).value();
    api_->attach(*server_);
    EXPECT_TRUE(server_->start().ok());
  }
  ~Front() { server_->stop(); }
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;
  std::string get(const std::string& target, const std::string& key) const {
    RawClient client(server_->port());
    client.send("GET " + target + " HTTP/1.1\r\nHost: x\r\nX-API-Key: " + key + "\r\n\r\n");
    return client.read_response();
  }
  uint16_t port() const { return server_->port(); }
  void changed() { api_->changed(); }

 private:
  std::unique_ptr<http::HttpServer> server_;
  std::unique_ptr<api::OwnSystem> own_system_;
  std::unique_ptr<api::Api> api_;
};

class FederationTest : public ::testing::Test {
 protected:
  void begin(uint64_t seed, const ScenarioConfig& config, uint32_t partitions = 16) {
    states_ = std::make_unique<States>(partitions, seed, config);
    api::KeysFile keys{.keys = {}, .session_secret = runtime::random_hex(32)};
    for (const char* tenant : kTenants) {
      keys_[tenant] = api::make_key();
      keys.keys.push_back({tenant, runtime::sha256_hex(keys_[tenant]), "", ""});
    }
    ASSERT_TRUE(api::write_keys_file(folder_.path("keys.json"), keys).ok());
    auth_ = std::make_unique<api::Auth>(folder_.path("keys.json"));
    now_ns_ = (states_->scenario().end_s + 60) * kNanosPerSecond;
    urls_ = free_urls(kReplicas);
    reference_ = std::make_unique<Front>(states_->all(), *auth_, now_ns_);
    for (uint32_t ordinal = 0; ordinal < kReplicas; ++ordinal) members_.push_back(make(ordinal));
    for (auto& member : members_) {
      fronts_.push_back(std::make_unique<Front>(member->query(), *auth_, now_ns_, member->cluster.get()));
      member->changed = [front = fronts_.back().get()] { front->changed(); };
      ASSERT_TRUE(member->cluster->start().ok());
    }
    ASSERT_TRUE(soon([&] { return whole(); }));
  }
  std::unique_ptr<Member> make(uint32_t ordinal) { return make_member(*states_, ordinal, urls_); }
  // Everyone has heard of everything that is merged.
  bool whole() const {
    return std::all_of(members_.begin(), members_.end(), [&](const auto& member) {
      const auto query = member->query().one_answer();
      return query->ask(query::AskCompleteness{{.tenant = "demo"}, {}, 0})->partitions_missing.empty() &&
             query->place() == states_->all().place();
    });
  }
  void merge_more(bool whole) {
    states_->merge_more(whole);
    for (auto& member : members_) member->cluster->committed();
    for (auto& front : fronts_) front->changed();
    reference_->changed();
  }
  void TearDown() override {
    for (auto& member : members_) {
      if (member) member->cluster->stop();
    }
    fronts_.clear();
    members_.clear();
  }

  Folder folder_;
  std::map<std::string, std::string> keys_;
  std::unique_ptr<States> states_;
  std::unique_ptr<api::Auth> auth_;
  int64_t now_ns_ = 0;
  std::vector<std::string> urls_;
  std::unique_ptr<Front> reference_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<std::unique_ptr<Front>> fronts_;
};

std::string random_target(Random& random, const Scenario& scenario) {
  const auto one_of = [&](std::vector<std::string> list) { return list[pick(random, list.size())]; };
  const query::Selection selection = random_selection(random);
  std::string selected = "?metric=" + selection.metric;
  for (const auto& device : selection.devices) selected += "&device=" + device;
  for (const auto& label : selection.labels) selected += "&label." + label.key + "=" + label.value;
  std::string range;
  const query::Range bounds = random_range(random, scenario);
  if (bounds.from_ns) range += "&from=" + std::to_string(*bounds.from_ns);
  if (bounds.to_ns) range += "&to=" + std::to_string(*bounds.to_ns);
  if (chance(random, 30)) range = "&from=-" + std::to_string(1 + pick(random, 600)) + "h";
  switch (pick(random, 12)) {
    case 0:
      return "/api/v1/metrics";
    case 1:
      return "/api/v1/devices";
    case 2:
      return "/api/v1/summary" + selected + range + (chance(random, 20) ? "&stats=histogram" : "");
    case 3:
      return "/api/v1/summary" + selected;
    case 5:
      return "/api/v1/last" + (chance(random, 50) ? selected + "&" : "?") +
             "limit=" + std::to_string(1 + pick(random, 9));
    case 6:
      return "/kpi?source=d" + std::to_string(pick(random, 6)) + "&window=" + one_of({"1m", "1h", "1d"});
    case 7:
      return one_of({"/api/v1/metrics", "/api/v1/devices"}) + "?limit=" + std::to_string(1 + pick(random, 5));
    case 4:
      return "/api/v1/kpi" + selected + "&window=" + one_of({"7s", "10s", "1m", "90s", "15m", "1h", "1d", "30d"});
    case 8:
      return "/api/v1/series" + selected + range +
             "&step=1d&tz=" + one_of({"UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"}) +
             one_of({"", "&by=device"});
    default:
      return "/api/v1/series" + selected + range +
             "&step=" + one_of({"auto", "10s", "1m", "7s", "15m", "15m", "1h", "1h", "1d", "1d", "7d"}) +
             one_of({"", "&by=device", "&by=site", "&by=unit", "&format=csv", "&stats=sum,histogram,p99.9"}) +
             one_of({"", "&partial=deny", "&partial=allow"});
  }
}

TEST_F(FederationTest, EveryEndpointAnswersAsOneQueryOverAllPartitions) {
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    begin(seed, {.records = 40, .wild_widths = seed % 2 == 0});
    Random random(seed);
    std::map<std::string, int> statuses;
    for (int round = 0; round < 4; ++round) {
      merge_more(round == 3);
      ASSERT_TRUE(soon([&] { return whole(); }));
      for (int i = 0; i < 120; ++i) {
        const std::string target = random_target(random, states_->scenario());
        const std::string& key = keys_[kTenants[pick(random, 2)]];
        const std::string expected = reference_->get(target, key);
        for (auto& front : fronts_) {
          const std::string found = front->get(target, key);
          ASSERT_EQ(status_of(found), status_of(expected)) << target;
          ASSERT_EQ(body_of(found), body_of(expected)) << target;
        }
        const std::string path = target.substr(0, target.find('?'));
        statuses[path + " " + std::to_string(status_of(expected))]++;
      }
    }
    for (const char* seen :
         {"/api/v1/metrics 200", "/api/v1/devices 200", "/api/v1/summary 200", "/api/v1/kpi 200", "/api/v1/last 200",
          "/kpi 200", "/api/v1/series 200", "/api/v1/series 400", "/api/v1/summary 404"}) {
      EXPECT_GT(statuses[seen], 0) << seen;
    }
    TearDown();
  }
}

// The last telling of each row of a stream.
std::map<std::string, std::string> told_rows(const std::string& seen) {
  std::map<std::string, std::string> rows;
  for (size_t at = seen.find("data: "); at != std::string::npos; at = seen.find("data: ", at + 1)) {
    const Json data = Json::parse(seen.substr(at + 6, seen.find('\n', at) - at - 6), nullptr, false);
    if (!data.is_object() || !data.contains("rows")) continue;
    EXPECT_FALSE(data.contains("partitions"));
    for (const Json& row : data["rows"]) {
      const std::string device = row.value("device", "");
      rows[row["metric"].dump() + device + row["labels"].dump() + row["start"].dump() + row["width"].dump()] =
          row.dump();
    }
  }
  return rows;
}

TEST_F(FederationTest, StreamsTellEveryPartitionsChangesAndResumeAtAnyAggregator) {
  begin(5, {.records = 30, .wild_widths = false});
  // The scenarios' clocks leap: changes are kept for ten minutes of them, so only the last records are followed.
  for (uint32_t i = 0; i < 16; ++i) {
    GatewaySim gateway("demo", "live-" + std::to_string(i), 900 + i);
    ASSERT_TRUE(
        states_->writer(i).merge({{states_->writer(i).position(), gateway.open(now_ns_ / kNanosPerSecond)}}).ok());
  }
  merge_more(false);
  ASSERT_TRUE(soon([&] {
    for (auto& member : members_) member->cluster->committed();
    return whole();
  }));
  const query::Place begin = states_->all().place();
  std::string id;
  {
    RawClient client(fronts_[0]->port());
    client.send("GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nX-API-Key: " + keys_["demo"] + "\r\n\r\n");
    client.read_until([](const std::string& seen) {
      return seen.find("\nevent: hello") != std::string::npos &&
             seen.find("\n\n", seen.find("id: ")) != std::string::npos;
    });
    const size_t at = client.seen().find("id: ") + 4;
    id = client.seen().substr(at, client.seen().find('\n', at) - at);
  }
  for (const char* fleet : {"", "&fleet=1"}) {
    const int64_t now_s = now_ns_ / kNanosPerSecond;
    std::vector<std::unique_ptr<RawClient>> clients;
    for (const Front* front : {reference_.get(), fronts_[0].get(), fronts_[1].get(), fronts_[2].get()}) {
      clients.push_back(std::make_unique<RawClient>(front->port()));
      clients.back()->send("GET /api/v1/stream?stats=count,sum,p50" + std::string(fleet) +
                           " HTTP/1.1\r\nHost: x\r\nLast-Event-ID: " + id + "\r\nX-API-Key: " + keys_["demo"] +
                           "\r\n\r\n");
    }
    Random random(9);
    for (uint32_t i = 0; i < 16; ++i) {
      GatewaySim gateway("demo", "later-" + std::to_string(i), (*fleet == 0 ? 2000 : 3000) + i);
      merge::StateWriter& writer = states_->writer(i);
      ASSERT_TRUE(writer.merge({{writer.position(), gateway.open(now_s)}}).ok());
      for (int k = 0; k < 3; ++k) {
        const Part part = make_part(random, make_series("d" + std::to_string(i % 5), "temperature"), now_s - 30, 10);
        ASSERT_TRUE(writer.merge({{writer.position(), gateway.send({part}, now_s, now_s)}}).ok());
      }
      for (auto& member : members_) member->cluster->committed();
      for (auto& front : fronts_) front->changed();
      reference_->changed();
    }
    // Every stream ends with the same rows, and says so by the same place.
    const std::string last = "id: " + api::event_id(states_->all().place()) + "\n";
    std::map<std::string, std::string> expected;
    for (auto& client : clients) {
      client->read_until([&](const std::string& seen) { return seen.find(last) != std::string::npos; });
      ASSERT_NE(client->seen().find(last), std::string::npos) << client->seen().substr(0, 2000);
      EXPECT_EQ(client->seen().find("event: reset"), std::string::npos);
      const auto rows = told_rows(client->seen());
      EXPECT_GE(rows.size(), *fleet == 0 ? 5u : 1u);
      if (expected.empty()) expected = rows;
      EXPECT_EQ(rows, expected);
    }
  }
  // Of another state in one partition: reset.
  query::Place other = begin;
  other[11].state_id++;
  RawClient client(fronts_[1]->port());
  client.send("GET /api/v1/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: " + api::event_id(other) +
              "\r\nX-API-Key: " + keys_["demo"] + "\r\n\r\n");
  client.read_until([](const std::string& seen) { return seen.find("event: reset") != std::string::npos; });
  EXPECT_NE(client.seen().find("event: reset"), std::string::npos);
}

TEST_F(FederationTest, WhoIsAwayIsNamedAndDeniedAndTakenBack) {
  begin(11, {.records = 30, .wild_widths = true});
  merge_more(true);
  ASSERT_TRUE(soon([&] { return whole(); }));
  const std::string target = "/api/v1/summary?metric=temperature";
  const std::string series = "/api/v1/series?metric=temperature&step=1d&format=csv&from=0";
  const std::string whole_answer = body_of(fronts_[0]->get(target, keys_["demo"]));
  members_[1]->cluster->stop();
  fronts_[1].reset();
  members_[1].reset();
  const Json missing = Json::array({1, 4, 7, 10, 13});
  std::string partial;
  ASSERT_TRUE(soon([&] {
    partial = fronts_[0]->get(target, keys_["demo"]);
    return partial.find("\"missing\"") != std::string::npos;
  }));
  EXPECT_EQ(status_of(partial), 200);
  const Json answer = Json::parse(body_of(partial));
  EXPECT_EQ(answer["completeness"]["partitions"], Json({{"expected", 16}, {"answered", 11}, {"missing", missing}}));
  EXPECT_LT(answer["count"], Json::parse(whole_answer)["count"]);
  // It is what the partitions that answered have.
  stats::Summary sum;
  for (uint32_t i = 0; i < 16; ++i) {
    if (i % 3 == 1) continue;
    const auto one = query::LocalQuery::make({&states_->writer(i).state()});
    sum.merge(*one->ask(query::AskSummary{{.tenant = "demo", .metric = "temperature"}, {}}));
  }
  EXPECT_EQ(answer["count"], sum.numeric().count());
  for (const std::string& path : {target, std::string("/api/v1/metrics"), std::string("/api/v1/devices"),
                                  std::string("/api/v1/kpi?metric=temperature"), series}) {
    const std::string denied =
        fronts_[2]->get(path + (path.find('?') == std::string::npos ? "?" : "&") + "partial=deny", keys_["demo"]);
    EXPECT_EQ(status_of(denied), 503) << path;
    EXPECT_NE(denied.find("application/problem+json"), std::string::npos);
    EXPECT_NE(denied.find("Partitions 1, 4, 7, 10, 13 did not answer."), std::string::npos);
    const std::string allowed = fronts_[2]->get(path, keys_["demo"]);
    EXPECT_EQ(status_of(allowed), 200) << path;
    EXPECT_NE(allowed.find("X-Missing-Partitions: 1, 4, 7, 10, 13"), std::string::npos) << path;
  }
  EXPECT_EQ(status_of(fronts_[0]->get(target + "&partial=perhaps", keys_["demo"])), 400);
  // Nobody can say that a metric does not exist.
  EXPECT_EQ(status_of(fronts_[0]->get("/api/v1/summary?metric=unknown", keys_["demo"])), 503);
  // A stream that told rows without them begins anew when they are back.
  RawClient client(fronts_[0]->port());
  client.send("GET /api/v1/stream?fleet=1 HTTP/1.1\r\nHost: x\r\nX-API-Key: " + keys_["demo"] + "\r\n\r\n");
  client.read_until([](const std::string& seen) { return seen.find("event: hello") != std::string::npos; });
  Random random(3);
  GatewaySim gateway("demo", "late", 77);
  const int64_t now_s = now_ns_ / kNanosPerSecond;
  merge::StateWriter& writer = states_->writer(0);
  ASSERT_TRUE(writer.merge({{writer.position(), gateway.open(now_s)}}).ok());
  const Part part = make_part(random, make_series("d1", "temperature", {{"unit", "°C"}}), now_s - 30, 10);
  ASSERT_TRUE(writer.merge({{writer.position(), gateway.send({part}, now_s, now_s)}}).ok());
  members_[0]->cluster->committed();
  fronts_[0]->changed();
  client.read_until([](const std::string& seen) { return seen.find("event: windows") != std::string::npos; });
  EXPECT_NE(client.seen().find("\"partitions\":{\"expected\":16,\"answered\":11,\"missing\":[1,4,7,10,13]}"),
            std::string::npos)
      << client.seen().substr(0, 3000);
  EXPECT_EQ(client.seen().find("event: reset"), std::string::npos);

  members_[1] = make(1);
  ASSERT_TRUE(members_[1]->cluster->start().ok());
  client.read_until([](const std::string& seen) { return seen.find("event: reset") != std::string::npos; });
  EXPECT_NE(client.seen().find("event: reset"), std::string::npos);
  ASSERT_TRUE(soon([&] {
    return body_of(fronts_[0]->get(target + "&partial=deny", keys_["demo"])) ==
           body_of(reference_->get(target, keys_["demo"]));
  })) << fronts_[0]->get(target, keys_["demo"])
      << reference_->get(target, keys_["demo"]);
}

TEST_F(FederationTest, PagesOfDevicesAndGatewaysAreTogetherTheWhole) {
  begin(14, {.records = 30, .wild_widths = false});
  merge_more(true);
  ASSERT_TRUE(soon([&] { return whole(); }));
  const Json expected = Json::parse(body_of(reference_->get("/api/v1/devices", keys_["demo"])));
  ASSERT_GT(expected["gateways"].size(), 3u);
  for (const auto* front : {reference_.get(), fronts_[0].get(), fronts_[1].get()}) {
    for (const int limit : {1, 2, 7}) {
      Json found = {{"devices", Json::array()}, {"gateways", Json::array()}};
      std::string cursor;
      size_t pages = 0;
      do {
        const std::string target = "/api/v1/devices?limit=" + std::to_string(limit) + cursor;
        const Json page = Json::parse(body_of(front->get(target, keys_["demo"])));
        for (const char* list : {"devices", "gateways"})
          found[list].insert(found[list].end(), page[list].begin(), page[list].end());
        EXPECT_EQ(page["completeness"], expected["completeness"]);
        cursor = page.contains("next") ? "&cursor=" + page["next"].get<std::string>() : "";
        ASSERT_LT(++pages, 100u);
      } while (!cursor.empty());
      EXPECT_EQ(found["devices"], expected["devices"]) << limit;
      EXPECT_EQ(found["gateways"], expected["gateways"]) << limit;
    }
  }
}

TEST_F(FederationTest, SystemIsOfAllAggregatorsAndNamesWhoIsAway) {
  begin(13, {.records = 20, .wild_widths = false});
  merge_more(true);
  ASSERT_TRUE(soon([&] { return whole(); }));
  const std::string target = "/api/v1/system";
  auto json = [&](const Front& front, const char* tenant) {
    return Json::parse(body_of(front.get(target, keys_[tenant])));
  };
  for (const char* tenant : kTenants) {
    const Json expected = json(*reference_, tenant);
    EXPECT_GT(expected["merged"]["readings"], 0);
    for (auto& front : fronts_) {
      const Json found = json(*front, tenant);
      EXPECT_EQ(found["merged"], expected["merged"]) << tenant;
      EXPECT_FALSE(found.contains("partitions"));
      EXPECT_EQ(found.contains("services"), tenant == std::string("demo"));
      if (!found.contains("services")) continue;
      // The same from all of them: every aggregator in its place, every partition once.
      EXPECT_EQ(found["services"], json(*fronts_[0], tenant)["services"]);
      ASSERT_EQ(found["services"].size(), kReplicas);
      EXPECT_EQ(found["services"][1]["service"], "aggregator 1");
      EXPECT_EQ(found["services"][1]["records"], 11);
      EXPECT_EQ(found["services"][1]["partitions"], Json::array({1, 4, 7, 10, 13}));
      EXPECT_EQ(found["services"][1]["lag"], 35);
      EXPECT_EQ(found["services"][1]["last_recovery"]["kind"], "restart");
      ASSERT_EQ(found["log"]["partitions"].size(), 16u);
      for (uint32_t i = 0; i < 16; ++i) {
        EXPECT_EQ(found["log"]["partitions"][i],
                  Json({{"partition", i}, {"aggregator", i % 3}, {"position", i}, {"end", 2 * i}}));
      }
      EXPECT_FALSE(found["log"].contains("missing"));
    }
  }
  members_[1]->cluster->stop();
  fronts_[1].reset();
  members_[1].reset();
  const Json missing = Json::array({1, 4, 7, 10, 13});
  std::string answer;
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(soon([&] {
    answer = fronts_[0]->get(target, keys_["demo"]);
    return answer.find("\"away\"") != std::string::npos;
  }));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(10));
  EXPECT_NE(answer.find("X-Missing-Partitions: 1, 4, 7, 10, 13\r\n"), std::string::npos);
  const Json found = Json::parse(body_of(answer));
  EXPECT_EQ(found["partitions"], Json({{"expected", 16}, {"answered", 11}, {"missing", missing}}));
  EXPECT_EQ(found["log"]["missing"], missing);
  EXPECT_EQ(found["log"]["partitions"].size(), 11u);
  ASSERT_EQ(found["services"].size(), kReplicas);
  const Json& away = found["services"][1];
  EXPECT_EQ(away["service"], "aggregator 1");
  EXPECT_EQ(away["partitions"], missing);
  EXPECT_TRUE(away["trouble"].get<std::string>().starts_with("does not answer (")) << away;
  EXPECT_FALSE(away.contains("records"));
  EXPECT_EQ(found["services"][2]["state"], "ready");
  EXPECT_LT(found["merged"]["readings"], json(*reference_, "demo")["merged"]["readings"]);
  // A tenant that is no operator is told which partitions are missing, and nothing of the services.
  const Json other = json(*fronts_[2], kTenants[1]);
  EXPECT_EQ(other["partitions"]["missing"], missing);
  EXPECT_FALSE(other.contains("services") || other.contains("log"));
}

TEST_F(FederationTest, ATraceNamesThePartitionsOfAllAggregators) {
  begin(14, {.records = 20, .wild_widths = false});
  merge_more(true);
  ASSERT_TRUE(soon([&] { return whole(); }));
  for (const std::string path :
       {"/api/v1/series?metric=temperature&step=1h", "/api/v1/summary?metric=temperature",
        "/api/v1/kpi?metric=temperature", "/api/v1/last", "/api/v1/metrics", "/api/v1/devices"}) {
    SCOPED_TRACE(path);
    const std::string traced = path + (path.find('?') == std::string::npos ? "?" : "&") + "trace=1";
    const Json plain = Json::parse(body_of(fronts_[1]->get(path, keys_["demo"])));
    Json found = Json::parse(body_of(fronts_[1]->get(traced, keys_["demo"])));
    EXPECT_FALSE(plain.contains("trace"));
    ASSERT_EQ(found["trace"]["partitions"].size(), 16u);
    uint64_t rows = 0;
    for (uint32_t i = 0; i < 16; ++i) {
      EXPECT_EQ(found["trace"]["partitions"][i]["partition"], i);
      rows += found["trace"]["partitions"][i]["rows"].get<uint64_t>();
    }
    EXPECT_EQ(found["trace"]["rows"], rows);
    for (const char* stage : {"select", "read", "merge", "conclude"}) {
      EXPECT_GE(found["trace"]["milliseconds"][stage].get<double>(), 0) << stage;
    }
    // Nothing else of the answer is another one.
    found.erase("trace");
    EXPECT_EQ(found, plain);
  }
  EXPECT_EQ(status_of(fronts_[1]->get("/api/v1/metrics?trace=yes", keys_["demo"])), 400);
}

TEST_F(FederationTest, TheInternalPortIsNoTenants) {
  begin(12, {.records = 5, .wild_widths = false}, 3);
  cluster::QuestionHead asked{.replicas = 3, .partitions = 3, .ordinal = 1};
  const query::AskMetrics question{"demo"};
  auto ask = [&](const std::string& head, const std::string& body) {
    RawClient client(members_[1]->cluster->port());
    client.send(head + "Host: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return client.read_response();
  };
  const std::string post = std::string("POST ") + cluster::kPath + " HTTP/1.1\r\n";
  const std::string secret = std::string(cluster::kSecretHeader) + ": ";
  const std::string good = ask(post + secret + kSecret + "\r\n", encode(asked, question));
  EXPECT_EQ(status_of(good), 200);
  for (const std::string& header :
       {std::string(), secret + "\r\n", secret + "x" + kSecret + "\r\n",
        secret + std::string(kSecret).substr(1) + "\r\n", "X-API-Key: " + keys_["demo"] + "\r\n"}) {
    EXPECT_EQ(status_of(ask(post + header, encode(asked, question))), 401) << header;
  }
  for (const char* path : {"/api/v1/metrics", "/ready", "/metrics", "/"}) {
    const std::string head = std::string("GET ") + path + " HTTP/1.1\r\nX-API-Key: " + keys_["demo"] + "\r\n";
    EXPECT_EQ(status_of(ask(head, "")), 404) << path;
  }
  // Nor is it to be found at the tenants' port.
  EXPECT_EQ(status_of(fronts_[1]->get(cluster::kPath, keys_["demo"])), 404);
  api::Exposition text;
  members_[1]->cluster->families(text);
  EXPECT_NE(text.text().find("tributary_aggregator_internal_refused_total{reason=\"secret\"} 5"), std::string::npos)
      << text.text();
  // Whoever knows another cluster is told so, with the secret.
  asked.partitions = 4;
  const std::string other = ask(post + secret + kSecret + "\r\n", encode(asked, question));
  EXPECT_NE(other.find("with 3 partitions"), std::string::npos) << other;
}

}  // namespace
}  // namespace tributary::testing
