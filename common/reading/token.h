// SPDX-License-Identifier: Apache-2.0
// The words of a payload: what stands at the front of a JSON value, and text that reads as a number.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tributary::reading {

inline constexpr size_t kFoundBytesMax = 80;

std::string_view trimmed(std::string_view text);
// Fit for a message: ASCII, at most kFoundBytesMax bytes.
std::string printable(std::string_view text);
bool equals_ignoring_case(std::string_view text, std::string_view lower);

// NaN and the infinities as programs write them: "NaN", "-nan", "Infinity", "+inf".
bool is_not_finite(std::string_view text);

// What stands at the front of a value. Only kText still has to be unescaped to be checked.
enum class TokenKind { kBroken, kObject, kArray, kText, kTrue, kFalse, kNull, kNumber, kNotFinite };
TokenKind token_kind(std::string_view token);

// A text that is a number and nothing else, as parse_number reads it; nothing: it is a text. JSON's grammar and a
// leading + : with a 0 before other digits ("007") it names something. decimal_comma: a comma is its decimal point.
std::optional<std::string> number_in_text(std::string_view text, bool decimal_comma);

}  // namespace tributary::reading
