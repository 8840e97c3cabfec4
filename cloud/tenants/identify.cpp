// SPDX-License-Identifier: Apache-2.0
// Whose a request is, see identify.h.
#include "cloud/tenants/identify.h"

#include <algorithm>

#include "cloud/http/problem.h"

namespace tributary::api {
std::string_view session_cookie_of(const http::Request& request) {
  std::string_view rest = request.header("cookie");
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(';'), rest.size());
    std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (part.starts_with(' ')) part.remove_prefix(1);
    if (part.size() > kSessionCookie.size() && part.starts_with(kSessionCookie) && part[kSessionCookie.size()] == '=')
      return part.substr(kSessionCookie.size() + 1);
  }
  return {};
}

std::optional<std::string_view> key_of(const http::Request& request) {
  constexpr std::string_view kBearer = "bearer ";
  if (const auto key = request.header("x-api-key"); !key.empty()) return key;
  const auto authorization = request.header("authorization");
  bool bearer = authorization.size() > kBearer.size();
  for (size_t i = 0; bearer && i < kBearer.size(); ++i) bearer = (authorization[i] | 0x20) == kBearer[i];
  return bearer ? std::optional(authorization.substr(kBearer.size())) : std::nullopt;
}

std::optional<Identity> identify(Auth& auth, const http::Request& request, int64_t now_s) {
  if (const auto key = key_of(request)) return auth.identity_of(*key);
  const std::string_view cookie = session_cookie_of(request);
  return cookie.empty() ? std::nullopt : auth.identity_of_session(cookie, now_s);
}

http::Response unauthorized() {
  http::Response response = http::problem_response(
      {.status = 401,
       .detail = "A valid key is needed: X-API-Key, Authorization: Bearer, or a session of POST /api/v1/session."});
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace tributary::api
