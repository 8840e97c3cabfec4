// SPDX-License-Identifier: Apache-2.0
// Claims about timestamps: decimals to the nanosecond, RFC 3339 both ways, nothing through a double.
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "common/reading/payload.h"

namespace tributary::reading {
namespace {

constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kGreatest = std::numeric_limits<int64_t>::max();

TEST(Timestamp, UnixNumbersAreToldApartByMagnitude) {
  EXPECT_EQ(parse_timestamp("1594598424"), 1594598424'000000000);
  EXPECT_EQ(parse_timestamp("1594598424502"), 1594598424'502000000);
  EXPECT_EQ(parse_timestamp("1594598424502333"), 1594598424'502333000);
  EXPECT_EQ(parse_timestamp("1594598424502333654"), 1594598424'502333654);
  EXPECT_EQ(parse_timestamp("0"), 0);
  EXPECT_EQ(parse_timestamp("-1.5"), -1'500000000);
  EXPECT_EQ(parse_timestamp("99999999999.999999999"),
            std::nullopt);  // a second of the year 5138: beyond int64 nanoseconds
  EXPECT_EQ(parse_timestamp("100000000000"), 100000000'000000000);  // 1e11: milliseconds from here on
  EXPECT_EQ(parse_timestamp("9223372036854"), 9223372036'854000000);
}

TEST(Timestamp, DecimalsAreExactToTheNanosecondAndCutBeyond) {
  EXPECT_EQ(parse_timestamp("1594598424.5023336"), 1594598424'502333600);
  EXPECT_EQ(parse_timestamp("1594598424.123456789"), 1594598424'123456789);
  EXPECT_EQ(parse_timestamp("1594598424.1234567899999"), 1594598424'123456789);
  EXPECT_EQ(parse_timestamp("0.000000001"), 1);
  EXPECT_EQ(parse_timestamp("1594598424502.333654"), 1594598424'502333654);
}

TEST(Timestamp, ExponentsAreRead) {
  EXPECT_EQ(parse_timestamp("1.5945984245023336e9"), 1594598424'502333600);
  EXPECT_EQ(parse_timestamp("1.594598424502e+12"), 1594598424'502000000);
  EXPECT_EQ(parse_timestamp("15E-1"), 1'500000000);
  EXPECT_EQ(parse_timestamp("1e99999999999"), std::nullopt);
  EXPECT_EQ(parse_timestamp("1e-99999999999"), 0);
  EXPECT_EQ(parse_timestamp("0e99999999999"), 0);
}

TEST(Timestamp, Rfc3339IsRead) {
  EXPECT_EQ(parse_timestamp("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_timestamp("2026-11-20T23:51:20.5Z"), 1795218680'500000000);
  EXPECT_EQ(parse_timestamp("2026-11-21T00:51:20.500+01:00"), 1795218680'500000000);
  EXPECT_EQ(parse_timestamp("2026-11-20t18:51:20-05:00"), 1795218680'000000000);
  EXPECT_EQ(parse_timestamp("2026-11-20 23:51:20Z"), 1795218680'000000000);
  EXPECT_EQ(parse_timestamp("2024-02-29T12:00:00.1234567899Z"), 1709208000'123456789);
  EXPECT_EQ(parse_timestamp("2016-12-31T23:59:60Z"), 1483228800'000000000);
  EXPECT_EQ(parse_timestamp("1969-12-31T23:59:59.999999999Z"), -1);
}

TEST(Timestamp, AZoneMayBeWrittenWithoutAColonOrMinutes) {
  EXPECT_EQ(parse_timestamp("2026-11-21T00:51:20+0100"), 1795218680'000000000);
  EXPECT_EQ(parse_timestamp("2026-11-21T00:51:20.5+0100"), 1795218680'500000000);
  EXPECT_EQ(parse_timestamp("2026-11-20T18:51:20-05"), 1795218680'000000000);
  for (const char* text : {"2026-11-21T00:51:20+1", "2026-11-21T00:51:20+010", "2026-11-21T00:51:20+01000",
                           "2026-11-21T00:51:20+2400", "2026-11-21T00:51:20+0160", "2026-11-21T00:51:20+01:"})
    EXPECT_EQ(parse_timestamp(text), std::nullopt) << text;
}

TEST(Timestamp, WithoutAZoneATimeIsOneOnlyWhereThePlaceIsKnown) {
  for (const char* text : {"2026-11-21T00:51:20", "2026-11-21 00:51:20.25", "16:47", "16:47:01"})
    EXPECT_EQ(parse_timestamp(text), std::nullopt) << text;
  const LocalTime hour_ahead = [](int64_t local_s) { return local_s - 3600; };
  EXPECT_EQ(parse_timestamp("2026-11-21T00:51:20", hour_ahead), 1795218680'000000000);
  EXPECT_EQ(parse_timestamp("2026-11-21 00:51:20.25", hour_ahead), 1795218680'250000000);
  EXPECT_EQ(parse_timestamp("2026-11-21T00:51:20Z", hour_ahead), 1795222280'000000000) << "its own zone counts";
  EXPECT_EQ(parse_timestamp("16:47", hour_ahead), std::nullopt);
}

TEST(Timestamp, WhatIsNoneIsRefused) {
  for (const char* text : {"",
                           "-",
                           ".",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "e5",
                           "+1",
                           " 1",
                           "1 ",
                           "0x10",
                           "1,5",
                           "12:30",
                           "nan",
                           "@0.086036s",
                           "18:05",
                           "yesterday",
                           "2026-11-20",
                           "2026-11-20T23:51:20",
                           "2026-11-20T23:51Z",
                           "2026-13-01T00:00:00Z",
                           "2026-02-29T00:00:00Z",
                           "2026-01-01T24:00:00Z",
                           "2026-01-01T00:60:00Z",
                           "2026-01-01T00:00:61Z",
                           "2026-01-01T00:00:00.Z",
                           "2026-01-01T00:00:00+24:00",
                           "2026-01-01T00:00:00+010",
                           "2026-01-01T00:00:00ZZ",
                           "2300-01-01T00:00:00Z",
                           "1600-01-01T00:00:00Z",
                           "9999999999999999999999"}) {
    EXPECT_EQ(parse_timestamp(text), std::nullopt) << text;
  }
}

TEST(Timestamp, TheEndsOfInt64AreReached) {
  EXPECT_EQ(parse_timestamp("9223372036854775807"), kGreatest);
  EXPECT_EQ(parse_timestamp("9223372036854775808"), std::nullopt);
  EXPECT_EQ(parse_timestamp("-9223372036854775808"), kLeast);
  EXPECT_EQ(parse_timestamp(format_timestamp(kGreatest)), kGreatest);
  EXPECT_EQ(parse_timestamp(format_timestamp(kLeast)), kLeast);
}

TEST(Timestamp, IsWrittenWithAsManyDigitsAsItHas) {
  EXPECT_EQ(format_timestamp(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_timestamp(1795218680'500000000), "2026-11-20T23:51:20.5Z");
  EXPECT_EQ(format_timestamp(1795218680'000000001), "2026-11-20T23:51:20.000000001Z");
  EXPECT_EQ(format_timestamp(-1), "1969-12-31T23:59:59.999999999Z");
}

TEST(Timestamp, EveryInstantReadsBack) {
  const uint64_t seed = 20261121;
  RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200000; ++i) {
    auto time_ns = static_cast<int64_t>(random() >> (random() % 64));
    if ((random() & 1) != 0) time_ns = -time_ns;
    ASSERT_EQ(parse_timestamp(format_timestamp(time_ns)), time_ns) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tributary::reading
