// SPDX-License-Identifier: Apache-2.0
// Control records (kind 5): what answers depend on besides readings travels through the log, so that every copy of a
// state, and every replay, knows the same. The payload is a JSON object:
//   {"control":"retire","request":"32 hexadecimal digits","retired":true}
// in the partition of the record's gateway. request names the order, for logs and for whoever asks what became of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cloud/log/log.h"

namespace tributary::log {

struct RetireControl {
  bool retired = true;  // false: taken back
  std::string request;  // 32 hexadecimal digits
};

// REQUIRES: request is 32 hexadecimal digits.
Record retire_record(const std::string& tenant, const std::string& gateway, const RetireControl& control,
                     int64_t append_ns);
// Nothing: another control, or none at all. Any bytes are survived.
std::optional<RetireControl> parse_retire(std::string_view payload);

}  // namespace tributary::log
