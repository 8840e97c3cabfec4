// SPDX-License-Identifier: Apache-2.0
// The endpoints over real sockets and a fake Query.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "cloud/api/api.h"
#include "cloud/api/endpoint/stream.h"
#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

TEST_F(ApiTest, NothingIsToldWithoutAKey) {
  for (const char* path : {"/api/v1/metrics", "/api/v1/devices", "/api/v1/series?metric=x", "/api/v1/kpi?metric=x",
                           "/api/v1/summary?metric=x", "/api/v1/stream", "/api/v1/session", "/api/v1/system"}) {
    for (const char* headers : {"", "X-API-Key: trib_wrong\r\n", "Authorization: Basic abc\r\n",
                                "Cookie: tributary_session=1.demo.x.y.z\r\n"}) {
      const std::string response = get(path, headers, false);
      EXPECT_EQ(status_of(response), 401) << path;
      EXPECT_EQ(response.find("demo"), std::string::npos);
    }
  }
  EXPECT_EQ(status_of(get("/api/v1/metrics", "Authorization: Bearer " + demo_ + "\r\n", false)), 200);
  EXPECT_EQ(status_of(get("/api/v1/metrics", "authorization: bearer " + demo_ + "\r\n", false)), 200);
}

TEST_F(ApiTest, ForeignAndUnknownAreTheSameBytes) {
  auto without_date = [](std::string response) {
    const size_t at = response.find("Date: ");
    return at == std::string::npos ? response : response.erase(at, response.find("\r\n", at) - at);
  };
  for (const std::string path : {"/api/v1/kpi?metric=", "/api/v1/summary?metric=", "/api/v1/series?metric="}) {
    const std::string foreign = without_date(get(path + "secret_metric"));
    EXPECT_EQ(status_of(foreign), 404);
    EXPECT_EQ(foreign, without_date(get(path + "no_such_metric")));
  }
  EXPECT_EQ(get("/api/v1/metrics").find("secret"), std::string::npos);
  EXPECT_EQ(get("/api/v1/devices").find("secret"), std::string::npos);
}

TEST_F(ApiTest, SummariesAreFlatAndExact) {
  const Json all = ask("/api/v1/summary?metric=temperature&device=a");
  EXPECT_EQ(all["count"], 60);
  EXPECT_EQ(all["unit"], "C");
  EXPECT_EQ(all["min"], 20.0);
  EXPECT_EQ(all["max"], 20 + 59 * 0.1);
  EXPECT_TRUE(all["from"].is_null() && all["rate"].is_null());
  EXPECT_EQ(all["first"]["time"], "2023-11-14T22:03:20Z");
  EXPECT_LE(all["p50"]["low"], all["p50"]["value"]);
  EXPECT_TRUE(all["completeness"].contains("share") && all["completeness"].contains("to"));
  const Json part =
      ask("/api/v1/summary?metric=temperature&device=a,b&from=-10m&to=now&stats=count,rate,p99.9,histogram");
  EXPECT_EQ(part["count"], 120);
  EXPECT_EQ(part["rate"], 0.2);
  EXPECT_TRUE(part.contains("p99.9") && part.contains("histogram") && !part.contains("mean"));
  EXPECT_EQ(part["histogram"]["positive"]["offset"].size(), part["histogram"]["positive"]["counts"].size());
  const Json none = ask("/api/v1/summary?metric=temperature&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z");
  EXPECT_EQ(none["count"], 0);
  EXPECT_TRUE(none["mean"].is_null() && none["p50"].is_null() && none["first"].is_null());
}

TEST_F(ApiTest, OneReadingHasNoDeviation) {
  tell("c", "lonely", 4);
  const Json one = ask("/api/v1/summary?metric=lonely");
  EXPECT_EQ(one["mean"], 4.0);
  EXPECT_TRUE(one["stddev"].is_null());
  EXPECT_FALSE(one.contains("overflow"));
}

TEST_F(ApiTest, AResultBeyondDoubleIsNamed) {
  tell("c", "huge", 1.7e308);
  tell("c", "huge", 1.7e308);
  const Json huge = ask("/api/v1/summary?metric=huge&stats=sum,mean");
  EXPECT_TRUE(huge["sum"].is_null());
  EXPECT_EQ(huge["mean"], 1.7e308);
  EXPECT_EQ(huge["overflow"], Json::array({"sum"}));
}

