// SPDX-License-Identifier: Apache-2.0
// Claims about the configuration: what it says reaches the parts, and every complaint names line, found and expected.
#include "edge/config.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace tributary::edge {
namespace {

const std::string kLeast = "tenant = \"demo\"\ngateway = \"attic\"\n[uplink]\nurl = \"tcp://127.0.0.1:1883\"\n";

EdgeConfig good(const std::string& text) {
  Result<EdgeConfig> config = parse_config(text, "edge.toml");
  EXPECT_TRUE(config.ok()) << (config.ok() ? "" : config.error().message);
  return config.ok() ? std::move(config.value()) : EdgeConfig{};
}

std::string complaint(const std::string& text) {
  Result<EdgeConfig> config = parse_config(text, "edge.toml");
  EXPECT_FALSE(config.ok()) << text;
  return config.ok() ? "" : config.error().message;
}

TEST(EdgeConfig, FourLinesAreEnough) {
  EdgeConfig config = good(kLeast);
  EXPECT_EQ(config.gateway.tenant, "demo");
  EXPECT_EQ(config.gateway.gateway, "attic");
  EXPECT_EQ(config.gateway.state_dir, "/var/lib/tributary-edge");
  EXPECT_EQ(config.gateway.budget_bytes, 64u << 20);
  EXPECT_EQ(config.gateway.base_width_s, 10u);
  EXPECT_EQ(config.gateway.max_future_ms, 300'000);
  EXPECT_EQ(config.uplink.client.url, "tcp://127.0.0.1:1883");
  EXPECT_EQ(config.uplink.client.username, "attic");
  EXPECT_TRUE(config.sources.empty());
}

TEST(EdgeConfig, EveryKeyReachesItsPart) {
  test::TempDir dir;
  const std::string secret = dir.write("secret", "s3cret\n");
  const std::string file = dir.write("ca.crt", "");
  const std::string tls = "\"\nca_file = \"" + file + "\"\ncert_file = \"" + file + "\"\nkey_file = \"" + file + "\"\n";
  EdgeConfig config = good(R"(
tenant = "demo"
gateway = "attic"
state_dir = "/tmp/x"
serves = ["plant-1/*", "pump"]
[uplink]
url = "ssl://broker:8883"
username = "other"
password_file = ")" + secret +
                           tls + R"([outbox]
budget_mib = 16
[windows]
base_width_s = 60
grace_ms = 1000
checkpoint_interval_ms = 500
max_future_s = 60
series_max = 100
[labels]
site = "roof"
floor = "2"
[metrics.temperature]
unit = "°C"
kind = "gauge"
base_width_s = 1
[metrics.energy]
kind = "counter"
[[source.mqtt]]
url = "tcp://127.0.0.1:1884"
password_file = ")" + secret +
                           R"("
topics = ["zigbee2mqtt/+"]
qos = 0
retained = "accept"
rename = { temp = "temperature" }
ignore = ["linkquality"]
[[source.mqtt]]
url = "ssl://broker:8883"
[[source.file]]
path = "/sys/class/thermal/*/temp"
device = "pi"
metric = "temperature"
scale = 0.001
interval_ms = 5000
)");
  EXPECT_EQ(config.gateway.state_dir, "/tmp/x");
  EXPECT_EQ(config.gateway.serves, (std::vector<std::string>{"plant-1/*", "pump"}));
  EXPECT_EQ(config.uplink.client.username, "other");
  EXPECT_EQ(config.uplink.client.password, "s3cret");
  EXPECT_EQ(config.uplink.client.key_file, file);
  EXPECT_EQ(config.gateway.budget_bytes, 16u << 20);
  EXPECT_EQ(config.gateway.base_width_s, 60u);
  EXPECT_EQ(config.gateway.grace_ms, 1000);
  EXPECT_EQ(config.gateway.checkpoint_interval_ms, 500);
  EXPECT_EQ(config.gateway.max_future_ms, 60'000);
  EXPECT_EQ(config.gateway.series_max, 100u);
  EXPECT_EQ(config.gateway.labels, (std::vector<Label>{{"floor", "2"}, {"site", "roof"}}));
  EXPECT_EQ(config.gateway.unit_by_metric.at("temperature"), "°C");
  EXPECT_EQ(config.gateway.base_width_by_metric.at("temperature"), 1u);
  EXPECT_EQ(config.gateway.kind_by_metric.at("energy"), MetricKind::kCounter);
  EXPECT_EQ(config.sources.size(), 3u);
}

TEST(EdgeConfig, ASecretMayComeFromTheEnvironment) {
  setenv("TRIBUTARY_TEST_SECRET", "from outside", 1);
  EXPECT_EQ(good(kLeast + "password_env = \"TRIBUTARY_TEST_SECRET\"\n").uplink.client.password, "from outside");
  unsetenv("TRIBUTARY_TEST_SECRET");
  EXPECT_NE(complaint(kLeast + "password_env = \"TRIBUTARY_TEST_SECRET\"\n").find("edge.toml:5"), std::string::npos);
}

TEST(EdgeConfig, EveryComplaintNamesItsLine) {
  struct Case {
    std::string text;
    const char* line;
    const char* expected;
  };
  const std::string source = kLeast + "[[source.mqtt]]\nurl = \"tcp://h\"\n";
  const std::string file = kLeast + "[[source.file]]\npath = \"/x\"\ndevice = \"d\"\nmetric = \"m\"\n";
  for (const Case& one : std::vector<Case>{
           {"tenant = \"a/b\"\ngateway = \"g\"\n[uplink]\nurl = \"tcp://h\"\n",
            "edge.toml:1: ", "a name of [A-Za-z0-9]"},
           {"tenant = 5\ngateway = \"g\"\n[uplink]\nurl = \"tcp://h\"\n", "edge.toml:1: ", "a string"},
           {"tenant = \"t\"\ngateway = \"g\"\n[uplink]\nurl = \"http://h\"\n", "edge.toml:4: ", "tcp://"},
           {"serves = [\"a*b\"]\n" + kLeast, "edge.toml:1: ", "at the end"},
           {"serves = [\"\"]\n" + kLeast, "edge.toml:1: ", "DEVICE"},
           {kLeast + "ca_file = \"x\"\n", "edge.toml:5: ", "ssl://"},
           {kLeast + "colour = \"red\"\n", "edge.toml:5: ", "unknown key"},
           {kLeast + "[outbox]\nbudget_mib = 0\n", "edge.toml:6: ", "a whole number"},
           {kLeast + "[windows]\nbase_width_s = 7\n", "edge.toml:6: ", "divisor"},
           {kLeast + "[windows]\ngrace_ms = \"5\"\n", "edge.toml:6: ", "a whole number"},
           {kLeast + "[labels]\nSite = \"x\"\n", "edge.toml:6: ", "label"},
           {kLeast + "[metrics.t]\nkind = \"sum\"\n", "edge.toml:6: ", "counter"},
           {kLeast + "[metrics.t]\nunits = \"C\"\n", "edge.toml:6: ", "unknown key"},
           {kLeast + "[metrics.\"a b\"]\nunit = \"C\"\n", "edge.toml:5: ", "metric"},
           {source + "topics = [\"a/b+\"]\n", "edge.toml:7: ", "topic filter"},
           {source + "topics = []\n", "edge.toml:7: ", "at least one"},
           {source + "qos = 2\n", "edge.toml:7: ", "0 to 1"},
           {source + "retained = \"maybe\"\n", "edge.toml:7: ", "accept"},
           {source + "rename = { a = \"b c\" }\n", "edge.toml:7: ", "metric"},
           {source + "rename = { a = \"t\", b = \"t\" }\n", "edge.toml:7: ", "a name of its own"},
           {source + "rename = { \"a b\" = \"t\", \"a_b\" = \"u\" }\n", "edge.toml:7: ", "one field"},
           {source + "topics = [\"m3/+\", \"m3/#\"]\n", "edge.toml:7: ", "do not overlap"},
           {source + "topics = [\"a/+\"]\n[[source.mqtt]]\nurl = \"mqtt://H:1883/\"\ntopics = [\"+/b\"]\n",
            "edge.toml:10: ", "do not overlap"},
           {source + "timezone = \"localtime\"\n", "edge.toml:7: ", "tz database"},
           {source + "timezone = \"Mars\"\n", "edge.toml:7: ", "tz database"},
           {kLeast + "[windows]\nmin_time = -1\n", "edge.toml:6: ", "a whole number"},
           {kLeast + "[metrics.t]\nkind = \"counter\"\nreset_below = 2.0\n", "edge.toml:7: ", "a share"},
           {kLeast + "[metrics.t]\nreset_below = 0.5\n", "edge.toml:6: ", "for a counter"},
           {source + "password_file = \"/does/not/exist\"\n", "edge.toml:7: ", "secret"},
           {file + "interval_ms = 5\n", "edge.toml:9: ", "a whole number"},
           {file + "scale = 0.0\n", "edge.toml:9: ", "finite"},
           {kLeast + "[[source.file]]\npath = \"/*/*\"\ndevice = \"d\"\nmetric = \"m\"\n",
            "edge.toml:6: ", "at most one *"},
           {kLeast + "x = [1,\n", "edge.toml:", ""},
       }) {
    const std::string found = complaint(one.text);
    EXPECT_NE(found.find(one.line), std::string::npos) << one.text << "\n" << found;
    EXPECT_NE(found.find(one.expected), std::string::npos) << one.text << "\n" << found;
  }
}

TEST(EdgeConfig, NamesAreThoseThatTheBridgeTakes) {
  for (const char* name : {"-attic", ".attic", "_attic", "attic/1", "+", "the attic"}) {
    const std::string found =
        complaint("tenant = \"demo\"\ngateway = \"" + std::string(name) + "\"\n[uplink]\nurl = \"tcp://h\"\n");
    EXPECT_NE(found.find("edge.toml:2: "), std::string::npos) << found;
    EXPECT_NE(found.find("a name of [A-Za-z0-9]"), std::string::npos) << found;
  }
}

TEST(EdgeConfig, WhatIsMissingIsNamed) {
  const std::string found = complaint("gateway = \"g\"\n");
  EXPECT_NE(found.find("tenant"), std::string::npos) << found;
  EXPECT_NE(found.find("uplink"), std::string::npos) << found;
  EXPECT_FALSE(load_config("/does/not/exist.toml").ok());
}

TEST(EdgeConfig, WhenTheClockCountsAsSet) {
  const auto trust = [](const std::string& table) { return parse_config(kLeast + table, "edge.toml"); };
  EXPECT_EQ(trust("")->gateway.clock_trust, ClockTrust::kPlausible);
  EXPECT_GT(trust("")->gateway.clock_earliest_ns, 0);
  EXPECT_EQ(trust("[clock]\ntrust = \"always\"\n")->gateway.clock_trust, ClockTrust::kAlways);
  const auto waits = trust("[clock]\ntrust = \"synchronised\"\nsynchronised_file = \"/run/x\"\n");
  EXPECT_EQ(waits->gateway.clock_trust, ClockTrust::kSynchronised);
  EXPECT_EQ(waits->clock_synchronised_file, "/run/x");
  EXPECT_NE(complaint(kLeast + "[clock]\ntrust = \"sometimes\"\n").find("\"plausible\""), std::string::npos);
}

TEST(EdgeConfig, TheBundledDefaultIsFine) {
  Result<EdgeConfig> config = load_config(TRIBUTARY_SOURCE_DIR "/boards/raspberry-pi/tributary-edge.toml");
  EXPECT_TRUE(config.ok()) << (config.ok() ? "" : config.error().message);
  EXPECT_EQ(config->gateway.clock_trust, ClockTrust::kSynchronised) << "a board without a battery";
}

}  // namespace
}  // namespace tributary::edge
