// SPDX-License-Identifier: Apache-2.0
// OwnSystem: a tenant's amounts are its own, and what was read a moment ago serves the next page too.
#include "cloud/aggregator/own_system.h"

#include <gtest/gtest.h>

#include "cloud/query/question/system.h"
#include "tests/cloud/aggregator/marked_record.h"
#include "tests/cloud/api/fake_query.h"

namespace tributary::api {
namespace {

constexpr int64_t kNowS = 1'700'000'040;
constexpr int64_t kNowNs = kNowS * kNanosPerSecond;

class OwnSystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 7; ++i) query_.add("demo", "a", "temperature", kNowS - i, i);
    for (int i = 0; i < 5; ++i) query_.add("demo", "b", "humidity", kNowS - i, i);
    query_.add("other", "x", "secret_metric", kNowS, 1);
    query_.gateways_answer = {{.gateway = "attic", .first_seen_ns = (kNowS - 500) * kNanosPerSecond},
                              {.gateway = "hall", .first_seen_ns = (kNowS - 900) * kNanosPerSecond}};
    traffic_.add(testing::marked_record("demo", kNowNs - 512'000'000, kNowNs), kNowNs);
  }
  FakeQuery query_;
  Traffic traffic_;
  OwnSystem own_{{.query = &query_, .traffic = &traffic_, .service = [] {
                    return query::ServiceInfo{.service = "aggregator 0"};
                  }}};
};

TEST_F(OwnSystemTest, AddsUpWhatIsMergedAndHowLongItTook) {
  const auto demo = own_.part("demo", kNowNs), other = own_.part("other", kNowNs);
  ASSERT_TRUE(demo.ok() && other.ok());
  EXPECT_EQ(demo->readings, 12u);
  EXPECT_EQ(demo->since_ns, (kNowS - 900) * kNanosPerSecond);
  ASSERT_EQ(demo->minutes.size(), 1u);
  EXPECT_EQ(demo->minutes[0].messages, 1u);
  EXPECT_EQ(demo->minutes[0].delays, (std::vector<std::pair<uint32_t, uint64_t>>{{36, 1}}));
  EXPECT_EQ(other->readings, 1u);
  EXPECT_TRUE(other->minutes.empty());
}

TEST_F(OwnSystemTest, WhatWasMergedIsReadOnceASecond) {
  ASSERT_TRUE(own_.part("demo", kNowNs).ok());
  query_.add("demo", "a", "temperature", kNowS, 1);
  EXPECT_EQ(own_.part("demo", kNowNs + kNanosPerSecond - 1)->readings, 12u);
  EXPECT_EQ(own_.part("demo", kNowNs + kNanosPerSecond)->readings, 13u);
}

TEST_F(OwnSystemTest, AloneItIsTheOnlyMember) {
  const auto members = own_.alone("demo", kNowNs);
  ASSERT_EQ(members.size(), 1u);
  EXPECT_TRUE(members[0].partitions.empty());
  ASSERT_TRUE(members[0].part.has_value());
  EXPECT_EQ(members[0].part->service->service, "aggregator 0");
}

}  // namespace
}  // namespace tributary::api
