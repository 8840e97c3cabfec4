// SPDX-License-Identifier: Apache-2.0
// The page.
#include <gtest/gtest.h>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

TEST_F(ApiTest, TheFilesOfThePageAreCompressedWhereTheClientTakesThat) {
  const std::string script = get("/assets/large-a1b2c3d4e5.js", "Accept-Encoding: gzip, br\r\n", false);
  EXPECT_EQ(status_of(script), 200);
  EXPECT_NE(script.find("Content-Encoding: gzip\r\n"), std::string::npos);
  EXPECT_NE(script.find("Vary: Accept-Encoding"), std::string::npos);
  EXPECT_LT(body_of(script).size(), 500u);
  const auto tag_of = [](const std::string& response) {
    const size_t at = response.find("ETag: ") + 6;
    return response.substr(at, response.find("\r\n", at) - at);
  };
  const std::string plain = get("/assets/large-a1b2c3d4e5.js", "Accept-Encoding: gzip;q=0\r\n", false);
  EXPECT_EQ(plain.find("Content-Encoding"), std::string::npos);
  EXPECT_EQ(body_of(plain), std::string(20'000, 'a'));
  EXPECT_NE(tag_of(plain), tag_of(script));
  const std::string known = "Accept-Encoding: gzip\r\nIf-None-Match: " + tag_of(script) + "\r\n";
  EXPECT_EQ(status_of(get("/assets/large-a1b2c3d4e5.js", known, false)), 304);
}

TEST_F(ApiTest, AnAddressThatThePageDoesNotKnowIsToldByThePageAndAsAProblemToPrograms) {
  const std::string page = get("/fleeet", "Accept: text/html,application/xhtml+xml\r\n", false);
  EXPECT_EQ(status_of(page), 404);
  EXPECT_NE(page.find("text/html"), std::string::npos);
  EXPECT_NE(page.find("<title>t</title>"), std::string::npos);
  for (const char* path : {"/fleeet", "/assets/gone.js"})
    EXPECT_NE(get(path, "Accept: */*\r\n", false).find("application/problem+json"), std::string::npos) << path;
  EXPECT_NE(get("/api/v1/nosuch", "Accept: text/html\r\n").find("application/problem+json"), std::string::npos);
}

TEST_F(ApiTest, ThePageIsServedWithTheRightHeaders) {
  for (const char* route : {"/", "/fleet", "/explore", "/now", "/system", "/index.html"}) {
    const std::string page = get(route, "", false);
    EXPECT_EQ(status_of(page), 200) << route;
    EXPECT_NE(page.find("Cache-Control: no-cache"), std::string::npos);
    EXPECT_NE(page.find("Content-Security-Policy: default-src 'self'"), std::string::npos);
    EXPECT_NE(page.find("X-Content-Type-Options: nosniff"), std::string::npos);
    EXPECT_NE(page.find("text/html"), std::string::npos);
  }
  const std::string script = get("/assets/index-a1b2c3d4e5.js", "Accept-Encoding: gzip, br\r\n", false);
  EXPECT_NE(script.find("immutable"), std::string::npos);
  EXPECT_NE(script.find("text/javascript"), std::string::npos);
  const size_t at = script.find("ETag: ") + 6;
  const std::string etag = script.substr(at, script.find("\r\n", at) - at);
  EXPECT_EQ(status_of(get("/assets/index-a1b2c3d4e5.js", "If-None-Match: " + etag + "\r\n", false)), 304);
  for (const char* path :
       {"/../keys.json", "/%2e%2e/keys.json", "/assets/../../keys.json", "/keys.json", "//etc/passwd", "/assets"}) {
    EXPECT_EQ(status_of(get(path, "", false)), 404) << path;
  }
}

}  // namespace
}  // namespace tributary::api
