// SPDX-License-Identifier: Apache-2.0
// tributaryctl state: what a state holds is told beside a running aggregator, and damage does not stop it.
#include "cloud/ctl/command/state.h"

#include <fstream>

#include "tests/cloud/ctl/fixture.h"

namespace tributary::ctl {
namespace {

class StateTest : public StoredTest {
 protected:
  Ran show(const Command& command, std::map<std::string, std::vector<std::string>, std::less<>> given = {}) {
    given["--dir"] = {state_dir()};
    return run(command, std::move(given));
  }
};

TEST_F(StateTest, ShowTellsHeadTablesAndGatewaysWhileTheStateIsInUse) {
  fill();
  const Ran ran = show(kStateShow);
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_TRUE(ran.says("  position 6, clock 2023-11-14T22:13:24Z, rows before 2023-11-14T21:00:00Z are materialised"))
      << ran.out;
  for (const auto& table : {"meta", "ledgers", "fresh", "log_gaps"}) EXPECT_TRUE(ran.says(std::string("  ") + table));
  EXPECT_TRUE(ran.says("  gateway demo/pi: messages from 2023-11-14T22:13:20Z to 2023-11-14T22:13:22Z, 1 gaps"))
      << ran.out;
  EXPECT_TRUE(ran.says("    epoch 0000000000000abc,")) << ran.out;
  EXPECT_TRUE(ran.says("lost 1, rejected 1, parked 0")) << ran.out;
}

TEST_F(StateTest, LedgerTellsLowWindowAndRanges) {
  fill();
  const Ran ran = show(kStateLedger, {{"--tenant", {"demo"}}, {"--gateway", {"pi"}}});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_TRUE(ran.says("    epoch 0000000000000abc: low 6, highest settled 8")) << ran.out;
  EXPECT_TRUE(ran.says("      window from 6: 011\n")) << ran.out;
  EXPECT_TRUE(ran.says("      lost 5 to 5 (gateway)\n")) << ran.out;
  EXPECT_TRUE(ran.says("      rejected 8 to 8 (rejected)\n")) << ran.out;
  EXPECT_EQ(show(kStateLedger, {{"--gateway", {"nobody"}}}).code, 1);
}

TEST_F(StateTest, RowsAreToldWithTheirLevelAndTheirSummary) {
  fill();
  const Ran ran = show(kStateRows, {{"--tenant", {"demo"}}, {"--metric", {"temperature"}}});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_TRUE(ran.says("  attic/temperature{unit=C} gauge, series 1\n")) << ran.out;
  EXPECT_TRUE(ran.says("    fresh  2023-11-14T22:13:10Z + 10 s  count 3, min 7, max 21.5, mean 16.666666666666668\n"))
      << ran.out;
  const Ran hex = show(kStateRows, {{"--tenant", {"demo"}}, {"--metric", {"temperature"}}, {"--hex", {}}});
  EXPECT_TRUE(hex.says("mean -3  0100607105b899971700000000000008c0\n")) << hex.out;
  const Ran none = show(kStateRows, {{"--tenant", {"other"}}, {"--metric", {"temperature"}}});
  EXPECT_EQ(none.code, 1);
  EXPECT_EQ(none.err, "tributaryctl: found no such series of that tenant\n");
  EXPECT_NE(show(kStateRows, {{"--tenant", {"demo"}}, {"--metric", {"temperature"}}, {"--level", {"2m"}}})
                .err.find("found level \"2m\", expected base, 1m, 15m, 1h, 1d or all"),
            std::string::npos);
}

// What the materialised tables hold is told as well, level by level.
TEST_F(StateTest, MaterialisedAndDirectRowsAreToldByLevel) {
  fill();
  append(gateway_.send({part(kNow - 86400 - kNow % 3600, 3600, 4, 2)}, kNow + 5));
  merge();
  const Ran ran = show(kStateRows, {{"--tenant", {"demo"}}, {"--metric", {"temperature"}}, {"--level", {"1h"}}});
  EXPECT_TRUE(ran.says("    rows   2023-11-13T22:00:00Z + 3600 s  count 2, min 4, max 4, mean 4\n")) << ran.out;
  EXPECT_TRUE(ran.says("    direct 2023-11-13T22:00:00Z + 3600 s  count 2, min 4, max 4, mean 4\n")) << ran.out;
  EXPECT_FALSE(ran.says("fresh"));
  const Ran fleet = show(kStateRows, {{"--tenant", {"demo"}}, {"--metric", {"temperature"}}, {"--device", {"*"}}});
  EXPECT_TRUE(fleet.says("  */temperature{unit=C} gauge, series ")) << fleet.out;
}

TEST_F(StateTest, NothingIsWrittenAndADamagedValueIsNamedWhileTheRestIsShown) {
  fill();
  merging_.reset();
  const std::string file = state_dir() + "/partition-0/data.mdb";
  std::string bytes;
  {
    std::ifstream in(file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  // The names of the gateway's record: its text "pi" behind "demo" stands in no other value that way.
  const size_t at = bytes.rfind(std::string("\x04") + "demo\x02pi");
  ASSERT_NE(at, std::string::npos);
  std::string damaged = bytes;
  for (size_t found = 0; (found = damaged.find(std::string("\x04") + "demo\x02pi", found)) != std::string::npos;) {
    damaged[found + 7] = 'X';
  }
  std::ofstream(file, std::ios::binary | std::ios::trunc) << damaged;
  const Ran ran = show(kStateShow);
  EXPECT_EQ(ran.code, 1);
  EXPECT_TRUE(ran.says("its record is damaged")) << ran.out << ran.err;
  EXPECT_TRUE(ran.says("  position 6, clock")) << ran.out;
  EXPECT_FALSE(std::filesystem::exists(state_dir() + "/partition-0/check_all"));
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(in), {}) == damaged) << "looking has written";
}

TEST_F(StateTest, WhatIsNoStateIsNamedWithWhatWasExpected) {
  const Ran ran = run(kStateShow, {{"--dir", {folder_.path("nowhere")}}});
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("found no state in " + folder_.path("nowhere") + ", expected a folder partition-N"),
            std::string::npos)
      << ran.err;
  EXPECT_FALSE(std::filesystem::exists(folder_.path("nowhere")));
}

}  // namespace
}  // namespace tributary::ctl
