// SPDX-License-Identifier: Apache-2.0
// Days of time zones.
#include "cloud/api/days.h"

#include <gtest/gtest.h>

#include "common/reading/payload.h"
#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

int64_t at(const std::string& text) { return *reading::parse_timestamp(text); }

std::vector<int64_t> hours_of(const std::string& tz, const std::string& from, const std::string& to) {
  const auto days = local_days(tz, at(from), at(to));
  EXPECT_TRUE(days.ok()) << days.error().message;
  std::vector<int64_t> hours;
  for (size_t i = 0; days.ok() && i + 1 < days->size(); ++i) hours.push_back(((*days)[i + 1] - (*days)[i]) / 3600);
  return hours;
}

TEST(LocalDays, AreAsLongAsTheirZoneDecides) {
  EXPECT_EQ(hours_of("Europe/Berlin", "2023-03-24T23:00:00Z", "2023-03-27T00:00:00Z"),
            (std::vector<int64_t>{24, 23, 24}));
  EXPECT_EQ(hours_of("Europe/Berlin", "2023-10-27T22:00:00Z", "2023-10-30T00:00:00Z"),
            (std::vector<int64_t>{24, 25, 24}));
  // Midnight does not exist on the day when clocks leap over it.
  EXPECT_EQ(hours_of("America/Santiago", "2023-09-02T04:00:00Z", "2023-09-04T04:00:00Z"),
            (std::vector<int64_t>{24, 23, 24}));
  // Samoa had no 30 December 2011.
  EXPECT_EQ(hours_of("Pacific/Apia", "2011-12-28T10:00:00Z", "2011-12-31T10:00:00Z").size(), 3u);
  EXPECT_EQ(local_days("Asia/Kathmandu", at("2023-01-01T00:00:00Z"), at("2023-01-02T00:00:00Z"))->front(),
            at("2023-01-01T18:15:00Z") / kNanosPerSecond);
}

TEST(LocalDays, ZonesAreFoundInAnyCase) {
  for (const char* name : {"UTC", "utc", "europe/berlin", "EUROPE/BERLIN", "america/argentina/buenos_aires"})
    EXPECT_TRUE(is_zone(name)) << name;
  EXPECT_EQ(local_days("asia/kathmandu", at("2023-01-01T00:00:00Z"), at("2023-01-02T00:00:00Z"))->front(),
            at("2023-01-01T18:15:00Z") / kNanosPerSecond);
}

TEST(LocalDays, ADayBelongsToARangeIfItsBeginningDoes) {
  const int64_t midnight = at("2023-06-01T22:00:00Z");
  EXPECT_EQ(local_days("Europe/Berlin", midnight, midnight + 1)->size(), 2u);
  EXPECT_TRUE(local_days("Europe/Berlin", midnight + 1, midnight + kNanosPerSecond)->empty());
  EXPECT_TRUE(local_days("Europe/Berlin", midnight - 1, midnight)->empty());
}

TEST(LocalDays, WhatDoesNotFitQuartersIsRefused) {
  EXPECT_EQ(local_days("Africa/Monrovia", at("1970-06-01T00:00:00Z"), at("1970-06-05T00:00:00Z")).error().code,
            ErrorCode::kInvalid);
  EXPECT_TRUE(local_days("Africa/Monrovia", at("2020-06-01T00:00:00Z"), at("2020-06-05T00:00:00Z")).ok());
  EXPECT_EQ(local_days("UTC", at("1990-01-01T00:00:00Z"), at("2020-01-01T00:00:00Z")).error().code,
            ErrorCode::kInvalid);
  for (const char* name :
       {"", "Berlin", "../../etc/passwd", "/etc/localtime", "Europe/Berlin ", "localtime", "posix/UTC"})
    EXPECT_FALSE(is_zone(name)) << name;
}

using DaysTest = ApiTest;

TEST_F(DaysTest, ARowOfALocalDayIsTheSummaryOfItsRange) {
  const int64_t from_s = at("2023-10-26T00:00:00Z") / kNanosPerSecond;
  for (int64_t i = 0; i < 6 * 96; ++i) query_.add("demo", i % 2 == 0 ? "a" : "b", "level", from_s + i * 900 + 5, i);
  for (const std::string tz : {"Europe/Berlin", "Asia/Kathmandu", "America/New_York", "UTC"}) {
    const std::string path =
        "/api/v1/series?metric=level&by=device&from=2023-10-25T00:00:00Z&to=2023-11-03T00:00:00Z&stats=count,sum,p95";
    const Json answer = ask(path + "&step=1d&tz=" + tz);
    EXPECT_EQ(answer["tz"], tz);
    uint64_t count = 0;
    for (const auto& group : answer["series"]) {
      for (const auto& row : group["rows"]) {
        const int64_t start_s = at(row["start"]) / kNanosPerSecond;
        const Json summary = ask("/api/v1/summary?metric=level&device=" + group["group"].get<std::string>() +
                                 "&stats=count,sum,p95&from=" + std::to_string(start_s) +
                                 "&to=" + std::to_string(start_s + row["width"].get<int64_t>()));
        for (const char* stat : {"count", "sum", "p95"}) EXPECT_EQ(row[stat], summary[stat]) << tz << row;
        count += row["count"].get<uint64_t>();
      }
    }
    EXPECT_EQ(count, 576u) << tz;
  }
  const Json berlin =
      ask("/api/v1/series?metric=level&from=2023-10-28T00:00:00Z&to=2023-10-29T00:00:00Z&step=1d&tz=Europe/Berlin");
  ASSERT_EQ(berlin["series"][0]["rows"].size(), 1u);
  EXPECT_EQ(berlin["series"][0]["rows"][0]["start"], "2023-10-28T22:00:00Z");
  EXPECT_EQ(berlin["series"][0]["rows"][0]["width"], 25 * 3600);
  EXPECT_EQ(berlin["series"][0]["rows"][0]["count"], 8) << "the two hours of it that lie before the end";
}

TEST_F(DaysTest, AZoneWithoutDaysIsRefused) {
  for (const char* query : {"&tz=Nowhere&step=1d", "&tz=Europe/Berlin", "&tz=Europe/Berlin&step=1h",
                            "&tz=Africa/Monrovia&step=1d&from=1970-02-01T00:00:00Z&to=1970-03-01T00:00:00Z"})
    EXPECT_EQ(ask(std::string("/api/v1/series?metric=temperature") + query, 400)["parameter"], "tz") << query;
}

}  // namespace
}  // namespace tributary::api
