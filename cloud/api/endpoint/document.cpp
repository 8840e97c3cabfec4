// SPDX-License-Identifier: Apache-2.0
// GET /openapi.json.
#include <string>

#include "cloud/api/context.h"
#include "cloud/api/openapi.h"

namespace tributary::api {

http::Response answer_document(const RequestContext&) {
  return {.headers = {{"Cache-Control", "no-cache"}}, .body = std::string(openapi_json())};
}

}  // namespace tributary::api
