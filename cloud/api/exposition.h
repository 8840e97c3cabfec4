// SPDX-License-Identifier: Apache-2.0
// What the servers of the cloud add to common/runtime/exposition.h.
#pragma once

#include "cloud/api/http_server.h"
#include "common/runtime/exposition.h"

namespace tributary::api {

using runtime::Exposition;

// The families of a server: connections, streams, answers by status, refusals by reason.
void http_families(Exposition& text, const http::HttpStats& stats);

}  // namespace tributary::api
