// SPDX-License-Identifier: Apache-2.0
// Claims about the keys of an MQTT connection: forms of URLs, files that must be there, passwords that stay private.
#include "common/mqtt/client_config.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace tributary::mqtt {
namespace {

std::string complaint(const std::string& text) {
  auto file = runtime::Config::parse(text, "m.toml");
  CHECK(file.ok());
  runtime::ConfigTable root = file->root();
  read_client_config(root);
  const Status finished = file->finish();
  return finished.ok() ? "" : finished.error().message;
}

TEST(MqttClientConfig, UrlsHaveOneOfFourForms) {
  for (const char* url : {"tcp://h:1", "mqtt://h", "ssl://h:8883", "mqtts://[::1]:8883"}) {
    EXPECT_EQ(complaint("url = \"" + std::string(url) + "\"\n"), "") << url;
  }
  for (const char* url : {"htp://x", "tcp://", "broker:1883", "http://h"}) {
    EXPECT_NE(complaint("url = \"" + std::string(url) + "\"\n").find("expected tcp://host:port or ssl://host:port"),
              std::string::npos)
        << url;
  }
  EXPECT_NE(complaint("url = \"\"\n").find("no url"), std::string::npos);
  EXPECT_NE(complaint("username = \"x\"\n").find("no url"), std::string::npos);
}

TEST(MqttClientConfig, FilesOfCertificatesMustBeThereAndWantTls) {
  const std::string found =
      complaint("url = \"ssl://h\"\nca_file = \"/no/ca\"\ncert_file = \"/no/cert\"\nkey_file = \"/no/key\"\n");
  for (const char* line : {"m.toml:2: found ca_file = /no/ca (No such file", "m.toml:3: found cert_file = /no/cert",
                           "m.toml:4: found key_file = /no/key"}) {
    EXPECT_NE(found.find(line), std::string::npos) << found;
  }
  const test::TempDir dir;
  const std::string file = dir.write("ca.crt", "");
  EXPECT_EQ(complaint("url = \"ssl://h\"\nca_file = \"" + file + "\"\n"), "");
  EXPECT_NE(complaint("url = \"tcp://h\"\nca_file = \"" + file + "\"\n").find("only with ssl://"), std::string::npos);
}

TEST(MqttClientConfig, APasswordNeverCrossesThePublicNetworkInTheClear) {
  const test::TempDir dir;
  const std::string password = "password_file = \"" + dir.write("password", "s3cret\n") + "\"\n";
  const auto url = [](const std::string& text) { return "url = \"" + text + "\"\n"; };
  const std::string found = complaint(url("tcp://broker.example:1883") + password);
  EXPECT_NE(found.find("m.toml:1: found url"), std::string::npos) << found;
  EXPECT_NE(found.find("plaintext = true"), std::string::npos) << found;
  EXPECT_EQ(found.find("s3cret"), std::string::npos);
  EXPECT_EQ(complaint(url("tcp://broker.example:1883")), "") << "there is nothing to read";
  EXPECT_EQ(complaint(url("ssl://broker.example:8883") + password), "");
  EXPECT_EQ(complaint(url("tcp://broker.example:1883") + password + "plaintext = true\n"), "");
}

TEST(MqttClientConfig, WhatLiesInTheOwnNetworkIsToldByItsText) {
  for (const char* own :
       {"tcp://127.0.0.1:1883", "tcp://localhost:1883", "tcp://10.1.2.3:1", "tcp://172.31.0.1:1", "tcp://192.168.1.9:1",
        "tcp://169.254.0.1:1", "tcp://[::1]:1883", "tcp://[fd00::1]:1", "tcp://[fe80::1]:1", "tcp://broker:1883",
        "tcp://pi.local:1", "tcp://mqtt.iot.svc:1883", "tcp://Pi.LAN.:1883"}) {
    EXPECT_FALSE(is_public(own)) << own;
  }
  for (const char* other : {"tcp://172.32.0.1:1", "tcp://8.8.8.8:1883", "tcp://[2001:db8::1]:1", "tcp://a.example:1883",
                            "mqtt://a.example", "tcp://local.example.org:1"}) {
    EXPECT_TRUE(is_public(other)) << other;
  }
}

}  // namespace
}  // namespace tributary::mqtt
