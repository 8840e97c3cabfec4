// SPDX-License-Identifier: Apache-2.0
// Claims about the list of sources and the tables from which they are made.
#include "edge/source/sources.h"

#include <gtest/gtest.h>

#include <set>

#include "edge/source/file_source.h"
#include "edge/source/mqtt_source.h"
#include "tests/support/temp_dir.h"

namespace tributary::edge {
namespace {

// The uplink's: ssl, with a user of its own.
SourceSurroundings surroundings() {
  SourceSurroundings out;
  out.gateway = "attic";
  out.uplink.url = "ssl://broker:8883";
  out.uplink.username = "other";
  out.uplink.password = "s3cret";
  out.uplink.ca_file = "ca.crt";
  return out;
}

std::vector<runtime::ConfigTable> tables(runtime::Config& file, const char* key) {
  return file.root().table("source").tables(key);
}

runtime::Config parse(const std::string& text) {
  auto file = runtime::Config::parse(text, "edge.toml");
  EXPECT_TRUE(file.ok());
  return std::move(file.value());
}

TEST(Sources, EveryKeyOfAnMqttSourceReachesItsPart) {
  test::TempDir dir;
  runtime::Config file = parse("[[source.mqtt]]\nurl = \"tcp://127.0.0.1:1884\"\npassword_file = \"" +
                               dir.write("secret", "s3cret\n") + R"("
topics = ["zigbee2mqtt/+"]
qos = 0
retained = "accept"
rename = { temp = "temperature" }
ignore = ["linkquality"]
)");
  const MqttSourceConfig source = read_mqtt_source(tables(file, "mqtt").at(0), surroundings());
  EXPECT_TRUE(file.finish().ok());
  EXPECT_EQ(source.client.client_id, "attic-source");
  EXPECT_EQ(source.client.username, "attic");
  EXPECT_EQ(source.client.password, "s3cret");
  EXPECT_EQ(source.topics, std::vector<std::string>{"zigbee2mqtt/+"});
  EXPECT_EQ(source.qos, 0);
  EXPECT_TRUE(source.reader.accept_retained);
  EXPECT_EQ(source.reader.rename.at("temp"), "temperature");
  EXPECT_TRUE(source.reader.ignore.contains("linkquality"));
}

TEST(Sources, RenamesAreLookedUpByTheNameThatTheFieldWouldHave) {
  runtime::Config file = parse(
      "[[source.mqtt]]\nurl = \"tcp://h\"\nrename = { \"温度\" = \"temperature\", \"Wi Fi\" = \"rssi\" }\n"
      "decimal_comma = true\ntimezone = \"europe/berlin\"\n");
  const MqttSourceConfig source = read_mqtt_source(tables(file, "mqtt").at(0), surroundings());
  EXPECT_TRUE(file.finish().ok());
  EXPECT_EQ(source.reader.rename.at("温度"), "temperature");
  EXPECT_EQ(source.reader.rename.at("Wi_Fi"), "rssi");
  EXPECT_TRUE(source.reader.decimal_comma);
  ASSERT_TRUE(source.reader.local_time);
  EXPECT_EQ(source.reader.local_time(1'782'907'200), 1'782'900'000) << "a clock in Berlin in July";
}

// The same broker as the uplink's, and no credentials of its own: the uplink's, under another client id.
TEST(Sources, OnTheUplinksBrokerItsCredentialsCount) {
  runtime::Config file = parse("[[source.mqtt]]\nurl = \"ssl://broker:8883\"\n");
  SourceSurroundings around = surroundings();
  around.index = 1;
  const MqttSourceConfig source = read_mqtt_source(tables(file, "mqtt").at(0), around);
  EXPECT_EQ(source.client.client_id, "attic-source2");
  EXPECT_EQ(source.client.password, "s3cret");
  EXPECT_EQ(source.client.ca_file, "ca.crt");
  EXPECT_EQ(source.topics, (std::vector<std::string>{"sensors/+", "sensors/+/+"}));
}

TEST(Sources, EveryKeyOfAFileSourceReachesItsPart) {
  runtime::Config file = parse(R"(
[[source.file]]
path = "/sys/class/thermal/*/temp"
device = "pi"
metric = "temperature"
scale = 0.001
interval_ms = 5000
[[source.file]]
path = "/proc/meminfo"
device = "pi"
metric = "memory_available"
key = "MemAvailable"
scale = 1024
)");
  const auto found = tables(file, "file");
  ASSERT_EQ(found.size(), 2u);
  const FileSourceConfig first = read_file_source(found[0]), second = read_file_source(found[1]);
  EXPECT_TRUE(file.finish().ok());
  EXPECT_EQ(first.path, "/sys/class/thermal/*/temp");
  EXPECT_EQ(first.device, "pi");
  EXPECT_EQ(first.metric, "temperature");
  EXPECT_EQ(first.scale, 0.001);
  EXPECT_EQ(first.interval_ms, 5000);
  EXPECT_EQ(second.key, "MemAvailable");
}

TEST(Sources, EveryKindOfTheListIsReadAndMade) {
  std::set<std::string> keys;
  for (const SourceKind& kind : source_kinds()) EXPECT_TRUE(keys.insert(kind.key).second) << kind.key;
  runtime::Config file = parse(
      "[[source.mqtt]]\nurl = \"tcp://127.0.0.1:1\"\n[[source.mqtt]]\nurl = \"tcp://127.0.0.1:2\"\n"
      "[[source.file]]\npath = \"/x\"\ndevice = \"d\"\nmetric = \"m\"\n");
  const std::vector<MakeSource> sources = read_sources(file.root().table("source"), surroundings());
  EXPECT_TRUE(file.finish().ok());
  ASSERT_EQ(sources.size(), 3u);
  for (const MakeSource& make : sources) {
    const auto made = make([] {});
    ASSERT_TRUE(made.ok()) << made.error().message;
    EXPECT_NE(*made, nullptr);
  }
}

TEST(Sources, AnUnknownKindIsAComplaint) {
  runtime::Config file = parse("[[source.carrier_pigeon]]\nloft = \"north\"\n");
  EXPECT_TRUE(read_sources(file.root().table("source"), surroundings()).empty());
  const Status finished = file.finish();
  ASSERT_FALSE(finished.ok());
  EXPECT_NE(finished.error().message.find("carrier_pigeon"), std::string::npos) << finished.error().message;
}

}  // namespace
}  // namespace tributary::edge
