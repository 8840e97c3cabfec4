// SPDX-License-Identifier: Apache-2.0
// /health and /ready as answers of the HTTP server (common/runtime/probes.h).
#pragma once

#include <string>
#include <utility>

#include "cloud/http/server.h"
#include "common/runtime/probes.h"

namespace tributary::http {

inline constexpr int kNotReadyRetryAfterS = 1;

inline Response health_response() { return Response{.body = runtime::kHealthBody}; }

inline Response probe_response(runtime::Probe probe) {
  Response response{.status = probe.status, .body = std::move(probe.body)};
  response.headers.emplace_back("Cache-Control", "no-store");
  if (probe.status != 200) {
    response.content_type = probe.content_type;
    response.headers.emplace_back("Retry-After", std::to_string(kNotReadyRetryAfterS));
  }
  return response;
}

}  // namespace tributary::http
