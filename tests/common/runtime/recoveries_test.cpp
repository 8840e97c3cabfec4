// SPDX-License-Identifier: Apache-2.0
// Claims about what is told after a recovery: words a person reads, and metrics that say the same.
#include "common/runtime/recoveries.h"

#include <gtest/gtest.h>

namespace tributary::runtime {
namespace {

TEST(Recoveries, DurationsReadAsAPersonSaysThem) {
  EXPECT_EQ(format_duration(-1), "0.000 s");
  EXPECT_EQ(format_duration(0.0314), "0.031 s");
  EXPECT_EQ(format_duration(0.42), "0.4 s");
  EXPECT_EQ(format_duration(12.4), "12 s");
  EXPECT_EQ(format_duration(200), "3 min 20 s");
  EXPECT_EQ(format_duration(59.9), "1 min");
  EXPECT_EQ(format_duration(5 * 3600 + 125), "5 h 2 min");
  EXPECT_EQ(format_duration(86400), "1 day");
  EXPECT_EQ(format_duration(30 * 86400 + 4 * 3600), "30 days 4 h");
}

TEST(Recoveries, AmountsHaveTheirPluralAndGroups) {
  EXPECT_EQ(format_amount(0, "window"), "0 windows");
  EXPECT_EQ(format_amount(1, "window"), "1 window");
  EXPECT_EQ(format_amount(999, "window"), "999 windows");
  EXPECT_EQ(format_amount(1204, "record"), "1,204 records");
  EXPECT_EQ(format_amount(12345678, "record"), "12,345,678 records");
}

TEST(Recoveries, EveryKindIsToldFromTheStartAndTheLastOfEachWithItsAmounts) {
  Recoveries recoveries({"crash", "full_disk"});
  Exposition before;
  recoveries.families(before);
  EXPECT_NE(before.text().find("tributary_recoveries_total{kind=\"crash\"} 0\n"), std::string::npos);
  EXPECT_NE(before.text().find("tributary_recoveries_total{kind=\"full_disk\"} 0\n"), std::string::npos);
  EXPECT_EQ(before.text().find("tributary_last_recovery_seconds{"), std::string::npos);

  recoveries.note({"crash", 3, {{"waiting_partials", 1}, {"flight_items", 9}}, "once"});
  recoveries.note({"crash", 0.25, {{"waiting_partials", 2}}, "twice"});
  EXPECT_EQ(recoveries.count("crash"), 2U);
  EXPECT_EQ(recoveries.count("full_disk"), 0U);
  Exposition after;
  recoveries.families(after);
  const std::string& text = after.text();
  EXPECT_NE(text.find("tributary_recoveries_total{kind=\"crash\"} 2\n"), std::string::npos) << text;
  EXPECT_NE(text.find("tributary_last_recovery_seconds{kind=\"crash\"} 0.25\n"), std::string::npos) << text;
  EXPECT_NE(text.find("tributary_last_recovery_amount{kind=\"crash\",of=\"waiting_partials\"} 2\n"), std::string::npos);
  EXPECT_EQ(text.find("flight_items"), std::string::npos) << "of the one before";
  EXPECT_NE(text.find("tributary_last_recovery_timestamp_seconds{kind=\"crash\"} "), std::string::npos);
}

}  // namespace
}  // namespace tributary::runtime
