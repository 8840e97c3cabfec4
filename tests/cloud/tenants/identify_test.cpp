// SPDX-License-Identifier: Apache-2.0
// Claims about whose a request is: the same at every port.
#include "cloud/tenants/identify.h"

#include <gtest/gtest.h>

#include "common/runtime/sha256.h"
#include "tests/support/temp_dir.h"

namespace tributary::api {
namespace {

constexpr int64_t kNow = 1'800'000'000;

class IdentifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const KeysFile keys{.keys = {{"acme.eu", runtime::sha256_hex(key_), "", ""}},
                        .session_secret = runtime::random_hex(32)};
    ASSERT_TRUE(write_keys_file(dir_.file("keys.json"), keys).ok());
    auth_.emplace(dir_.file("keys.json"));
  }
  std::string tenant(http::Fields headers, int64_t now_s = kNow) {
    http::Request request;
    request.headers = std::move(headers);
    const auto identity = identify(*auth_, request, now_s);
    return identity ? identity->tenant : "";
  }
  std::string cookie() { return "a=b; tributary_session=" + *auth_->make_session(*auth_->identity_of(key_), kNow); }

  const std::string key_ = make_key();
  test::TempDir dir_;
  std::optional<Auth> auth_;
};

TEST_F(IdentifyTest, AKeyIsTakenFromEitherHeaderInAnyCaseOfBearer) {
  EXPECT_EQ(tenant({{"x-api-key", key_}}), "acme.eu");
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER ", "bEaReR "}) {
    EXPECT_EQ(tenant({{"authorization", scheme + key_}}), "acme.eu") << scheme;
  }
  for (const char* scheme : {"Basic ", "Bearer", "Bearer  ", "", "bearer\t"}) {
    EXPECT_EQ(tenant({{"authorization", scheme + key_}}), "") << scheme;
  }
  EXPECT_EQ(tenant({}), "");
}

TEST_F(IdentifyTest, ASessionCountsUntilItEnds) {
  EXPECT_EQ(tenant({{"cookie", cookie()}}), "acme.eu");
  EXPECT_EQ(tenant({{"cookie", cookie()}}, kNow + Auth::kSessionSeconds), "");
  EXPECT_EQ(tenant({{"cookie", cookie() + "0"}}), "");
  EXPECT_EQ(tenant({{"cookie", "tributary_session="}}), "");
}

TEST_F(IdentifyTest, TheFirstThatIsThereDecides) {
  EXPECT_EQ(tenant({{"x-api-key", "trib_wrong"}, {"authorization", "Bearer " + key_}, {"cookie", cookie()}}), "");
  EXPECT_EQ(tenant({{"authorization", "Bearer trib_wrong"}, {"cookie", cookie()}}), "");
  EXPECT_EQ(tenant({{"authorization", "Basic eA=="}, {"cookie", cookie()}}), "acme.eu");
}

TEST_F(IdentifyTest, WhoIsUnknownIsToldHowToBeKnown) {
  const http::Response response = unauthorized();
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.headers.back(), (std::pair<std::string, std::string>("WWW-Authenticate", "Bearer")));
}

}  // namespace
}  // namespace tributary::api
