// SPDX-License-Identifier: Apache-2.0
// Lists: metrics, devices with gateways, and the last reading of each series; whole or page by page.
#pragma once

#include "cloud/http/server.h"
#include "cloud/render/answers.h"

namespace tributary::api {

// Each checks its own parameters. limit and cursor: at most so many entries, from where the page before ended; an
// answer with more to come has next, the cursor of the next page.
http::Response answer_metrics(const Asked& asked);
http::Response answer_devices(const Asked& asked);
http::Response answer_last(const Asked& asked);

}  // namespace tributary::api
