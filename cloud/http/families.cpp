// SPDX-License-Identifier: Apache-2.0
// The families of a server, see exposition.h.
#include "cloud/http/families.h"

namespace tributary::api {

void http_families(Exposition& text, const http::HttpStats& stats) {
  text.counter("tributary_http_connections_total", "Connections taken.").sample(stats.connections_total);
  text.gauge("tributary_http_connections", "Connections that are open.").sample(stats.connections);
  text.gauge("tributary_http_streams", "Live streams.").sample(stats.streams);
  text.gauge("tributary_http_waiting_requests", "Whole requests that wait for a thread.")
      .sample(stats.waiting_requests);
  text.counter("tributary_http_responses_total", "Answers by status.");
  for (const auto& [status, count] : stats.responses_total) text.sample(count, {{"status", std::to_string(status)}});
  text.counter("tributary_http_refused_total",
               "Requests and connections refused before a handler saw them, by reason.");
  for (const auto& [reason, count] : stats.refused_total) text.sample(count, {{"reason", reason}});
}

}  // namespace tributary::api
