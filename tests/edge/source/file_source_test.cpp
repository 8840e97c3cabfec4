// SPDX-License-Identifier: Apache-2.0
// Claims about files as sensors.
#include "edge/source/file_source.h"

#include <gtest/gtest.h>

#include "tests/support/fake_gateway.h"
#include "tests/support/temp_dir.h"

namespace tributary::edge {
namespace {

using test::FakeGateway;
using test::TempDir;
using Values = std::map<std::string, double>;

TEST(FileSource, FieldsAreFoundByPlaceAndByWord) {
  EXPECT_EQ(find_field("0.52 0.58 0.59 1/602 12345\n", ""), "0.52");
  EXPECT_EQ(find_field("0.52 0.58 0.59 1/602 12345\n", "3"), "0.59");
  EXPECT_EQ(find_field("0.52\n", "2"), std::nullopt);
  EXPECT_EQ(find_field("0.52\n", "0"), std::nullopt);
  const char* meminfo = "MemTotal:       16314212 kB\nMemAvailable:   11804736 kB\n  Cached=7\nEmpty:\n";
  EXPECT_EQ(find_field(meminfo, "MemAvailable"), "11804736");
  EXPECT_EQ(find_field(meminfo, "MemTotal"), "16314212");
  EXPECT_EQ(find_field(meminfo, "Cached"), "7");
  EXPECT_EQ(find_field(meminfo, "Mem"), std::nullopt);
  EXPECT_EQ(find_field(meminfo, "Empty"), std::nullopt);
  EXPECT_EQ(find_field("", "x"), std::nullopt);
  EXPECT_EQ(find_field("", ""), std::nullopt);
}

TEST(FileSource, ReadsAtItsIntervalAndScales) {
  TempDir dir;
  FakeGateway gateway;
  FileSource source({.path = dir.write("temp", "48312\n"),
                     .device = "pi",
                     .metric = "temperature",
                     .scale = 0.001,
                     .interval_ms = 1000});
  EXPECT_EQ(source.drain(gateway, {5, 0}), 1u);
  EXPECT_EQ(source.drain(gateway, {6, 999'999'999}), 0u);
  EXPECT_EQ(source.due_ns(), 1'000'000'000);
  EXPECT_EQ(source.drain(gateway, {7, 1'000'000'000}), 1u);
  ASSERT_EQ(gateway.readings.size(), 2u);
  EXPECT_DOUBLE_EQ(gateway.readings[0].value, 48.312);
  EXPECT_EQ(gateway.readings[1].arrived_ns, 7);
  source.stop();
  EXPECT_EQ(source.due_ns(), INT64_MAX);
}

TEST(FileSource, AMissingFileIsTriedAgain) {
  TempDir dir;
  FakeGateway gateway;
  FileSource source({.path = dir.file("later"), .device = "pi", .metric = "m", .interval_ms = 100});
  EXPECT_EQ(source.drain(gateway, {0, 0}), 0u);
  EXPECT_TRUE(gateway.rejected.empty());
  dir.write("later", "3");
  EXPECT_EQ(source.drain(gateway, {0, 100'000'000}), 1u);
  EXPECT_EQ(gateway.values(), (Values{{"pi/m", 3}}));
}

TEST(FileSource, AStarGivesEachFileAMetricOfItsOwn) {
  TempDir dir;
  for (const char* zone : {"thermal_zone0", "thermal_zone1"}) {
    std::filesystem::create_directory(dir.file(zone));
    dir.write(std::string(zone) + "/temp", "1");
  }
  FakeGateway gateway;
  FileSource source({.path = dir.path() + "/*/temp", .device = "pi", .metric = "temperature"});
  EXPECT_EQ(source.drain(gateway, {0, 0}), 2u);
  EXPECT_EQ(gateway.values(), (Values{{"pi/temperature_thermal_zone0", 1}, {"pi/temperature_thermal_zone1", 1}}));
}

TEST(FileSource, WhatIsNoNumberIsCounted) {
  TempDir dir;
  FakeGateway gateway;
  auto drain = [&](const char* text, const char* key, double scale) {
    FileSource source({.path = dir.write("f", text), .device = "pi", .metric = "m", .key = key, .scale = scale});
    source.drain(gateway, {0, 0});
  };
  drain("hot", "", 1);
  drain("", "", 1);
  drain("a: 1", "b", 1);
  drain("1e300", "", 1e300);
  EXPECT_TRUE(gateway.readings.empty());
  EXPECT_EQ(gateway.rejected["not_a_number"], 1u);
  EXPECT_EQ(gateway.rejected["no_value"], 2u);
  EXPECT_EQ(gateway.rejected["out_of_range"], 1u);
}

TEST(FileSource, TheMachineItRunsOnCanBeMeasured) {
  FakeGateway gateway;
  FileSource load({.path = "/proc/loadavg", .device = "pi", .metric = "load"});
  FileSource memory(
      {.path = "/proc/meminfo", .device = "pi", .metric = "memory", .key = "MemAvailable", .scale = 1024});
  load.drain(gateway, {0, 0});
  memory.drain(gateway, {0, 0});
  EXPECT_EQ(gateway.readings.size(), 2u);
  EXPECT_TRUE(gateway.rejected.empty());
}

}  // namespace
}  // namespace tributary::edge
