// SPDX-License-Identifier: Apache-2.0
// The exposition of a tenant's data: names, labels, families, forms, and what is left out.
#include <gtest/gtest.h>

#include "cloud/query/question/gateways.h"
#include "cloud/render/prometheus.h"
#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

class FederateTest : public ApiTest {
 protected:
  std::string scrape(const std::string& parameters = "", const std::string& headers = "") {
    const std::string response = get("/api/v1/federate" + parameters, headers);
    EXPECT_EQ(status_of(response), 200) << response;
    return body_of(response);
  }
  static bool has(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
  }
};

TEST_F(FederateTest, TotalsAndWindowsOfEverySeriesAreTold) {
  const std::string text = scrape();
  EXPECT_TRUE(has(text, "# TYPE tributary_readings_temperature histogram")) << text;
  EXPECT_TRUE(has(text, "tributary_readings_temperature_count{device=\"a\",unit=\"C\"} 60"));
  EXPECT_TRUE(has(text, "tributary_readings_temperature_sum{device=\"b\",unit=\"C\"} 1800"));
  EXPECT_TRUE(has(text, "tributary_readings_temperature_bucket{device=\"b\",unit=\"C\",le=\"+Inf\"} 60"));
  // The newest minute has two readings of each.
  EXPECT_TRUE(has(text, "tributary_window_temperature_readings{device=\"a\",unit=\"C\"} 2"));
  EXPECT_TRUE(has(text, "# TYPE tributary_window_temperature_mean gauge"));
  EXPECT_TRUE(has(text, "tributary_window_temperature_mean{device=\"b\",unit=\"C\"} 30")) << text;
  EXPECT_TRUE(has(text, "tributary_window_temperature_last{device=\"a\",unit=\"C\"} 25.9"));
  EXPECT_TRUE(
      has(text, "tributary_last_reading_timestamp_seconds{device=\"a\",unit=\"C\",metric=\"temperature\"} 1699999990"));
  EXPECT_TRUE(has(text, "tributary_completeness_share 1"));
  EXPECT_EQ(text.find("increase"), std::string::npos);      // no counter
  EXPECT_EQ(text.find("distribution"), std::string::npos);  // the text has no gauge histograms
  EXPECT_EQ(text.find("secret"), std::string::npos);
}

TEST_F(FederateTest, WindowsThatAreOldAreNotToldAsThePresent) {
  query_.add("demo", "old", "temperature", kNowS - 3600, 7);
  const std::string text = scrape();
  EXPECT_NE(text.find("tributary_readings_temperature_count{device=\"old\""), std::string::npos);
  EXPECT_EQ(text.find("tributary_window_temperature_mean{device=\"old\""), std::string::npos);
  EXPECT_NE(scrape("?max_age=2h").find("tributary_window_temperature_mean{device=\"old\""), std::string::npos);
  EXPECT_EQ(scrape("?max_age=2h&include=readings").find("tributary_window"), std::string::npos);
}

TEST_F(FederateTest, TheFormIsNegotiated) {
  const std::string accept =
      "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
      "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";
  const std::string response = get("/api/v1/federate", accept);
  EXPECT_NE(response.find("Content-Type: application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily"),
            std::string::npos);
  EXPECT_NE(response.find("tributary_window_temperature_distribution"), std::string::npos);
  EXPECT_NE(get("/api/v1/federate").find("Content-Type: text/plain; version=0.0.4"), std::string::npos);
  const std::string type = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=";
  EXPECT_TRUE(prefers_protobuf(type + "delimited"));
  EXPECT_TRUE(prefers_protobuf("text/plain;q=0.2, " + type + "delimited;q=0.3"));
  EXPECT_FALSE(prefers_protobuf("text/plain;q=0.4, " + type + "delimited;q=0.3"));
  EXPECT_FALSE(prefers_protobuf(type + "delimited;q=0"));
  EXPECT_FALSE(prefers_protobuf(type + "text"));
  EXPECT_FALSE(prefers_protobuf("*/*"));
  EXPECT_FALSE(prefers_protobuf(""));
  EXPECT_FALSE(prefers_protobuf(",;,;q=,"));
}

TEST_F(FederateTest, TooManySeriesAreRefusedNotCut) {
  EXPECT_EQ(ask("/api/v1/federate?limit=1", 400)["parameter"], "limit");
  scrape("?limit=2");
  scrape("?limit=1&device=a");
  ask("/api/v1/federate?limit=0", 400);
  ask("/api/v1/federate?window=2m", 400);
  ask("/api/v1/federate?include=everything", 400);
  ask("/api/v1/federate?metric=none", 404);
  EXPECT_EQ(status_of(get("/api/v1/federate", "", false)), 401);
}

TEST_F(FederateTest, GatewaysAndTheirTroublesAreTold) {
  query::GatewayInfo gateway{
      .gateway = "at\"tic", .state = "silent", .frontier_ns = 5 * kNanosPerSecond, .last_seen_ns = 7 * kNanosPerSecond};
  gateway.status_json =
      R"({"disk_full":true,"outbox":{"used_bytes":80,"budget_bytes":100,"waiting":"many","flight":3}})";
  gateway.lost = {{"attic", 1, 3, 5, "x"}};
  gateway.rejected = {{"bad_value", 9}};
  query_.gateways_answer = {gateway, {.gateway = "barn", .state = "online", .status_json = "[1"}};
  const std::string text = scrape("?include=gateways");
  for (const char* line : {R"(tributary_gateway_state{gateway="at\"tic",state="silent"} 1)",
                           R"(tributary_gateway_disk_full{gateway="at\"tic"} 1)",
                           R"(tributary_gateway_outbox_used_bytes{gateway="at\"tic"} 80)",
                           R"(tributary_gateway_lost_seqs{gateway="at\"tic"} 3)",
                           R"(tributary_gateway_rejected_total{gateway="at\"tic",reason="bad_value"} 9)",
                           R"(tributary_gateway_last_seen_timestamp_seconds{gateway="at\"tic"} 7)",
                           R"(tributary_gateway_state{gateway="barn",state="online"} 1)"})
    EXPECT_TRUE(has(text, line)) << line << "\n" << text;
  EXPECT_EQ(text.find("waiting"), std::string::npos);
}

}  // namespace
}  // namespace tributary::api
