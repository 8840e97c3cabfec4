// SPDX-License-Identifier: Apache-2.0
// What the edge answers over HTTP: /health, /ready, /metrics.
#pragma once

#include <string_view>

#include "common/runtime/recoveries.h"
#include "edge/gateway/gateway.h"
#include "edge/run/status_server.h"

namespace tributary::edge {

struct EdgeLinks {
  bool uplink = false;                // its connection stands
  size_t listening = 0, sources = 0;  // of so many sources, how many hear what is sent to them
};

// Ready: readings become durable. An uplink that is away and a source that hears nothing are told; the first
// is what the outbox is for. No series, device or tenant is named.
HttpAnswer edge_answer(std::string_view path, const Gateway& gateway, const EdgeLinks& links,
                       const runtime::Recoveries& recoveries);

}  // namespace tributary::edge
