// SPDX-License-Identifier: Apache-2.0
// Well-formed UTF-8, sequence by sequence. Freestanding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tributary {

// The bytes of the well-formed sequence at the start of text (Unicode 15, table 3-7: no overlong forms, surrogates or
// values beyond U+10FFFF); 0 if there is none.
constexpr size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const uint8_t lead = byte(0);
  if (text.empty()) return 0;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  // The second byte alone decides about overlong forms, surrogates and what lies beyond U+10FFFF.
  const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  for (size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

// Well-formed as a whole and without control characters: C0, DEL and C1 (Unicode's category Cc).
constexpr bool is_printable_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    const auto lead = static_cast<uint8_t>(text[0]);
    if (length == 0 || lead < 0x20 || lead == 0x7f) return false;
    if (lead == 0xc2 && static_cast<uint8_t>(text[1]) < 0xa0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace tributary
