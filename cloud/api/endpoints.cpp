// SPDX-License-Identifier: Apache-2.0
// The list of endpoints. A new one is a file in endpoint/ with its OpenAPI piece beside it, its
// name in endpoints.h and a row here.
#include "cloud/api/endpoints.h"

namespace tributary::api {

namespace {

using enum Access;

constexpr Endpoint kEndpoints[] = {
    {"GET", "/api/v1/metrics", answer_metrics, "metrics", kRead},
    {"GET", "/api/v1/devices", answer_devices, "devices", kRead},
    {"GET", "/api/v1/last", answer_last, "last", kRead},
    {"GET", "/api/v1/series", answer_series, "series", kRead},
    {"GET", "/api/v1/kpi", answer_kpi, "kpi", kRead},
    {"GET", "/api/v1/summary", answer_summary, "summary", kRead},
    {"GET", "/api/v1/stream", answer_stream, "stream", kRead},
    {"GET", "/api/v1/system", answer_system, "system", kRead},
    {"GET", "/api/v1/federate", answer_federate, "federate", kRead},
    {"GET", "/api/data", answer_old_data, "old_data", kRead},
    {"GET", "/kpi", answer_old_kpi, "old_kpi", kRead},
    {"GET", "/series", answer_old_series, "old_series", kRead},
    {"POST", "/api/v1/session", answer_sign_in, "sign_in", kAnybody},
    {"GET", "/api/v1/session", answer_show_session, "session", kRead},
    {"DELETE", "/api/v1/session", answer_sign_out, "sign_out", kAnybody},
    {"POST", "/api/v1/data", answer_readings_elsewhere, "", kAnybody},
    {"GET", "/health", answer_health, "health", kAnybody},
    {"GET", "/ready", answer_ready, "ready", kAnybody},
    {"GET", "/metrics", answer_exposition, "exposition", kAnybody},
    {"GET", "/openapi.json", answer_document, "openapi", kAnybody},
};

}  // namespace

std::span<const Endpoint> endpoints() { return kEndpoints; }

}  // namespace tributary::api
