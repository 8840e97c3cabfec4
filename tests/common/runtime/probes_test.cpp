// SPDX-License-Identifier: Apache-2.0
// Claims about what every program answers at /ready.
#include "common/runtime/probes.h"

#include <gtest/gtest.h>

namespace tributary::runtime {
namespace {

TEST(Probes, ReadyIsSaidWithItsFields) {
  const Probe probe = ready_probe("", [](JsonWriter& json) { json.field("durability", "power"); });
  EXPECT_EQ(probe.status, 200);
  EXPECT_STREQ(probe.content_type, "application/json");
  EXPECT_EQ(probe.body, R"({"status":"ready","durability":"power"})");
  EXPECT_EQ(ready_probe("").body, R"({"status":"ready"})");
}

TEST(Probes, TroubleIsAProblemDocumentWithTheSameFields) {
  const Probe probe = ready_probe("the disk is \"full\"", [](JsonWriter& json) { json.field("durability", "power"); });
  EXPECT_EQ(probe.status, 503);
  EXPECT_STREQ(probe.content_type, "application/problem+json");
  EXPECT_EQ(probe.body,
            R"({"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the disk is \"full\"",)"
            R"("durability":"power"})");
}

}  // namespace
}  // namespace tributary::runtime
