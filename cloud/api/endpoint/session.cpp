// SPDX-License-Identifier: Apache-2.0
// Keys and sessions of requests, see api_session.h.
#include "cloud/api/endpoint/session.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "cloud/http/json_writer.h"
#include "cloud/http/problem.h"

namespace tributary::api {
namespace {

constexpr std::string_view kCookie = "tributary_session";
constexpr size_t kBodyBytesMax = 4096;

std::string_view cookie_of(const http::Request& request) {
  std::string_view rest = request.header("cookie");
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(';'), rest.size());
    std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    if (part.size() > kCookie.size() && part.starts_with(kCookie) && part[kCookie.size()] == '=')
      return part.substr(kCookie.size() + 1);
  }
  return {};
}

// The key of a header: found says whether there was one at all.
std::string_view key_of(const http::Request& request, bool& found) {
  constexpr std::string_view kBearer = "bearer ";
  found = true;
  if (const auto key = request.header("x-api-key"); !key.empty()) return key;
  const auto authorization = request.header("authorization");
  bool bearer = authorization.size() > kBearer.size();
  for (size_t i = 0; bearer && i < kBearer.size(); ++i) bearer = (authorization[i] | 0x20) == kBearer[i];
  if (bearer) return authorization.substr(kBearer.size());
  found = false;
  return {};
}

http::Response session_answer(const std::string& tenant, const SendHints& hints) {
  JsonWriter json;
  json.begin_object().field("tenant", tenant);
  const bool listens = hints.mqtt_tenant.empty() || hints.mqtt_tenant == tenant;
  if (listens && (!hints.mqtt_host.empty() || hints.mqtt_port > 0)) {
    json.key("mqtt").begin_object();
    if (!hints.mqtt_host.empty()) json.field("host", hints.mqtt_host);
    if (hints.mqtt_port > 0) json.field("port", static_cast<uint64_t>(hints.mqtt_port));
    if (!hints.mqtt_username.empty()) json.field("username", hints.mqtt_username);
    json.end_object();
  }
  if (!hints.ingest_url.empty()) json.field("ingest", hints.ingest_url);
  json.end_object();
  http::Response response{.body = json.take()};
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

void set_cookie(http::Response& response, const std::string& value, int64_t age_s) {
  response.headers.emplace_back("Set-Cookie", std::string(kCookie) + "=" + value + "; Path=/; Max-Age=" +
                                                  std::to_string(age_s) + "; HttpOnly; SameSite=Strict");
}

}  // namespace

std::optional<Identity> identify(Auth& auth, const http::Request& request, int64_t now_s) {
  bool found = false;
  const std::string_view key = key_of(request, found);
  if (found) return auth.identity_of(key);
  const std::string_view cookie = cookie_of(request);
  return cookie.empty() ? std::nullopt : auth.identity_of_session(cookie, now_s);
}

http::Response unauthorized() {
  http::Response response = http::problem_response(
      {.status = 401,
       .detail = "A valid key is needed: X-API-Key, Authorization: Bearer, or a session of POST /api/v1/session."});
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

http::Response sign_in(Auth& auth, const SendHints& hints, const http::Request& request, int64_t now_s) {
  bool found = false;
  std::string key(key_of(request, found));
  if (!found) {
    const http::Problem wrong{.status = 400,
                              .detail = "The body is wrong.",
                              .parameter = "api_key",
                              .found = "something else",
                              .expected = "{\"api_key\":\"…\"}"};  // what was found may be a secret
    if (request.body.size() > kBodyBytesMax) return http::problem_response(wrong);
    const auto json = nlohmann::json::parse(request.body, nullptr, false);
    const auto it = json.is_object() ? json.find("api_key") : json.end();
    if (!json.is_object() || it == json.end() || !it->is_string()) return http::problem_response(wrong);
    key = it->get<std::string>();
  }
  const auto identity = auth.identity_of(key);
  if (!identity) return unauthorized();
  const auto session = auth.make_session(*identity, now_s);
  if (!session)
    return http::problem_response(
        {.status = 503, .detail = "Sessions are not possible: the keys file has no session_secret."});
  http::Response response = session_answer(identity->tenant, hints);
  set_cookie(response, *session, Auth::kSessionSeconds);
  return response;
}

http::Response show_session(Auth& auth, const SendHints& hints, const http::Request& request, int64_t now_s) {
  const auto identity = identify(auth, request, now_s);
  return identity ? session_answer(identity->tenant, hints) : unauthorized();
}

http::Response sign_out() {
  http::Response response{.status = 204, .content_type = ""};
  set_cookie(response, "", 0);
  return response;
}

}  // namespace tributary::api
