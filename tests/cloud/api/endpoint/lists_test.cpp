// SPDX-License-Identifier: Apache-2.0
// Devices and gateways.
#include <gtest/gtest.h>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

TEST_F(ApiTest, DevicesCarryTheGatewaysOwnStatusOnlyIfItIsJson) {
  query_.gateways_answer = {{.gateway = "good", .state = "online", .status_json = "{\"outbox\":{\"waiting\":3}}"},
                            {.gateway = "bad", .state = "late", .status_json = "{\"outbox\":"}};
  query::GatewayNote bad{.gateway = "bad", .frontier_ns = 1'000'000'000};
  bad.lost = {{"bad", 0xabc, 12, 40, "log"}};
  bad.rejected = {{"future", 2}};
  query_.completeness_part.gateways = {bad, {.gateway = "good", .frontier_ns = 2'000'000'000}};
  const Json answer = ask("/api/v1/devices");
  EXPECT_EQ(answer["gateways"][1]["status"]["outbox"]["waiting"], 3);
  EXPECT_TRUE(answer["gateways"][0]["status"].is_null());
  EXPECT_EQ(answer["devices"].size(), 2u);
  const Json& completeness = answer["completeness"];
  EXPECT_EQ(completeness["behind"][0]["frontier"], "1970-01-01T00:00:01Z");
  EXPECT_EQ(completeness["lost"][0]["seqs"], "12-40");
  EXPECT_EQ(completeness["lost"][0]["epoch"], "0000000000000abc");
  EXPECT_EQ(completeness["rejected"]["future"], 2);
  EXPECT_FALSE(completeness.contains("gaps"));
}

}  // namespace
}  // namespace tributary::api