TEST_F(ApiTest, RowsComeByGroup) {
  const Json answer = ask("/api/v1/series?metric=temperature&by=device&from=-10m&step=1m");
  ASSERT_EQ(answer["series"].size(), 2u);
  EXPECT_EQ(answer["series"][0]["group"], "a");
  EXPECT_EQ(answer["step"], 60);
  uint64_t count = 0;
  for (const auto& row : answer["series"][0]["rows"]) count += row["count"].get<uint64_t>();
  EXPECT_EQ(count, 60u);
  EXPECT_EQ(ask("/api/v1/series?metric=temperature")["series"][0]["group"], "");
  EXPECT_EQ(ask("/api/v1/series?metric=temperature&device=nobody")["series"].size(), 0u);
}

TEST_F(ApiTest, CsvSaysTheSameAsJson) {
  const std::string target = "/api/v1/series?metric=temperature&by=device&from=-10m&step=1m&stats=count,mean,p95,last";
  const Json json = ask(target);
  const std::string response = get(target, "Accept: text/csv\r\n");
  EXPECT_NE(response.find("Content-Type: text/csv"), std::string::npos);
  EXPECT_EQ(response, response.substr(0, response.find("\r\n\r\n") + 4) + body_of(get(target + "&format=csv")));
  std::istringstream lines(body_of(response));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "group,start,width,count,mean,p95,p95_low,p95_high,last_time,last");
  for (const auto& group : json["series"]) {
    for (const auto& row : group["rows"]) {
      ASSERT_TRUE(std::getline(lines, line));
      std::vector<std::string> cells;
      std::istringstream parts(line);
      for (std::string cell; std::getline(parts, cell, ',');) cells.push_back(cell);
      ASSERT_EQ(cells.size(), 10u);
      EXPECT_EQ(cells[0], group["group"]);
      EXPECT_EQ(cells[1], row["start"]);
      EXPECT_EQ(cells[3], std::to_string(row["count"].get<int>()));
      EXPECT_EQ(std::stod(cells[4]), row["mean"].get<double>());
      EXPECT_EQ(std::stod(cells[7]), row["p95"]["high"].get<double>());
      EXPECT_EQ(cells[8], row["last"]["time"]);
    }
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(ApiTest, TooManyRowsSayWhichStepFits) {
  const Json wrong = ask("/api/v1/series?metric=temperature&by=device&from=-10m&step=10s", 400);
  EXPECT_EQ(wrong["found"], "120");
  EXPECT_EQ(wrong["limit"], 100);
  EXPECT_EQ(wrong["suggestion"], "30s");
  EXPECT_EQ(ask("/api/v1/series?metric=temperature&by=device&from=-10m&step=30s")["series"].size(), 2u);
  // auto finds it by itself.
  EXPECT_EQ(ask("/api/v1/series?metric=temperature&by=device&from=-10m")["step"], 30);
  EXPECT_EQ(ask("/api/v1/series?metric=temperature&step=7s", 400)["parameter"], "step");
}

TEST_F(ApiTest, KpiIsTheNewestWindow) {
  const Json kpi = ask("/api/v1/kpi?metric=temperature&device=b&window=1m");
  EXPECT_EQ(kpi["width"], 60);
  EXPECT_EQ(kpi["mean"], 30.0);
  EXPECT_GT(kpi["rate"], 0);
  ask("/api/v1/kpi?metric=temperature&device=nobody", 404);
}

TEST_F(ApiTest, WrongParametersAreNamed) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"/api/v1/series", "metric"},
      {"/api/v1/series?metric=temperature&from=soon", "from"},
      {"/api/v1/series?metric=temperature&step=7%20parsecs", "step"},
      {"/api/v1/series?metric=temperature&step=0", "step"},
      {"/api/v1/series?metric=temperature&stats=p101", "stats"},
      {"/api/v1/series?metric=temperature&stats=p0", "stats"},
      {"/api/v1/series?metric=temperature&stats=count,,", "stats"},
      {"/api/v1/series?metric=temperature&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "to"},
      {"/api/v1/summary?metric=temperature&colour=red", "colour"},
      {"/api/v1/kpi?metric=temperature&window=-1", "window"},
      {"/api/v1/summary?metric=a&metric=b", "metric"},
      {"/api/v1/series?metric=temperature&by=Device%20Name", "by"},
      {"/api/v1/series?metric=temperature&format=xml", "format"},
      {"/api/v1/summary?metric=temperature&label.=x", "label."},
      {"/api/v1/metrics?x=1", "x"},
      {"/api/v1/stream?fleet=maybe", "fleet"}};
  for (const auto& [target, parameter] : wrong) {
    const Json problem = ask(target, 400);
    EXPECT_EQ(problem["parameter"], parameter) << target;
    EXPECT_TRUE(problem.contains("found") && problem.contains("expected") && problem.contains("detail")) << problem;
    EXPECT_EQ(problem["status"], 400);
  }
}

