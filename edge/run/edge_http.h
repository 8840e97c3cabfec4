// SPDX-License-Identifier: Apache-2.0
// What the edge answers over HTTP: /health, /ready, /metrics.
#pragma once

#include <string_view>

#include "common/runtime/recoveries.h"
#include "edge/gateway.h"
#include "edge/run/http_port.h"

namespace tributary::edge {

// Ready: readings become durable. An uplink that is away is told, but it is what the outbox is for. No series, device
// or tenant is named.
HttpAnswer edge_answer(std::string_view path, const Gateway& gateway, bool uplink_connected,
                       const runtime::Recoveries& recoveries);

}  // namespace tributary::edge
