// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/federate: a tenant's series, gateways and completeness for Prometheus to scrape (API.md says what each
// family is). The readings since the beginning are cumulative histograms; the newest windows are gauges.
#pragma once

#include "cloud/render/answers.h"

namespace tributary::api {

http::Response answer_federate(const Asked& asked);

// What a tenant's completeness is judged by where no range is named: gateways that are not further behind than this.
inline constexpr int64_t kCompleteLagNs = 120 * kNanosPerSecond;

}  // namespace tributary::api
