// SPDX-License-Identifier: Apache-2.0
// The session of a browser: a cookie in exchange for a key.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "cloud/http/server.h"
#include "cloud/tenants/identify.h"
#include "cloud/tenants/keys.h"

namespace tributary::api {

// Where readings can be sent to, for the page's first words to a new user. What is empty or 0 is not told.
struct SendHints {
  std::string mqtt_host, mqtt_username, ingest_url;
  uint16_t mqtt_port = 0;
};

// The three methods of /api/v1/session.
http::Response sign_in(Auth& auth, const SendHints& hints, const http::Request& request, int64_t now_s);
http::Response show_session(Auth& auth, const SendHints& hints, const http::Request& request, int64_t now_s);
http::Response sign_out();

}  // namespace tributary::api
