// SPDX-License-Identifier: Apache-2.0
// Claims about zones: found as people write them, and what their clocks mean.
#include "common/zone/zone.h"

#include <gtest/gtest.h>

#include <string>

namespace tributary {
namespace {

TEST(Zone, IsFoundInAnyCaseAndNeverAsAPath) {
  for (const char* name : {"UTC", "utc", "europe/berlin", "EUROPE/BERLIN", "Asia/Kathmandu"})
    EXPECT_NE(find_zone(name), nullptr) << name;
  for (const char* name : {"", "localtime", "posixrules", "posix/UTC", "right/UTC", "Mars", "../../etc/passwd",
                           "/etc/localtime", "Europe/Berlin "})
    EXPECT_EQ(find_zone(name), nullptr) << name;
  EXPECT_EQ(find_zone(std::string(100'000, 'a')), nullptr);
}

TEST(Zone, ALocalTimeIsTheEarlierOneWhereTheClockShowsItTwice) {
  const auto berlin = local_time_in(*find_zone("Europe/Berlin"));
  EXPECT_EQ(berlin(1'782'907'200), 1'782'900'000) << "2026-07-01 12:00, two hours ahead of UTC";
  EXPECT_EQ(berlin(1'792'895'400), 1'792'888'200) << "2026-10-25 02:30, shown twice";
  EXPECT_EQ(berlin(1'774'751'400), 1'774'746'000) << "2026-03-29 02:30, leapt over at 01:00 UTC";
}

}  // namespace
}  // namespace tributary
