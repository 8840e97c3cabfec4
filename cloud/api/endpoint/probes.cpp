// SPDX-License-Identifier: Apache-2.0
// What is asked without a key: /health, /ready, /metrics; and where readings are taken, which is elsewhere.
#include "cloud/http/probes.h"

#include <string>

#include "cloud/api/context.h"
#include "cloud/http/families.h"

namespace tributary::api {

http::Response answer_health(const RequestContext&) { return http::health_response(); }

http::Response answer_ready(const RequestContext& context) {
  const ApiDependencies& given = context.services.given;
  std::string trouble = given.trouble ? given.trouble() : "";
  if (trouble.empty()) trouble = given.auth->trouble();
  return http::probe_response(runtime::ready_probe(trouble, trouble.empty() ? given.ready : nullptr));
}

http::Response answer_exposition(const RequestContext& context) {
  Exposition text;
  text.gauge("tributary_ready", "1 when everything works, see /ready.")
      .sample(uint64_t{answer_ready(context).status == 200});
  http_families(text, context.services.server.stats());
  if (context.services.given.metrics) context.services.given.metrics(text);
  return {.content_type = Exposition::kContentType, .body = text.take()};
}

}  // namespace tributary::api