TEST_F(ApiTest, RefusalsSayWhatWouldDo) {
  EXPECT_EQ(ask("/api/v1/series?metric=temperature&format=xml", 400)["expected"], "json or csv");
  const std::string names = ask("/api/v1/summary?metric=temperature&lable.site=x", 400)["expected"];
  EXPECT_NE(names.find("label.KEY"), std::string::npos) << names;
  const std::string none = ask("/api/v1/metrics?x=1", 400)["expected"];
  EXPECT_EQ(none.find("label.KEY"), std::string::npos) << none;
  const std::string unknown = ask("/api/v1/kpi?metric=temprature", 404)["detail"];
  EXPECT_NE(unknown.find("/api/v1/metrics"), std::string::npos) << unknown;
  RawClient client(server_->port());
  client.send("POST /api/v1/data HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
  const std::string response = client.read_response();
  EXPECT_EQ(status_of(response), 404);
  EXPECT_NE(response.find("bridge"), std::string::npos) << response;
}

TEST_F(ApiTest, DevicesCarryTheGatewaysOwnStatusOnlyIfItIsJson) {
  query_.gateways_answer = {{.gateway = "good", .state = "online", .status_json = "{\"outbox\":{\"waiting\":3}}"},
                            {.gateway = "bad", .state = "late", .status_json = "{\"outbox\":"}};
  query_.completeness_answer.behind = {{"bad", 1'000'000'000, 0, 0, "late"}};
  query_.completeness_answer.lost = {{"bad", 0xabc, 12, 40, "log"}};
  query_.completeness_answer.rejected = {{"future", 2}};
  const Json answer = ask("/api/v1/devices");
  EXPECT_EQ(answer["gateways"][0]["status"]["outbox"]["waiting"], 3);
  EXPECT_TRUE(answer["gateways"][1]["status"].is_null());
  EXPECT_EQ(answer["devices"].size(), 2u);
  const Json& completeness = answer["completeness"];
  EXPECT_EQ(completeness["behind"][0]["frontier"], "1970-01-01T00:00:01Z");
  EXPECT_EQ(completeness["lost"][0]["seqs"], "12-40");
  EXPECT_EQ(completeness["lost"][0]["epoch"], "0000000000000abc");
  EXPECT_EQ(completeness["rejected"]["future"], 2);
  EXPECT_FALSE(completeness.contains("gaps"));
}

TEST_F(ApiTest, ASessionReplacesTheKeyAndEndsWithIt) {
  RawClient client(server_->port());
  const std::string body = "{\"api_key\":\"" + demo_ + "\"}";
  client.send("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n" + body);
  const std::string response = client.read_response();
  ASSERT_EQ(status_of(response), 200);
  const size_t at = response.find("Set-Cookie: ") + 12;
  const std::string cookie = response.substr(at, response.find("\r\n", at) - at);
  EXPECT_NE(cookie.find("HttpOnly; SameSite=Strict"), std::string::npos);
  const std::string header = "Cookie: theme=dark; " + cookie.substr(0, cookie.find(';')) + "\r\n";
  EXPECT_EQ(body_of(get("/api/v1/session", header, false)), "{\"tenant\":\"demo\"}");
  EXPECT_EQ(status_of(get("/api/v1/metrics", header, false)), 200);
  // Another process with the same file knows the session; without the key it ends.
  Auth restarted((dir_ / "keys.json").string());
  const std::string value = cookie.substr(18, cookie.find(';') - 18);
  EXPECT_TRUE(restarted.identity_of_session(value, kNowS).has_value());
  EXPECT_FALSE(restarted.identity_of_session(value, kNowS + Auth::kSessionSeconds).has_value());
  keys_.keys.erase(keys_.keys.begin());
  ASSERT_TRUE(write_keys_file((dir_ / "keys.json").string(), keys_).ok());
  EXPECT_EQ(status_of(get("/api/v1/metrics", header, false)), 401);
  EXPECT_EQ(status_of(get("/api/v1/metrics")), 401);
}

TEST_F(ApiTest, BrokenSessionRequestsRepeatNoSecret) {
  for (const std::string body :
       {"", "{}", "[1]", "{\"api_key\":5}", "{\"api_key\":\"trib_guess\"}", "{\"key\":\"trib_guess\"}"}) {
    RawClient client(server_->port());
    client.send("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
    const std::string response = client.read_response();
    EXPECT_TRUE(status_of(response) == 400 || status_of(response) == 401) << body;
    EXPECT_EQ(response.find("trib_guess"), std::string::npos);
    EXPECT_EQ(response.find("Set-Cookie"), std::string::npos);
  }
}

TEST_F(ApiTest, HealthReadyAndMetricsNeedNoKeyAndNameNoTenant) {
  EXPECT_EQ(status_of(get("/health", "", false)), 200);
  EXPECT_EQ(status_of(get("/ready", "", false)), 200);
  trouble_ = "partition 0: waiting for the log";
  const std::string waiting = get("/ready", "", false);
  EXPECT_EQ(status_of(waiting), 503);
  EXPECT_NE(waiting.find("waiting for the log"), std::string::npos);
  EXPECT_EQ(status_of(get("/health", "", false)), 200);
  const std::string metrics = body_of(get("/metrics", "", false));
  EXPECT_NE(metrics.find("tributary_http_responses_total{status=\"200\"}"), std::string::npos);
  EXPECT_NE(metrics.find("tributary_ready 0"), std::string::npos);
  for (const char* secret : {"demo", "other", "temperature", "secret"})
    EXPECT_EQ(metrics.find(secret), std::string::npos);
}

TEST_F(ApiTest, TheFilesOfThePageAreCompressedWhereTheClientTakesThat) {
  const std::string script = get("/assets/large-a1b2c3d4e5.js", "Accept-Encoding: gzip, br\r\n", false);
  EXPECT_EQ(status_of(script), 200);
  EXPECT_NE(script.find("Content-Encoding: gzip\r\n"), std::string::npos);
  EXPECT_NE(script.find("Vary: Accept-Encoding\r\n"), std::string::npos);
  EXPECT_LT(body_of(script).size(), 500u);
  const auto tag_of = [](const std::string& response) {
    const size_t at = response.find("ETag: ") + 6;
    return response.substr(at, response.find("\r\n", at) - at);
  };
  const std::string plain = get("/assets/large-a1b2c3d4e5.js", "Accept-Encoding: gzip;q=0\r\n", false);
  EXPECT_EQ(plain.find("Content-Encoding"), std::string::npos);
  EXPECT_EQ(body_of(plain), std::string(20'000, 'a'));
  EXPECT_NE(tag_of(plain), tag_of(script));
  const std::string known = "Accept-Encoding: gzip\r\nIf-None-Match: " + tag_of(script) + "\r\n";
  EXPECT_EQ(status_of(get("/assets/large-a1b2c3d4e5.js", known, false)), 304);
}

TEST_F(ApiTest, AnAddressThatThePageDoesNotKnowIsToldByThePageAndAsAProblemToPrograms) {
  const std::string page = get("/fleeet", "Accept: text/html,application/xhtml+xml\r\n", false);
  EXPECT_EQ(status_of(page), 404);
  EXPECT_NE(page.find("text/html"), std::string::npos);
  EXPECT_NE(page.find("<title>t</title>"), std::string::npos);
  for (const char* path : {"/fleeet", "/assets/gone.js"})
    EXPECT_NE(get(path, "Accept: */*\r\n", false).find("application/problem+json"), std::string::npos) << path;
  EXPECT_NE(get("/api/v1/nosuch", "Accept: text/html\r\n").find("application/problem+json"), std::string::npos);
}

TEST_F(ApiTest, ThePageIsServedWithTheRightHeaders) {
  for (const char* route : {"/", "/fleet", "/explore", "/now", "/system", "/index.html"}) {
    const std::string page = get(route, "", false);
    EXPECT_EQ(status_of(page), 200) << route;
    EXPECT_NE(page.find("Cache-Control: no-cache"), std::string::npos);
    EXPECT_NE(page.find("Content-Security-Policy: default-src 'self'"), std::string::npos);
    EXPECT_NE(page.find("X-Content-Type-Options: nosniff"), std::string::npos);
    EXPECT_NE(page.find("text/html"), std::string::npos);
  }
  const std::string script = get("/assets/index-a1b2c3d4e5.js", "Accept-Encoding: gzip, br\r\n", false);
  EXPECT_NE(script.find("immutable"), std::string::npos);
  EXPECT_NE(script.find("text/javascript"), std::string::npos);
  const size_t at = script.find("ETag: ") + 6;
  const std::string etag = script.substr(at, script.find("\r\n", at) - at);
  EXPECT_EQ(status_of(get("/assets/index-a1b2c3d4e5.js", "If-None-Match: " + etag + "\r\n", false)), 304);
  for (const char* path :
       {"/../keys.json", "/%2e%2e/keys.json", "/assets/../../keys.json", "/keys.json", "//etc/passwd", "/assets"}) {
    EXPECT_EQ(status_of(get(path, "", false)), 404) << path;
  }
}

TEST_F(ApiTest, TheStreamTellsChangesOnceAndResumes) {
  RawClient client(server_->port());
  open_stream(client, "?metric=temperature");
  const std::string begin = event_id(query_.place());
  EXPECT_NE(client.seen().find("id: " + begin), std::string::npos);
  tell("a", "temperature", 99);
  ASSERT_TRUE(await(client, "event: windows"));
  ASSERT_TRUE(await(client, "\"max\":99"));
  EXPECT_NE(client.seen().find("id: " + event_id(query_.place()) + "\n"), std::string::npos);
  tell("a", "humidity", 50);  // filtered
  tell("b", "temperature", 98);
  ASSERT_TRUE(await(client, "\"max\":98"));
  EXPECT_EQ(client.seen().find("humidity"), std::string::npos);
  EXPECT_EQ(client.seen().find("secret"), std::string::npos);
  // Another client that saw only the beginning gets all of it, in one event.
  for (const bool header : {true, false}) {
    RawClient again(server_->port());
    open_stream(again, "?metric=temperature" + (header ? "" : "&since=" + begin),
                header ? "Last-Event-ID: " + begin + "\r\n" : "");
    ASSERT_TRUE(await(again, "\"max\":98"));
    EXPECT_NE(again.seen().find("\"max\":99"), std::string::npos);
    EXPECT_EQ(again.seen().find("event: reset"), std::string::npos);
  }
}

TEST_F(ApiTest, TheStreamFiltersDevicesAndFleet) {
  RawClient device(server_->port()), fleet(server_->port());
  open_stream(device, "?device=b");
  open_stream(fleet, "?fleet=1&metric=temperature");
  tell("a", "temperature", 77);
  tell("b", "temperature", 78);
  ASSERT_TRUE(await(device, "\"device\":\"b\""));
  EXPECT_EQ(device.seen().find("\"device\":\"a\""), std::string::npos);
  ASSERT_TRUE(await(fleet, "\"max\":78"));
  EXPECT_EQ(fleet.seen().find("\"device\""), std::string::npos);
}

TEST_F(ApiTest, WhatCannotBeResumedIsReset) {
  query_.forget_changes_before(50);
  const std::string now = event_id(query_.place());
  for (const std::string& since :
       {event_id({{query_.state_id(), 10}}), event_id({{99, 60}}), event_id({{query_.state_id(), 1'000'000}}),
        std::string("nonsense"), std::string("0000000000000000-1")}) {
    RawClient client(server_->port());
    open_stream(client, "", "Last-Event-ID: " + since + "\r\n");
    ASSERT_TRUE(await(client, "event: reset\nid: " + now)) << since;
    EXPECT_EQ(client.seen().find("event: windows"), std::string::npos);
  }
}

TEST_F(ApiTest, AQuietStreamSaysThatItIsThere) {
  RawClient client(server_->port());
  open_stream(client, "");
  EXPECT_TRUE(await(client, "\n: "));
  EXPECT_TRUE(await(client, "event: time\ndata: {\"time\":\"2023-11-14T22:13:20Z\"}\n\n"));
}

TEST_F(ApiTest, AStreamDoesNotOutliveItsKey) {
  RawClient client(server_->port());
  open_stream(client, "");
  keys_.keys.erase(keys_.keys.begin());
  ASSERT_TRUE(write_keys_file((dir_ / "keys.json").string(), keys_).ok());
  client.read_to_end(5000);
  EXPECT_TRUE(client.closed());
}

TEST_F(ApiTest, AHundredStreamsAllSeeEveryChange) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(std::make_unique<RawClient>(server_->port()));
    open_stream(*clients.back(), i % 2 == 0 ? "" : "?metric=temperature");
  }
  for (int i = 0; i < 50; ++i) tell("a", "temperature", 1000 + i);
  for (auto& client : clients) {
    ASSERT_TRUE(await(*client, "\"max\":1049"));
    EXPECT_NE(client->seen().find("\"count\":5"), std::string::npos);
  }
}

}  // namespace
}  // namespace tributary::api
