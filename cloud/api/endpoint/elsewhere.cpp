// SPDX-License-Identifier: Apache-2.0
// POST /api/v1/data: readings go to the bridge, another port; who sends them here is told so.
#include "cloud/api/context.h"
#include "cloud/http/problem.h"

namespace tributary::api {

http::Response answer_readings_elsewhere(const RequestContext&) {
  return http::problem_response(
      {.status = 404,
       .detail = "Readings are not taken here but by the bridge, at a port of its own.",
       .found = "POST /api/v1/data",
       .expected = "POST /api/v1/data at the bridge (port 8081, unless configured otherwise)"});
}

}  // namespace tributary::api
