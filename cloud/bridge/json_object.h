// SPDX-License-Identifier: Apache-2.0
// Whether a text is a JSON object: all that the bridge asks of a status.
#pragma once

#include <string_view>

namespace tributary::bridge {

// True if text is one JSON object (RFC 8259, UTF-8) and nothing else. Any depth is survived.
bool is_json_object(std::string_view text);

}  // namespace tributary::bridge
