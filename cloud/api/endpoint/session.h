// SPDX-License-Identifier: Apache-2.0
// Who asks: the key in a header, or the session cookie that a browser got for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cloud/http/server.h"
#include "cloud/tenants/keys.h"

namespace tributary::api {

// By X-API-Key, then Authorization: Bearer, then the cookie; the first that is there decides.
std::optional<Identity> identify(Auth& auth, const http::Request& request, int64_t now_s);
http::Response unauthorized();

}  // namespace tributary::api
