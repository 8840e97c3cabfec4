// SPDX-License-Identifier: Apache-2.0
// The OpenAPI 3.1 document of the aggregator's endpoints, openapi.json; a test holds it and the routes together.
#pragma once

#include <string_view>

namespace tributary::api {

std::string_view openapi_json();

}  // namespace tributary::api
