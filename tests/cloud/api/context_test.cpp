// SPDX-License-Identifier: Apache-2.0
// What every endpoint answers alike.
#include "cloud/api/context.h"

#include <gtest/gtest.h>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

using ContextTest = ApiTest;

TEST_F(ContextTest, ForeignAndUnknownAreTheSameBytes) {
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

}  // namespace
}  // namespace tributary::api
