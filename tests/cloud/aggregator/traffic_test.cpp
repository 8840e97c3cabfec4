// SPDX-License-Identifier: Apache-2.0
// Traffic: delays are counted where they belong, and what is kept is bounded.
#include "cloud/aggregator/traffic.h"

#include <gtest/gtest.h>

#include "cloud/query/question/system.h"
#include "tests/cloud/aggregator/marked_record.h"

namespace tributary::api {
namespace {

using testing::marked_record;

constexpr int64_t kNowS = 1'700'000'040;
constexpr int64_t kNowNs = kNowS * kNanosPerSecond;
constexpr int64_t kMillisecond = 1'000'000;

TEST(Traffic, BucketsGrowByAFourthOfAnOctaveAndTakeEverything) {
  EXPECT_EQ(Traffic::bucket_of(-5), 0u);
  EXPECT_EQ(Traffic::bucket_of(kMillisecond), 0u);
  EXPECT_EQ(Traffic::bucket_of(2 * kMillisecond), 4u);
  EXPECT_EQ(Traffic::bucket_of(1000 * kMillisecond), 39u);  // 2^(39/4) ms = 861 ms, 2^(40/4) ms = 1,024 ms
  EXPECT_EQ(Traffic::bucket_of(INT64_MAX), query::DelayBuckets::kCount - 1);
}

TEST(Traffic, DelaysRunFromTheGatewaysMarkAndOfAPostFromItsAppend) {
  Traffic traffic;
  traffic.add(marked_record("demo", kNowNs - 512 * kMillisecond, kNowNs - 5 * kMillisecond), kNowNs);
  log::Record post = marked_record("demo", 0, kNowNs - 16 * kMillisecond);
  post.kind = log::RecordKind::kIngest;
  traffic.add(post, kNowNs);
  log::Record rejected = marked_record("demo", 0, kNowNs);
  rejected.kind = log::RecordKind::kRejected;
  traffic.add(rejected, kNowNs);
  rejected.kind = log::RecordKind::kStatus;
  traffic.add(rejected, kNowNs);

  const auto minutes = traffic.minutes("demo", kNowNs);
  ASSERT_EQ(minutes.size(), 1u);
  EXPECT_EQ(minutes[0].start_s, kNowS / 60 * 60);
  EXPECT_EQ(minutes[0].messages, 1u);
  EXPECT_EQ(minutes[0].posts, 1u);
  EXPECT_EQ(minutes[0].rejected, 1u);
  EXPECT_EQ(minutes[0].delays[36], 1u);
  EXPECT_EQ(minutes[0].delays[16], 1u);
  EXPECT_TRUE(traffic.minutes("other", kNowNs).empty());
}

TEST(Traffic, AnHourIsKeptAndNotMore) {
  Traffic traffic;
  for (int64_t k = 0; k < 200; ++k) {
    const int64_t at_ns = kNowNs + k * 60 * kNanosPerSecond;
    traffic.add(marked_record("demo", at_ns, at_ns), at_ns);
  }
  const int64_t end_ns = kNowNs + 199 * 60 * kNanosPerSecond;
  EXPECT_EQ(traffic.minutes("demo", end_ns).size(), 60u);
  EXPECT_EQ(traffic.minutes("demo", end_ns + 30 * 60 * kNanosPerSecond).size(), 30u);
  EXPECT_TRUE(traffic.minutes("demo", end_ns + 2 * 3600 * kNanosPerSecond).empty());
}

TEST(Traffic, TheTenantsHeardOfLastAreKept) {
  Traffic traffic;
  for (size_t k = 0; k < Traffic::kTenantsMax; ++k)
    traffic.add(marked_record("t" + std::to_string(k), kNowNs, kNowNs), kNowNs);
  traffic.add(marked_record("t0", kNowNs, kNowNs), kNowNs);
  traffic.add(marked_record("another", kNowNs, kNowNs), kNowNs);
  EXPECT_EQ(traffic.minutes("t0", kNowNs).size(), 1u);
  EXPECT_TRUE(traffic.minutes("t1", kNowNs).empty());
  EXPECT_EQ(traffic.minutes("another", kNowNs).size(), 1u);
}

}  // namespace
}  // namespace tributary::api
