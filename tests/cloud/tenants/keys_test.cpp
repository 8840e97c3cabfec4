// SPDX-License-Identifier: Apache-2.0
// Keys and sessions: read again when the file changes, told to nobody, forged by nobody.
#include "cloud/tenants/keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "common/runtime/sha256.h"

namespace tributary::api {
namespace {

class AuthTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ =
        (std::filesystem::temp_directory_path() / ("tributary-keys-" + std::to_string(::getpid()) + ".json")).string();
    std::filesystem::remove(path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }
  std::string path_;
};

TEST_F(AuthTest, KeysAreReadAgainWhenTheFileChanges) {
  Auth auth(path_);
  const std::string one = make_key(), two = make_key();
  EXPECT_NE(auth.trouble(), "");
  EXPECT_FALSE(auth.tenant_of(one).has_value());
  KeysFile file{.keys = {{"first", runtime::sha256_hex(one), "", ""}}, .session_secret = runtime::random_hex(32)};
  ASSERT_TRUE(write_keys_file(path_, file).ok());
  EXPECT_EQ(auth.tenant_of(one), "first");
  EXPECT_EQ(auth.trouble(), "");
  file.keys.push_back({"second", runtime::sha256_hex(two), "", ""});
  ASSERT_TRUE(write_keys_file(path_, file).ok());
  EXPECT_EQ(auth.tenant_of(two), "second");
  EXPECT_EQ(auth.tenant_of(one), "first");
  EXPECT_FALSE(auth.tenant_of(one + "x").has_value());
  EXPECT_FALSE(auth.tenant_of("").has_value());
  EXPECT_FALSE(auth.tenant_of(runtime::sha256_hex(one)).has_value());  // the hash is no key
}

TEST_F(AuthTest, ABrokenFileKeepsTheKeysBefore) {
  const std::string key = make_key();
  ASSERT_TRUE(write_keys_file(path_, {.keys = {{"demo", runtime::sha256_hex(key), "", ""}},
                                      .session_secret = runtime::random_hex(32)})
                  .ok());
  Auth auth(path_);
  EXPECT_EQ(auth.tenant_of(key), "demo");
  std::ofstream(path_) << "{\"keys\":[{\"tenant\":\"Demo!\",\"sha256\":\"x\"}]}";
  EXPECT_EQ(auth.tenant_of(key), "demo");
  EXPECT_NE(auth.trouble().find("expected [A-Za-z0-9]"), std::string::npos);
}

TEST_F(AuthTest, TheFileIsForItsOwnerOnlyAndHoldsNoKey) {
  const std::string key = make_key();
  EXPECT_GE(key.size(), 37u);
  ASSERT_TRUE(write_keys_file(path_, {.keys = {{"demo", runtime::sha256_hex(key), "", ""}},
                                      .session_secret = runtime::random_hex(32)})
                  .ok());
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  std::ifstream in(path_);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(text.find(key), std::string::npos);
}

TEST_F(AuthTest, EveryTenantThatIsBridgedCanHaveAKeyAndASession) {
  Auth auth(path_);
  for (const char* tenant : {"demo", "Acme", "acme.eu", "a..b", "1.2.3", "X_y-z."}) {
    const std::string key = make_key();
    ASSERT_TRUE(write_keys_file(path_, {.keys = {{tenant, runtime::sha256_hex(key), "", ""}},
                                        .session_secret = runtime::random_hex(32)})
                    .ok());
    const auto identity = auth.identity_of(key);
    ASSERT_TRUE(identity.has_value()) << tenant << ": " << auth.trouble();
    EXPECT_EQ(identity->tenant, tenant);
    const auto session = auth.make_session(*identity, 1000);
    ASSERT_TRUE(session.has_value());
    const auto again = auth.identity_of_session(*session, 1000);
    ASSERT_TRUE(again.has_value()) << *session;
    EXPECT_EQ(again->tenant, tenant);
    EXPECT_EQ(again->key_id, identity->key_id);
  }
}

TEST_F(AuthTest, ATamperedSessionIsNone) {
  const std::string key = make_key();
  ASSERT_TRUE(write_keys_file(path_, {.keys = {{"demo", runtime::sha256_hex(key), "", ""}},
                                      .session_secret = runtime::random_hex(32)})
                  .ok());
  Auth auth(path_);
  const auto session = auth.make_session(*auth.identity_of(key), 1000);
  ASSERT_TRUE(session.has_value());
  EXPECT_EQ(auth.identity_of_session(*session, 1000)->tenant, "demo");
  EXPECT_EQ(session->find(key), std::string::npos);
  for (size_t i = 0; i < session->size(); ++i) {
    std::string changed = *session;
    changed[i] = changed[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(auth.identity_of_session(changed, 1000).has_value()) << i;
  }
  for (const char* wrong : {"", ".", "....", "1.demo", "1.demo.0.99999999999."})
    EXPECT_FALSE(auth.identity_of_session(wrong, 1000).has_value());
}

TEST_F(AuthTest, ATenantIsUnknownOnlyWhereTheKeysCouldBeRead) {
  Auth auth(path_);
  EXPECT_TRUE(auth.knows_tenant("demo")) << "no file was read yet: nobody can say so";
  KeysFile file{.keys = {{"demo", runtime::sha256_hex(make_key()), "", ""}}, .session_secret = runtime::random_hex(32)};
  ASSERT_TRUE(write_keys_file(path_, file).ok());
  EXPECT_TRUE(auth.knows_tenant("demo"));
  EXPECT_FALSE(auth.knows_tenant("gone"));
  std::ofstream(path_) << "broken";
  EXPECT_TRUE(auth.knows_tenant("demo"));
  EXPECT_FALSE(auth.knows_tenant("gone")) << "the keys read last hold";
  std::filesystem::remove(path_);
  EXPECT_TRUE(auth.knows_tenant("demo"));
  EXPECT_NE(auth.trouble(), "");
  file.keys[0].tenant = "gone";
  ASSERT_TRUE(write_keys_file(path_, file).ok());
  EXPECT_TRUE(auth.knows_tenant("gone")) << "read again when the file changes";
  EXPECT_FALSE(auth.knows_tenant("demo"));
}

TEST_F(AuthTest, ASessionThatWasEndedStaysEndedAcrossARestart) {
  const std::string noted = path_ + ".signed-out";
  const std::string key = make_key();
  ASSERT_TRUE(write_keys_file(path_, {.keys = {{"demo", runtime::sha256_hex(key), "", ""}},
                                      .session_secret = runtime::random_hex(32)})
                  .ok());
  Auth auth(path_, noted);
  const auto identity = auth.identity_of(key);
  const std::string one = *auth.make_session(*identity, 1'000), two = *auth.make_session(*identity, 1'000);
  auth.end_session("2.demo.forged.0.99999999999.00", 1'000);
  auth.end_session(one, 1'001);
  EXPECT_FALSE(auth.identity_of_session(one, 1'001));
  EXPECT_TRUE(auth.identity_of_session(two, 1'001));
  Auth again(path_, noted);
  EXPECT_FALSE(again.identity_of_session(one, 1'002));
  EXPECT_TRUE(again.identity_of_session(two, 1'002));
  std::ifstream in(noted);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(text.find(one), std::string::npos) << "a hash of it only";
  std::filesystem::remove(noted);
}

}  // namespace
}  // namespace tributary::api
