// SPDX-License-Identifier: Apache-2.0
// Claims about --inspect: it tells what is in an outbox, whatever state that is in, and writes nothing.
#include "edge/inspect.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "edge/gateway/gateway.h"
#include "tests/support/damage.h"
#include "tests/support/reading.h"
#include "tests/support/temp_dir.h"

namespace tributary::edge {
namespace {

using test::TempDir;

std::map<std::string, std::string> contents(const std::string& folder) {
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) out[entry.path().string()] = test::read_file(entry.path().string());
  }
  return out;
}

// A copy of a kept outbox, as a state_dir.
void copy_kept(const std::string& name, const TempDir& dir) {
  std::filesystem::copy(std::string(TRIBUTARY_TEST_DATA) + "/outbox/" + name, dir.file("outbox"));
}

void expect_lines(const std::string& told, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) EXPECT_NE(told.find(line), std::string::npos) << line << "\n---\n" << told;
}

TEST(Inspect, TellsMetaEpochsFlightGapsAndOpenWindowsAndTouchesNothing) {
  TempDir dir;
  copy_kept("v2_dated", dir);
  const auto before = contents(dir.path());
  const auto told = inspect_outbox(dir.path());
  ASSERT_TRUE(told.ok()) << told.error().message;
  expect_lines(*told, {
                          "not in use",
                          "tenant acme, gateway attic, format version 2",
                          "epoch f30567547a34c162 (number 2), after c11f6531eb66d9a7",
                          "249 readings accepted",
                          "rejected bad_json: 9",
                          "kitchen temperature{site=\"roof\",unit=\"°C\"}",
                          "(overflow) humidity{site=\"roof\"}",
                          "meter energy{site=\"roof\"} (counter): last value ",
                          "of epoch c11f6531eb66d9a7 (an older one), seq 1 to ",
                          "of epoch f30567547a34c162, seq 1 to ",
                          "seq 1: opening, after none",
                          "seq 1: opening, after c11f6531eb66d9a7 seq ",
                          "seq 2: gap, crash, 2023-11-14T22:1",
                          "waiting: nothing",
                          "checkpoint: 4 open windows",
                          "undated: nothing",
                      });
  EXPECT_EQ(told->find("CANNOT"), std::string::npos) << *told;
  EXPECT_EQ(contents(dir.path()), before) << "nothing was written, and no file was made";
  EXPECT_EQ(inspect_outbox(dir.file("outbox")).value(), *told) << "the outbox itself may be named as well";
}

TEST(Inspect, TellsWaitingByWidthAndReadingsWithoutADate) {
  TempDir dir;
  copy_kept("v2_undated", dir);
  const auto told = inspect_outbox(dir.path());
  ASSERT_TRUE(told.ok()) << told.error().message;
  expect_lines(*told, {
                          "341 readings accepted",
                          "width 10 s: 8 partials",
                          "undated:\n  boot 1 33333333333333333333333333333333: ",
                          "  boot 2 44444444444444444444444444444444: ",
                          "no date yet",
                          "as they came: ",
                          "checkpoint: 0 open windows",
                      });
  EXPECT_EQ(told->find("CANNOT"), std::string::npos) << *told;
}

// The outbox may be open in this process only once, so a child asks.
TEST(Inspect, WorksWhileTheEdgeRunsAndIsInItsWayNowhere) {
  TempDir dir;
  GatewayConfig config;
  config.tenant = "acme";
  config.gateway = "attic";
  config.state_dir = dir.path();
  config.budget_bytes = 4 << 20;
  config.sync = false;
  config.clock_trust = ClockTrust::kAlways;
  Instant now{1'700'000'000 * kNanosPerSecond, kNanosPerSecond};
  auto gateway = Gateway::open(
      config, [n = uint64_t{1}]() mutable { return n++; }, now);
  ASSERT_TRUE(gateway.ok());
  const auto work = [&] {
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE((*gateway)->accept(test::number("d", "m", std::nullopt, i), now));
      now.wall_ns += kNanosPerSecond;
      now.mono_ns += kNanosPerSecond;
      EXPECT_TRUE((*gateway)->tick(now).ok());
    }
  };
  work();
  const pid_t child = ::fork();
  if (child == 0) {
    const auto told = inspect_outbox(dir.path());
    const bool good = told.ok() && told->find("in use: ") != std::string::npos &&
                      told->find("20 readings accepted") != std::string::npos;
    ::_exit(good ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  work();
  EXPECT_EQ((*gateway)->stats().accepted_total, 40U);
}

TEST(Inspect, WhatCannotBeReadBackIsCountedAndTheRestIsTold) {
  TempDir dir;
  copy_kept("v2_dated", dir);
  // A name that stands in values only: bits of values do not disturb the pages.
  const std::string file = dir.file("outbox/data.mdb");
  std::string bytes = test::read_file(file);
  size_t found = 0;
  for (size_t at = bytes.find("cellar"); at != std::string::npos; at = bytes.find("cellar", at + 1)) {
    bytes[at] = 'C';
    ++found;
  }
  ASSERT_GT(found, 0U);
  test::write_file(file, bytes);
  const auto told = inspect_outbox(dir.path());
  ASSERT_TRUE(told.ok()) << told.error().message;
  expect_lines(*told, {"3 series known, 1 CANNOT BE READ", "kitchen temperature", "249 readings accepted"});
}

TEST(Inspect, ADamagedFileIsSaidWhereverItIsDamagedAndNeverHarms) {
  const std::string whole = test::read_file(std::string(TRIBUTARY_TEST_DATA) + "/outbox/v2_undated/data.mdb");
  int damaged = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    TempDir dir;
    std::filesystem::create_directory(dir.file("outbox"));
    std::string what;
    test::write_file(dir.file("outbox/data.mdb"), test::damaged(whole, seed, what));
    const auto before = contents(dir.path());
    const auto told = inspect_outbox(dir.path());
    if (!told.ok()) {
      ++damaged;
      EXPECT_FALSE(told.error().message.empty()) << what;
    }
    ASSERT_EQ(contents(dir.path()), before) << what;
  }
  EXPECT_GT(damaged, 20);
}

TEST(Inspect, WhereNoOutboxIsThatIsSaid) {
  TempDir dir;
  const auto told = inspect_outbox(dir.path());
  ASSERT_FALSE(told.ok());
  EXPECT_EQ(told.error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

}  // namespace
}  // namespace tributary::edge
