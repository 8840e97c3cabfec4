// SPDX-License-Identifier: Apache-2.0
// One record of the log as bytes, and back: see FORMAT.md beside this file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/log/log.h"
#include "common/runtime/result.h"

namespace tributary::log {

inline constexpr size_t kRecordNameBytesMax = 255;  // tenant, gateway, reason, idempotency key: each
inline constexpr size_t kRecordPayloadBytesMax = 1 << 20;

// Error kInvalid, naming the field, if a field is longer than the format allows.
Status check_record(const Record& record);

// The one encoded form. REQUIRES: check_record(record).ok().
std::string encode_record(const Record& record);

// Any bytes are survived. kUnsupported: a newer version; kCorrupt: not exactly one record.
Result<Record> decode_record(std::string_view bytes);

// append_ns alone, without verifying the rest; nothing if bytes are too short for a record of version 1.
std::optional<int64_t> peek_append_ns(std::string_view bytes);

}  // namespace tributary::log
