// SPDX-License-Identifier: Apache-2.0
// A reading of a plain number, for calls of a sink. It views its arguments: they must live as long.
#pragma once

#include <optional>
#include <string_view>

#include "common/reading/reading.h"

namespace tributary::test {

inline reading::Reading number(std::string_view device, std::string_view metric, std::optional<int64_t> time_ns,
                               double value) {
  return {.device = device, .metric = metric, .time_ns = time_ns, .value = {.number = value}};
}

}  // namespace tributary::test
