// SPDX-License-Identifier: Apache-2.0
// The endpoints as a list: what the server serves, the tests run over, and /openapi.json documents.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "cloud/api/context.h"

namespace tributary::api {

// Who may ask. A key has no role yet: whoever has one may read, write and administer.
enum class Access : uint8_t {
  kAnybody,  // without a key
  kRead,
  kWrite,
  kAdmin,
};

// Answers a request whose key, where it needs one, is known to be good. Each is in the file of its subject.
using EndpointHandler = http::Response(const RequestContext& context);
EndpointHandler answer_devices, answer_document, answer_exposition, answer_federate, answer_health, answer_kpi,
    answer_last, answer_metrics, answer_old_data, answer_old_kpi, answer_old_series, answer_readings_elsewhere,
    answer_ready, answer_series, answer_show_session, answer_sign_in, answer_sign_out, answer_stream, answer_summary,
    answer_system;

struct Endpoint {
  std::string_view method, path;
  EndpointHandler* answer;
  std::string_view document;  // its operationId in endpoint/*.json; empty: a signpost, no call of this API
  Access access = Access::kRead;
};

std::span<const Endpoint> endpoints();

}  // namespace tributary::api
