// SPDX-License-Identifier: Apache-2.0
// JSON by nlohmann, whose validation keeps its own stack and so survives deep nesting.
#include "cloud/bridge/json_object.h"

#include <nlohmann/json.hpp>

namespace tributary::bridge {

bool is_json_object(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n");
  return begin != std::string_view::npos && text[begin] == '{' && nlohmann::json::accept(text.begin(), text.end());
}

}  // namespace tributary::bridge
