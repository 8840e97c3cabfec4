// SPDX-License-Identifier: Apache-2.0
// Tags, compression and other origins.
#include "cloud/http/delivery.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "tests/cloud/api/api_fixture.h"

namespace tributary::api {
namespace {

std::string header_of(const std::string& response, const std::string& name) {
  const size_t end = response.find("\r\n\r\n");
  const size_t at = response.find("\r\n" + name + ": ");
  if (at == std::string::npos || at > end) return "";
  const size_t from = at + name.size() + 4;
  return response.substr(from, response.find("\r\n", from) - from);
}

std::string gunzip(const std::string& bytes) {
  std::string out(16 << 20, '\0');
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(Delivery, KnowsWhoTakesGzip) {
  for (const char* yes : {"gzip", "br, GZIP", "x-gzip", "*", "gzip;q=0.1", "identity, gzip ; q=1", "br;q=0, *"})
    EXPECT_TRUE(http::accepts_gzip(yes)) << yes;
  for (const char* no : {"", "br", "gzip;q=0", "gzip;q=0.000, *", "*;q=0", "identity", ",;,"})
    EXPECT_FALSE(http::accepts_gzip(no)) << no;
}

TEST(Delivery, TagsAreComparedWeaklyAndWhole) {
  const std::string tag = "W/\"abc\"";
  for (const char* same : {"W/\"abc\"", "\"abc\"", "\"x\", W/\"abc\"", "*"}) EXPECT_TRUE(http::names_tag(same, tag));
  for (const char* other : {"", "\"ab\"", "abc", "\"xabc\"", "W/\"abcd\""}) EXPECT_FALSE(http::names_tag(other, tag));
}

TEST(Delivery, OriginsHaveNoPath) {
  for (const char* good : {"*", "https://app.example", "http://127.0.0.1:8080", "http://[::1]:80"})
    EXPECT_TRUE(http::is_origin(good)) << good;
  for (const char* bad : {"", "app.example", "https://", "https://app.example/", "https://App.example", "ftp://x"})
    EXPECT_FALSE(http::is_origin(bad)) << bad;
}

TEST(Delivery, WhatDoesNotShrinkIsLeftAlone) {
  EXPECT_FALSE(http::gzip("x").has_value());
  const std::string text(100'000, 'a');
  const auto shorter = http::gzip(text);
  ASSERT_TRUE(shorter.has_value());
  EXPECT_LT(shorter->size(), 1000u);
  EXPECT_EQ(gunzip(*shorter), text);
}

TEST_F(ApiTest, AnAnswerThatTheClientHasIsNotSentAgain) {
  for (const std::string path :
       {"/api/v1/metrics", "/api/v1/devices", "/api/v1/summary?metric=temperature", "/api/v1/kpi?metric=temperature",
        "/api/v1/series?metric=temperature&format=csv", "/api/v1/series?metric=temperature"}) {
    const std::string first = get(path);
    const std::string tag = header_of(first, "ETag");
    ASSERT_TRUE(tag.starts_with("W/\"")) << path << "\n" << first.substr(0, 400);
    EXPECT_EQ(header_of(first, "Cache-Control"), "private, no-cache");
    const std::string again = get(path, "If-None-Match: \"other\", " + tag + "\r\n");
    EXPECT_EQ(status_of(again), 304) << path;
    EXPECT_EQ(body_of(again), "");
    EXPECT_EQ(header_of(again, "ETag"), tag);
    EXPECT_EQ(status_of(get(path, "If-None-Match: \"other\"\r\n")), 200);
    // Who has no key is told nothing, whatever he has.
    EXPECT_EQ(status_of(get(path, "If-None-Match: " + tag + "\r\n", false)), 401);
  }
}

// Neither of them comes with a new reading: what a tag of place and question would miss.
TEST_F(ApiTest, TheTagChangesWithCompletenessAlone) {
  const std::string path = "/api/v1/summary?metric=temperature";
  const std::string tag = header_of(get(path), "ETag");
  query_.completeness_part.gateways = {{.gateway = "attic", .frontier_ns = 1, .absence = "silent"},
                                       {.gateway = "barn", .frontier_ns = 2}};
  const std::string silent = get(path, "If-None-Match: " + tag + "\r\n");
  EXPECT_EQ(status_of(silent), 200);
  query_.add("demo", "a", "temperature", kNowS, 1);
  const std::string later = get(path, "If-None-Match: " + header_of(silent, "ETag") + "\r\n");
  EXPECT_EQ(status_of(later), 200);
}

TEST_F(ApiTest, WhatIsOfThisMomentOnlyHasNoTag) {
  for (const char* path : {"/api/v1/session", "/api/v1/system", "/health", "/ready", "/metrics", "/api/v1/kpi"})
    EXPECT_EQ(header_of(get(path), "ETag"), "") << path;
}

TEST_F(ApiTest, LargeAnswersAreCompressedForWhoTakesIt) {
  const std::string small = get("/api/v1/metrics", "Accept-Encoding: gzip\r\n");
  EXPECT_EQ(header_of(small, "Content-Encoding"), "");
  const std::string path = "/api/v1/series?metric=temperature&step=10";
  const std::string plain = get(path, "Accept-Encoding: br\r\n");
  ASSERT_GT(body_of(plain).size(), 10'000u);
  EXPECT_EQ(header_of(plain, "Content-Encoding"), "");
  EXPECT_NE(header_of(plain, "Vary").find("Accept-Encoding"), std::string::npos);
  const std::string packed = get(path, "Accept-Encoding: br, gzip\r\n");
  EXPECT_EQ(header_of(packed, "Content-Encoding"), "gzip");
  EXPECT_LT(body_of(packed).size(), body_of(plain).size() / 3);
  EXPECT_EQ(gunzip(body_of(packed)), body_of(plain));
  EXPECT_EQ(header_of(packed, "ETag"), header_of(plain, "ETag"));
}

TEST_F(ApiTest, OnlyConfiguredOriginsMayReadAnswers) {
  const std::string known = "Origin: https://app.example\r\n", unknown = "Origin: https://evil.example\r\n";
  for (const char* path : {"/api/v1/metrics", "/api/v1/kpi?metric=none", "/api/v1/kpi"}) {
    const std::string allowed = get(path, known);
    EXPECT_EQ(header_of(allowed, "Access-Control-Allow-Origin"), "https://app.example") << path;
    EXPECT_EQ(header_of(allowed, "Access-Control-Allow-Credentials"), "");
    EXPECT_NE(header_of(allowed, "Vary").find("Origin"), std::string::npos);
    EXPECT_EQ(header_of(get(path, unknown), "Access-Control-Allow-Origin"), "") << path;
    EXPECT_EQ(header_of(get(path), "Access-Control-Allow-Origin"), "") << path;
  }
  // A page can tell a wrong key from a broken network.
  EXPECT_EQ(header_of(get("/api/v1/metrics", known, false), "Access-Control-Allow-Origin"), "https://app.example");

  auto preflight = [&](const std::string& origin) {
    RawClient client(server_->port());
    client.send("OPTIONS /api/v1/series HTTP/1.1\r\nHost: x\r\n" + origin +
                "Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: x-api-key\r\n\r\n");
    return client.read_response();
  };
  const std::string asked = preflight(known);
  EXPECT_EQ(status_of(asked), 204);
  EXPECT_EQ(header_of(asked, "Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(header_of(asked, "Access-Control-Allow-Methods"), "GET, HEAD");
  EXPECT_NE(header_of(asked, "Access-Control-Allow-Headers").find("X-API-Key"), std::string::npos);
  EXPECT_EQ(header_of(preflight(unknown), "Access-Control-Allow-Origin"), "");
  RawClient client(server_->port());
  client.send("OPTIONS /api/v1/series HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(status_of(client.read_response()), 405);
}

}  // namespace
}  // namespace tributary::api
