// SPDX-License-Identifier: Apache-2.0
// The bridge's configuration file: what it says, and what is said about mistakes in it.
#include "cloud/bridge/config.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace tributary::bridge {
namespace {

const std::string kMqtt = "[mqtt]\nurl = \"tcp://127.0.0.1:1883\"\n";

class BridgeConfigTest : public ::testing::Test {
 protected:
  Result<ProgramConfig> read(const std::string& text) { return read_config(folder_.write("bridge.toml", text)); }
  std::string complaint(const std::string& text) {
    auto config = read(text);
    return config.ok() ? "" : config.error().message;
  }
  test::TempDir folder_;
};

TEST_F(BridgeConfigTest, OnlyBrokerAndLogAreRequired) {
  auto config = read(kMqtt + "[log]\nurl = \"lmdb:///var/lib/tributary/log\"\n");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->log.url, "lmdb:///var/lib/tributary/log");
  EXPECT_EQ(config->bridge.mqtt.url, "tcp://127.0.0.1:1883");
  EXPECT_EQ(config->http.host, "127.0.0.1");
  EXPECT_EQ(config->http.port, 8081);
  EXPECT_EQ(config->ingest.base_width_s, 10U);
  EXPECT_EQ(config->bridge.core.max_future_s, 600);
  EXPECT_FALSE(config->log.partitions.has_value());
}

TEST_F(BridgeConfigTest, EveryKeyIsRead) {
  folder_.write("password", "secret\n");
  folder_.write("keys.json", "{}");
  auto config = read(R"(
[mqtt]
url = "tcp://broker:1884"
username = "bridge"
password_file = ")" + folder_.file("password") +
                     R"("
client_id = "one"
share_group = "bridges"
[log]
url = "lmdb:///tmp/log"
partitions = 4
retention_hours = 2
retention_mib = 10
[http]
host = "0.0.0.0"
port = 0
cors_origins = ["https://app.example"]
[keys]
file = ")" + folder_.file("keys.json") +
                     R"("
[ingest]
base_width_s = 60
max_future_s = 30
[metrics.temperature]
unit = "°C"
[metrics.rain]
unit = "mm"
kind = "counter"
)");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->bridge.mqtt.password, "secret");
  EXPECT_EQ(config->bridge.mqtt.client_id, "one");
  EXPECT_EQ(config->bridge.share_group, "bridges");
  EXPECT_EQ(config->log.partitions, 4U);
  EXPECT_EQ(config->log.retention_ms, 2 * 3600 * 1000);
  EXPECT_EQ(config->log.retention_bytes, 10U << 20);
  EXPECT_EQ(config->http.port, 0);
  EXPECT_EQ(config->delivery.cors_origins, std::vector<std::string>{"https://app.example"});
  EXPECT_EQ(config->keys_file, folder_.file("keys.json"));
  EXPECT_EQ(config->ingest.base_width_s, 60U);
  EXPECT_EQ(config->bridge.core.max_future_s, 30);
  EXPECT_EQ(config->ingest.unit_by_metric.at("temperature"), "°C");
  EXPECT_EQ(config->ingest.kind_by_metric.at("rain"), MetricKind::kCounter);
}

TEST_F(BridgeConfigTest, MistakesAreNamedWithFileLineFoundAndExpected) {
  const std::string log = "[log]\nurl = \"lmdb:///tmp/log\"\n";
  const std::string unknown = complaint(log + "colour = \"red\"\n");
  EXPECT_NE(unknown.find("bridge.toml:3: found unknown key log.colour"), std::string::npos) << unknown;
  const std::string wrong_type = complaint(log + "[http]\nport = \"eighty\"\n");
  EXPECT_NE(wrong_type.find(":4: found http.port"), std::string::npos) << wrong_type;
  EXPECT_NE(wrong_type.find("expected a whole number"), std::string::npos) << wrong_type;
  EXPECT_NE(complaint("[mqtt]\nurl = \"tcp://x:1\"\n").find("log.url"), std::string::npos);
  EXPECT_NE(complaint(log + "[ingest]\nbase_width_s = 7\n").find("expected a divisor"), std::string::npos);
  EXPECT_NE(complaint(log + "[metrics.x]\nkind = \"sum\"\n").find("\"gauge\" or \"counter\""), std::string::npos);
  EXPECT_NE(complaint(log + "[metrics.\"9 lives\"]\nunit = \"1\"\n").find("a metric's name"), std::string::npos);
  EXPECT_NE(complaint(log + "[mqtt]\nshare_group = \"a/b\"\n").find("share_group"), std::string::npos);
  EXPECT_NE(complaint(log + "[http]\ncors_origins = [\"https://app.example/page\"]\n").find("without a path"),
            std::string::npos);
  EXPECT_NE(complaint("[log\n").find("bridge.toml:1: found the head of a table without its end"), std::string::npos);
}

TEST_F(BridgeConfigTest, BrokerLogAndKeysMustBeOnesThatCanBe) {
  const std::string log = "[log]\nurl = \"lmdb:///tmp/log\"\n";
  EXPECT_NE(complaint(log).find("found mqtt = nothing, expected a table [mqtt] with url"), std::string::npos);
  EXPECT_NE(complaint(log + "[mqtt]\nusername = \"b\"\n").find("no mqtt.url"), std::string::npos);
  EXPECT_NE(complaint(log + "[mqtt]\nurl = \"\"\n").find("no mqtt.url"), std::string::npos);
  EXPECT_NE(complaint(log + "[mqtt]\nurl = \"htp://x\"\n").find("ssl://host:port"), std::string::npos);
  for (const char* url : {"htp://x", "/var/lib/log", "lmdb://", "kafka:/x"}) {
    const std::string found = complaint(kMqtt + "[log]\nurl = \"" + url + "\"\n");
    EXPECT_NE(found.find("bridge.toml:4: found log.url"), std::string::npos) << url << "\n" << found;
  }
  const std::string keys = complaint(kMqtt + log + "[keys]\nfile = \"/no/such/keys.json\"\n");
  EXPECT_NE(keys.find("found keys.file = /no/such/keys.json (No such file or directory)"), std::string::npos) << keys;
}

TEST_F(BridgeConfigTest, AMissingSecretIsNamedButNeverShown) {
  const std::string text =
      complaint("[log]\nurl = \"lmdb:///tmp/log\"\n[mqtt]\npassword_env = \"NO_SUCH_VARIABLE_HERE\"\n");
  EXPECT_NE(text.find("NO_SUCH_VARIABLE_HERE"), std::string::npos) << text;
}

}  // namespace
}  // namespace tributary::bridge
