// SPDX-License-Identifier: Apache-2.0
// Claims about configuration: defaults hold, and every complaint names file, line, what was found and what was
// expected.
#include "common/runtime/config.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tributary::runtime {
namespace {

Config parse(const std::string& text) {
  auto config = Config::parse(text, "test.toml");
  CHECK(config.ok());
  return *config;
}

TEST(Config, GivesValuesAndDefaults) {
  Config config = parse("name = 'a'\n[http]\nport = 8080\nhosts = ['x', 'y']\n[[source]]\npath = 'p'\n");
  ConfigTable root = config.root();
  EXPECT_EQ(root.text("name"), "a");
  EXPECT_EQ(root.text("other", "b"), "b");
  ConfigTable http = root.table("http");
  EXPECT_EQ(http.integer("port", 1, 0, 65535), 8080);
  EXPECT_EQ(http.texts("hosts"), (std::vector<std::string>{"x", "y"}));
  auto sources = root.tables("source");
  ASSERT_EQ(sources.size(), 1u);
  EXPECT_EQ(sources[0].text("path"), "p");
  EXPECT_TRUE(config.finish().ok());
}

TEST(Config, NamesLineFoundAndExpected) {
  Config config = parse("[http]\nport = 'eighty'\nhots = 1\n");
  ConfigTable http = config.root().table("http");
  http.integer("port", 1, 0, 65535);
  Status status = config.finish();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(
      status.error().message.find("test.toml:2: found http.port = 'eighty', expected a whole number from 0 to 65535"),
      std::string::npos)
      << status.error().message;
  EXPECT_NE(status.error().message.find("test.toml:3: found unknown key http.hots"), std::string::npos)
      << status.error().message;
}

TEST(Config, NamesAMissingKey) {
  Config config = parse("a = 1\n");
  config.root().integer("a", 0, 0, 2);
  config.root().required_text("tenant");
  Status status = config.finish();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("no tenant"), std::string::npos) << status.error().message;
}

TEST(Config, RefusesWhatIsNotToml) {
  auto config = Config::parse("a = \n", "bad.toml");
  ASSERT_FALSE(config.ok());
  EXPECT_NE(config.error().message.find("bad.toml:1"), std::string::npos) << config.error().message;
}

TEST(Config, PropertiesAreTextByDottedNameWithSecretsFromFiles) {
  const std::string file = testing::TempDir() + "/hush.txt";
  std::ofstream(file) << "hush\n";
  std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  auto config = Config::parse("[k]\nsecurity.protocol = 'SASL_SSL'\n'linger.ms' = 7\nsasl.password_file = '" + file +
                                  "'\n[k.ssl]\nenabled = true\nlist = [1]\n",
                              "x.toml");
  ASSERT_TRUE(config.ok());
  const auto properties = config->root().table("k").properties();
  EXPECT_EQ(properties.at("security.protocol"), "SASL_SSL");
  EXPECT_EQ(properties.at("linger.ms"), "7");
  EXPECT_EQ(properties.at("sasl.password"), "hush");
  EXPECT_EQ(properties.at("ssl.enabled"), "true");
  EXPECT_EQ(properties.size(), 4U);
  const Status status = config->finish();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("x.toml:7: found k.ssl.list"), std::string::npos) << status.error().message;
}

TEST(Config, ReadsSecretsFromFileAndEnvironmentOnly) {
  const std::string file = testing::TempDir() + "/secret.txt";
  std::ofstream(file) << "s3cret\nmore\n";
  std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  setenv("TRIBUTARY_TEST_SECRET", "other", 1);
  Config config = parse("password_file = '" + file +
                        "'\n[b]\npassword_env = 'TRIBUTARY_TEST_SECRET'\n[c]\npassword_file = '/nonexistent'\n");
  EXPECT_EQ(config.root().secret("password"), "s3cret");
  EXPECT_EQ(config.root().table("b").secret("password"), "other");
  EXPECT_EQ(config.root().table("c").secret("password"), "");
  Status status = config.finish();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.error().message.find("/nonexistent"), std::string::npos);
  EXPECT_EQ(status.error().message.find("s3cret"), std::string::npos);
}

TEST(Config, ASecretThatEverybodyMayReadIsRefused) {
  const std::string file = testing::TempDir() + "/open_secret.txt";
  std::ofstream(file) << "s3cret\n";
  for (const auto& [mode, refused] : {std::pair{0644, true}, {0604, true}, {0640, false}, {0600, false}}) {
    std::filesystem::permissions(file, static_cast<std::filesystem::perms>(mode));
    Config config = parse("password_file = '" + file + "'\n");
    EXPECT_EQ(config.root().secret("password"), "s3cret");
    const Status status = config.finish();
    EXPECT_EQ(!status.ok(), refused) << mode;
    if (!status.ok()) {
      EXPECT_NE(status.error().message.find("everybody on this machine may read it"), std::string::npos);
      EXPECT_NE(status.error().message.find("chmod 640"), std::string::npos);
      EXPECT_EQ(status.error().message.find("s3cret"), std::string::npos);
    }
  }
}

TEST(Config, FilesAndFoldersMustBeThere) {
  const std::string folder = testing::TempDir();
  Config config = parse("a = '/no/such'\nb = '" + folder + "'\nc = '/no/such'\nd = '/etc/hostname'\n");
  ConfigTable root = config.root();
  root.readable_file("a");
  root.readable_file("b");
  root.folder("c");
  root.folder("d");
  EXPECT_EQ(root.folder("absent"), "");
  const std::string all = config.finish().error().message;
  EXPECT_EQ(all,
            "test.toml:1: found a = /no/such (No such file or directory), expected a file that can be read\n"
            "test.toml:2: found b = " +
                folder +
                " (Is a directory), expected a file that can be read\n"
                "test.toml:3: found c = /no/such (No such file or directory), expected a directory that can be read\n"
                "test.toml:4: found d = /etc/hostname (Is no directory), expected a directory that can be read");
}

TEST(Config, AnUnknownKeyComesWithTheNearestNameAndAllOfItsTable) {
  Config config = parse("[http]\nprot = 1\n[[source.mqtt]]\nurl = 'x'\n[[source.mqtt]]\ntopic = 1\n[other]\n");
  ConfigTable http = config.root().table("http");
  http.integer("port", 1, 0, 2);
  http.text("host");
  ConfigTable source = config.root().table("source");
  for (ConfigTable& one : source.tables("mqtt")) {
    one.text("url");
    one.texts("topics");
  }
  EXPECT_EQ(config.finish().error().message,
            "test.toml:2: found unknown key http.prot, expected port (the nearest), or another of host, port\n"
            "test.toml:6: found unknown key source.mqtt.topic, expected topics (the nearest), or another of topics, "
            "url\n"
            "test.toml:7: found unknown key other, expected one of http, source");
}

TEST(Config, ADirectoryIsNoConfiguration) {
  const auto config = Config::load(testing::TempDir());
  ASSERT_FALSE(config.ok());
  EXPECT_NE(config.error().message.find("found no file that can be read (Is a directory)"), std::string::npos)
      << config.error().message;
  EXPECT_NE(Config::load("/no/such.toml").error().message.find("No such file"), std::string::npos);
}

}  // namespace
}  // namespace tributary::runtime
