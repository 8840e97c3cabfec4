// SPDX-License-Identifier: Apache-2.0
// The newest window.
#include <gtest/gtest.h>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

TEST_F(ApiTest, KpiIsTheNewestWindow) {
  const Json kpi = ask("/api/v1/kpi?metric=temperature&device=b&window=1m");
  EXPECT_EQ(kpi["width"], 60);
  EXPECT_EQ(kpi["mean"], 30.0);
  EXPECT_GT(kpi["rate"], 0);
  ask("/api/v1/kpi?metric=temperature&device=nobody", 404);
}

}  // namespace
}  // namespace tributary::api
