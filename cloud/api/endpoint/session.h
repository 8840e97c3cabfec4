// SPDX-License-Identifier: Apache-2.0
// Who asks: the key in a header, or the session cookie that a browser got for it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "cloud/http/server.h"
#include "cloud/tenants/keys.h"

namespace tributary::api {

// By X-API-Key, then Authorization: Bearer, then the cookie; the first that is there decides.
std::optional<Identity> identify(Auth& auth, const http::Request& request, int64_t now_s);
http::Response unauthorized();

// Where readings can be sent to, for the page's first words to a new user. What is empty or 0 is not told.
struct SendHints {
  std::string mqtt_host, mqtt_username, ingest_url;
  std::string mqtt_tenant;  // whose gateway listens there: no other tenant is told; empty: every tenant's
  uint16_t mqtt_port = 0;
};

// The three methods of /api/v1/session.
http::Response sign_in(Auth& auth, const SendHints& hints, const http::Request& request, int64_t now_s);
http::Response show_session(Auth& auth, const SendHints& hints, const http::Request& request, int64_t now_s);
http::Response sign_out();

}  // namespace tributary::api
