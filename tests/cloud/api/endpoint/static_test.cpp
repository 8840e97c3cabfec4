// SPDX-License-Identifier: Apache-2.0
// The page.
#include <gtest/gtest.h>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

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
