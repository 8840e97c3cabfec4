// SPDX-License-Identifier: Apache-2.0
// What a gateway declares to serve, in its status: "DEVICE" or "DEVICE/METRIC", with "*" at the end for whatever
// follows. It is believed only where it takes a gateway out of question that never contributed.
#pragma once

#include <string>
#include <vector>

#include "cloud/query/types.h"

namespace tributary::query {

// Whether the declaration excludes every series of the selection. An empty one excludes nothing. A selection without
// devices is excluded by the metrics named alone.
bool excludes(const std::vector<std::string>& serves, const Selection& selection);

}  // namespace tributary::query
