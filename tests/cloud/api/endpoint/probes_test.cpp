// SPDX-License-Identifier: Apache-2.0
// What needs no key.
#include <gtest/gtest.h>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

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

}  // namespace
}  // namespace tributary::api
