// SPDX-License-Identifier: Apache-2.0
// tributaryctl summary show: all statistics of the bytes, or what is wrong with them.
#include "cloud/ctl/command/summary.h"

#include "cloud/ctl/describe.h"
#include "tests/cloud/ctl/fixture.h"

namespace tributary::ctl {
namespace {

std::string hex(const std::string& bytes) {
  std::string text;
  for (const char c : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<uint8_t>(c));
    text += two;
  }
  return text;
}

Ran show(const std::string& text) { return run(kSummaryShow, {{"summary", {text}}}); }

std::string some_summary() {
  stats::Summary summary;
  for (const double value : {-2.0, 0.0, 1.0, 3.0}) summary.add(1'700'000'000'000'000'000, value);
  return testing::encoded(summary);
}

TEST(SummaryShow, AllStatisticsAreTold) {
  const Ran ran = show(hex(some_summary()));
  EXPECT_EQ(ran.code, 0) << ran.err;
  for (const char* line : {"count         4\n", "sum           2\n", "mean          0.5\n", "min           -2\n",
                           "max           3\n", "first         -2 at 2023-11-14T22:13:20Z\n",
                           "distribution  scale 8, 4 readings, 1 of them zero, 3 buckets\n", "  bucket -1 "}) {
    EXPECT_TRUE(ran.says(line)) << line << "\n" << ran.out;
  }
}

TEST(SummaryShow, OneReadingInBase64IsTheSameAsInHexadecimal) {
  stats::Summary one;
  one.add(5, 0.5);
  EXPECT_EQ(hex(testing::encoded(one)), "010500000000000000000000000000e03f");
  EXPECT_EQ(show("AQUAAAAAAAAAAAAAAAAA4D8=").out, show("010500000000000000000000000000e03f").out);
  EXPECT_TRUE(show("AQUAAAAAAAAAAAAAAAAA4D8=").says("count         1\n"));
}

TEST(SummaryShow, WhatIsWrongWithBytesIsSaid) {
  EXPECT_NE(show("x yz").err.find("found 4 characters that are neither hexadecimal"), std::string::npos);
  EXPECT_NE(show("0100").err.find("found 2 bytes of the form 0x01 (one reading), expected 17"), std::string::npos);
  EXPECT_NE(show("0000").err.find("found 2 bytes of the form 0x00 (no reading), expected 1"), std::string::npos);
  EXPECT_NE(show("05").err.find("found 0x05 as the form"), std::string::npos);
  std::string cut = some_summary();
  cut.pop_back();
  EXPECT_NE(show(hex(cut)).err.find("its distribution part, from byte "), std::string::npos) << show(hex(cut)).err;
  EXPECT_NE(show(hex(some_summary() + "more")).err.find("found 4 bytes behind its last part"), std::string::npos);
}

// Whatever the bytes: one is a summary, or there is a reason why not.
TEST(SummaryShow, EveryChangeOfOneByteIsASummaryOrHasAReason) {
  const std::string good = some_summary();
  for (size_t at = 0; at < good.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string bytes = good;
      bytes[at] = static_cast<char>(byte);
      stats::Summary summary;
      EXPECT_EQ(summary_fault(as_bytes(bytes)).empty(), summary.decode(as_bytes(bytes))) << at << " " << byte;
    }
  }
}

}  // namespace
}  // namespace tributary::ctl
