// SPDX-License-Identifier: Apache-2.0
// SHA-256 and randomness of the operating system (OpenSSL). Thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tributary::runtime {

// Size random bytes as hex, from the operating system.
std::string random_hex(size_t bytes);
// SHA-256 as 64 hex digits.
std::string sha256_hex(std::string_view text);

}  // namespace tributary::runtime
