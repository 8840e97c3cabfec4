// SPDX-License-Identifier: Apache-2.0
// Sessions replace keys and end with them.
#include <gtest/gtest.h>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

TEST_F(ApiTest, AKeyIsTakenFromEitherHeader) {
  EXPECT_EQ(status_of(get("/api/v1/metrics", "Authorization: Bearer " + demo_ + "\r\n", false)), 200);
  EXPECT_EQ(status_of(get("/api/v1/metrics", "authorization: bearer " + demo_ + "\r\n", false)), 200);
  EXPECT_EQ(status_of(get("/api/v1/metrics", "Authorization: Basic abc\r\n", false)), 401);
}

TEST_F(ApiTest, ASessionReplacesTheKeyAndEndsWithIt) {
  RawClient client(server_->port());
  const std::string body = "{\"api_key\":\"" + demo_ + "\"}";
  client.send("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n" + body);
  const std::string response = client.read_response();
  ASSERT_EQ(status_of(response), 200);
  const size_t at = response.find("Set-Cookie: ") + 12;
  const std::string cookie = response.substr(at, response.find("\r\n", at) - at);
  EXPECT_NE(cookie.find("HttpOnly; SameSite=Strict"), std::string::npos);
  const std::string header = "Cookie: theme=dark; " + cookie.substr(0, cookie.find(';')) + "\r\n";
  EXPECT_EQ(body_of(get("/api/v1/session", header, false)), "{\"tenant\":\"demo\"}");
  EXPECT_EQ(status_of(get("/api/v1/metrics", header, false)), 200);
  // Another process with the same file knows the session; without the key it ends.
  Auth restarted((dir_ / "keys.json").string());
  const std::string value = cookie.substr(18, cookie.find(';') - 18);
  EXPECT_TRUE(restarted.identity_of_session(value, kNowS).has_value());
  EXPECT_FALSE(restarted.identity_of_session(value, kNowS + Auth::kSessionSeconds).has_value());
  keys_.keys.erase(keys_.keys.begin());
  ASSERT_TRUE(write_keys_file((dir_ / "keys.json").string(), keys_).ok());
  EXPECT_EQ(status_of(get("/api/v1/metrics", header, false)), 401);
  EXPECT_EQ(status_of(get("/api/v1/metrics")), 401);
}

TEST_F(ApiTest, BrokenSessionRequestsRepeatNoSecret) {
  for (const std::string body :
       {"", "{}", "[1]", "{\"api_key\":5}", "{\"api_key\":\"trib_guess\"}", "{\"key\":\"trib_guess\"}"}) {
    RawClient client(server_->port());
    client.send("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
    const std::string response = client.read_response();
    EXPECT_TRUE(status_of(response) == 400 || status_of(response) == 401) << body;
    EXPECT_EQ(response.find("trib_guess"), std::string::npos);
    EXPECT_EQ(response.find("Set-Cookie"), std::string::npos);
  }
}

}  // namespace
}  // namespace tributary::api
