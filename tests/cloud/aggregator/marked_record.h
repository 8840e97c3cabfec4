// SPDX-License-Identifier: Apache-2.0
// A record of a gateway's message without readings that says when it was sent.
#pragma once

#include <array>
#include <string>

#include "cloud/log/log.h"
#include "common/wire/message.h"

namespace tributary::testing {

inline log::Record marked_record(const std::string& tenant, int64_t mark_ns, int64_t append_ns) {
  std::array<uint8_t, 256> buffer{};
  wire::MessageBuilder builder(buffer);
  const Bytes bytes = builder.finish({.epoch = 7, .first_seq = 1, .frontier_ns = mark_ns, .mark_ns = mark_ns});
  return {.kind = log::RecordKind::kMessage,
          .tenant = tenant,
          .gateway = "attic",
          .append_ns = append_ns,
          .payload = std::string(bytes.begin(), bytes.end())};
}

}  // namespace tributary::testing
