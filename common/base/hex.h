// SPDX-License-Identifier: Apache-2.0
// Hexadecimal text: lower case, two digits a byte, and back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"

namespace tributary {

inline constexpr std::string_view kHexDigits = "0123456789abcdef";

inline std::string to_hex(Bytes bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) {
    text.push_back(kHexDigits[byte >> 4]);
    text.push_back(kHexDigits[byte & 15]);
  }
  return text;
}

// Epochs, ids of logs and states: always 16 digits, the most significant first.
inline std::string hex16(uint64_t number) {
  std::string text(16, '0');
  for (size_t i = text.size(); i-- > 0; number >>= 4) text[i] = kHexDigits[number & 15];
  return text;
}

inline bool is_hex(std::string_view text) { return text.find_first_not_of(kHexDigits) == std::string_view::npos; }

// Inverse of to_hex: lower-case digits only, an even number of them.
inline std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0 || !is_hex(text)) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    bytes.push_back(static_cast<char>(kHexDigits.find(text[i]) << 4 | kHexDigits.find(text[i + 1])));
  }
  return bytes;
}

}  // namespace tributary
