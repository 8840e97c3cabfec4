// SPDX-License-Identifier: Apache-2.0
// Whose a request is: the key in a header, or the session cookie that a browser got for it. The one way for every port.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "cloud/http/server.h"
#include "cloud/tenants/keys.h"

namespace tributary::api {

inline constexpr std::string_view kSessionCookie = "tributary_session";

// The key in X-API-Key, else in Authorization: Bearer (in any case, RFC 9110); nothing if neither is there. It lives as
// long as the request.
std::optional<std::string_view> key_of(const http::Request& request);

// The session's, as the browser sends it; empty: none.
std::string_view session_cookie_of(const http::Request& request);

// By the key, then by the cookie; the first that is there decides.
std::optional<Identity> identify(Auth& auth, const http::Request& request, int64_t now_s);

// 401, the same whether there was no key or a wrong one.
http::Response unauthorized();

}  // namespace tributary::api
