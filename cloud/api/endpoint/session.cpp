// SPDX-License-Identifier: Apache-2.0
// Keys and sessions of requests, see cloud/tenants/identify.h.
#include <nlohmann/json.hpp>
#include <string_view>

#include "cloud/api/context.h"
#include "cloud/http/json_writer.h"
#include "cloud/http/problem.h"
#include "cloud/tenants/identify.h"

namespace tributary::api {
namespace {

constexpr size_t kBodyBytesMax = 4096;

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
  response.headers.emplace_back("Set-Cookie", std::string(kSessionCookie) + "=" + value + "; Path=/; Max-Age=" +
                                                  std::to_string(age_s) + "; HttpOnly; SameSite=Strict");
}

bool is_json(std::string_view type) {
  constexpr std::string_view kJson = "application/json";
  if (type.size() < kJson.size()) return false;
  for (size_t i = 0; i < kJson.size(); ++i) {
    if ((type[i] >= 'A' && type[i] <= 'Z' ? type[i] | 0x20 : type[i]) != kJson[i]) return false;
  }
  return type.size() == kJson.size() || type[kJson.size()] == ';' || type[kJson.size()] == ' ';
}

}  // namespace

http::Response answer_sign_in(const RequestContext& context) {
  const http::Request& request = context.request;
  Auth& auth = *context.services.given.auth;
  const auto header = key_of(request);
  std::string key(header.value_or(""));
  if (!header) {
    // A form of another site can send text/plain without asking; application/json it cannot.
    if (!is_json(request.header("content-type"))) {
      return http::problem_response({.status = 415,
                                     .detail = "A key in the body needs a Content-Type that no form can send.",
                                     .parameter = "Content-Type",
                                     .found = std::string(request.header("content-type").substr(0, 100)),
                                     .expected = "application/json, or the key in X-API-Key"});
    }
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
  const auto session = auth.make_session(*identity, context.services.now_s());
  if (!session)
    return http::problem_response(
        {.status = 503, .detail = "Sessions are not possible: the keys file has no session_secret."});
  http::Response response = session_answer(identity->tenant, context.services.config.hints);
  set_cookie(response, *session, Auth::kSessionSeconds);
  return response;
}

http::Response answer_show_session(const RequestContext& context) {
  return session_answer(context.tenant, context.services.config.hints);
}

// Ends the session here, and not in this browser alone.
http::Response answer_sign_out(const RequestContext& context) {
  context.services.given.auth->end_session(session_cookie_of(context.request), context.services.now_s());
  http::Response response{.status = 204, .content_type = ""};
  set_cookie(response, "", 0);
  return response;
}

}  // namespace tributary::api
