// SPDX-License-Identifier: Apache-2.0
// Words and numbers: see token.h.
#include "common/reading/token.h"

#include <algorithm>
#include <cstdint>

namespace tributary::reading {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// RFC 8259, section 6.
bool is_json_number(std::string_view text) {
  size_t i = 0;
  auto digits = [&] {
    size_t before = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i > before;
  };
  if (i < text.size() && text[i] == '-') ++i;
  if (i < text.size() && text[i] == '0') {
    ++i;
  } else if (!digits()) {
    return false;
  }
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!digits()) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (!digits()) return false;
  }
  return i == text.size();
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string printable(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, kFoundBytesMax)) {
    out += static_cast<uint8_t>(c) >= 0x20 && static_cast<uint8_t>(c) < 0x7f ? c : '?';
  }
  return out;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    if (c != lower[i]) return false;
  }
  return true;
}

bool is_not_finite(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return equals_ignoring_case(text, "nan") || equals_ignoring_case(text, "inf") ||
         equals_ignoring_case(text, "infinity");
}

TokenKind token_kind(std::string_view token) {
  if (token.empty()) return TokenKind::kBroken;
  switch (token.front()) {
    case '{':
      return TokenKind::kObject;
    case '[':
      return TokenKind::kArray;
    case '"':
      return TokenKind::kText;
    default:
      break;
  }
  if (is_json_number(token)) return TokenKind::kNumber;
  if (token == "true") return TokenKind::kTrue;
  if (token == "false") return TokenKind::kFalse;
  if (token == "null") return TokenKind::kNull;
  return is_not_finite(token) ? TokenKind::kNotFinite : TokenKind::kBroken;
}

std::optional<std::string> number_in_text(std::string_view text, bool decimal_comma) {
  text = trimmed(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::string number(text);
  if (decimal_comma && number.find('.') == std::string::npos) std::replace(number.begin(), number.end(), ',', '.');
  if (!is_json_number(number)) return std::nullopt;
  return number;
}

}  // namespace tributary::reading
