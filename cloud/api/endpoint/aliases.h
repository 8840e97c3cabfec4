// SPDX-License-Identifier: Apache-2.0
// Aliases: the calls of clients made for older systems, answered by the endpoints of today.
#pragma once

#include <functional>
#include <string_view>

#include "cloud/http/server.h"
#include "cloud/render/answers.h"

namespace tributary::api {

// Asks endpoint about the device that the parameter `name` ("source", "device_id") names. With metric: its answer, as
// it is. Without: {name: device, list: [its answer for each metric of the device]}, at most 100 metrics.
http::Response answer_alias(const Asked& asked, std::string_view name, std::string_view list,
                            const std::function<http::Response(const Asked&)>& endpoint);

}  // namespace tributary::api
