// SPDX-License-Identifier: Apache-2.0
// Numbers as text to the nearest double, and why a text is none.
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "common/reading/payload.h"

namespace tributary::reading {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// from_chars reports too large and too small alike. The place of the first significant digit tells them apart.
bool is_below_one(std::string_view text) {
  size_t exponent_at = text.find_first_of("eE");
  std::string_view mantissa = text.substr(0, exponent_at);
  int64_t exponent = 0;
  if (exponent_at != std::string_view::npos) {
    std::string_view digits = text.substr(exponent_at + 1);
    bool negative = digits.front() == '-';
    for (char c : digits) {
      if (is_digit(c) && exponent < 1'000'000'000) exponent = exponent * 10 + (c - '0');
    }
    if (negative) exponent = -exponent;
  }
  int64_t place = 0;  // decimal digits before the point, counted from the first that is not 0
  bool significant = false, fraction = false;
  for (char c : mantissa) {
    if (c == '.') fraction = true;
    if (!is_digit(c)) continue;
    significant = significant || c != '0';
    if (fraction ? !significant : significant) place += fraction ? -1 : 1;
  }
  return place + exponent <= 0;
}

}  // namespace

std::optional<double> parse_number(std::string_view text, Reject& why) {
  why = Reject::kNotANumber;
  if (!text.empty() && text.front() == '+') {
    text.remove_prefix(1);
    if (text.empty() || text.front() == '-') return std::nullopt;
  }
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    if (is_below_one(text)) return 0.0;
    why = Reject::kOutOfRange;
    return std::nullopt;
  }
  if (!std::isfinite(value)) {
    // "inf" and "nan" are words and not numbers; digits that became infinite are beyond double.
    if (text.find_first_of("0123456789") != std::string_view::npos) why = Reject::kOutOfRange;
    return std::nullopt;
  }
  return value;
}

}  // namespace tributary::reading
