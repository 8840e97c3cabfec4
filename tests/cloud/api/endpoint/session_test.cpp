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
  client.send("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
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
    client.send("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    const std::string response = client.read_response();
    EXPECT_TRUE(status_of(response) == 400 || status_of(response) == 401) << body;
    EXPECT_EQ(response.find("trib_guess"), std::string::npos);
    EXPECT_EQ(response.find("Set-Cookie"), std::string::npos);
  }
}

TEST_F(ApiTest, AFormOfAnotherSiteSignsNobodyIn) {
  const std::string body = "{\"api_key\":\"" + demo_ + "\"}";
  for (const std::string type : {"", "Content-Type: text/plain\r\n", "Content-Type: application/jsonp\r\n",
                                 "Content-Type: application/x-www-form-urlencoded\r\n"}) {
    RawClient client(server_->port());
    client.send("POST /api/v1/session HTTP/1.1\r\nHost: x\r\n" + type +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    const std::string response = client.read_response();
    EXPECT_EQ(status_of(response), 415) << type;
    EXPECT_EQ(response.find("Set-Cookie"), std::string::npos);
    EXPECT_EQ(response.find(demo_), std::string::npos);
  }
}

TEST_F(ApiTest, SigningOutEndsTheSessionForWhoeverHasItsCookie) {
  const auto sign_in = [&] {
    RawClient client(server_->port());
    client.send("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nX-API-Key: " + demo_ + "\r\n\r\n");
    const std::string response = client.read_response();
    const size_t at = response.find("Set-Cookie: ") + 12;
    return "Cookie: " + response.substr(at, response.find(';', at) - at) + "\r\n";
  };
  const std::string mine = sign_in(), other = sign_in();
  EXPECT_NE(mine, other);
  EXPECT_EQ(status_of(get("/api/v1/metrics", mine, false)), 200);
  RawClient client(server_->port());
  client.send("DELETE /api/v1/session HTTP/1.1\r\nHost: x\r\n" + mine + "\r\n");
  EXPECT_EQ(status_of(client.read_response()), 204);
  EXPECT_EQ(status_of(get("/api/v1/metrics", mine, false)), 401);
  EXPECT_EQ(status_of(get("/api/v1/metrics", other, false)), 200) << "another session of the same key goes on";
}

TEST_F(ApiTest, WhoHasNoKeyIsRefusedBeforeALargeBodyIsRead) {
  RawClient client(server_->port());
  client.send("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n");  // and no body
  EXPECT_EQ(status_of(client.read_response()), 401);
  RawClient chunked(server_->port());
  chunked.send("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(status_of(chunked.read_response()), 401);
}

}  // namespace
}  // namespace tributary::api
