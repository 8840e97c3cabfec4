// SPDX-License-Identifier: Apache-2.0
// Timestamps as decimals: RFC 3339 and Unix numbers to int64 nanoseconds and back, by integers alone.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/reading/payload.h"

namespace tributary::reading {
namespace {

__extension__ using Int128 = __int128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<int64_t> narrow(Int128 value) {
  if (value < std::numeric_limits<int64_t>::min() || value > std::numeric_limits<int64_t>::max()) return std::nullopt;
  return static_cast<int64_t>(value);
}

// Days since 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years that begin on the 1st of
// March.
int64_t days_from_civil(int64_t year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  int64_t era = floor_div(year, 400);
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

bool is_leap(int year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

// Reads fixed digits and separators from the front; ok turns false at the first that does not fit.
struct Scanner {
  std::string_view rest;
  bool ok = true;
  int digits(size_t count) {
    int value = 0;
    if (rest.size() < count) ok = false;
    for (size_t i = 0; ok && i < count; ++i) {
      if (!is_digit(rest[i])) ok = false;
      value = value * 10 + (rest[i] - '0');
    }
    if (ok) rest.remove_prefix(count);
    return value;
  }
  char one_of(std::string_view set) {
    if (!ok || rest.empty() || set.find(rest.front()) == std::string_view::npos) {
      ok = false;
      return '\0';
    }
    char found = rest.front();
    rest.remove_prefix(1);
    return found;
  }
};

// The seconds that a zone at the front is ahead of UTC: Z, +01:00, +0100, +01.
std::optional<int64_t> take_zone(Scanner& in) {
  const char zone = in.one_of("Zz+-");
  if (zone == 'Z' || zone == 'z') return 0;
  const int hour = in.digits(2);
  int minute = 0;
  if (in.ok && !in.rest.empty()) {
    if (in.rest.front() == ':') in.one_of(":");
    minute = in.digits(2);
  }
  if (!in.ok || hour > 23 || minute > 59) return std::nullopt;
  return (hour * 60 + minute) * (zone == '+' ? 60 : -60);
}

std::optional<int64_t> parse_rfc3339(std::string_view text, const LocalTime& local_time) {
  Scanner in{text};
  int year = in.digits(4);
  in.one_of("-");
  int month = in.digits(2);
  in.one_of("-");
  int day = in.digits(2);
  in.one_of("Tt ");
  int hour = in.digits(2);
  in.one_of(":");
  int minute = in.digits(2);
  in.one_of(":");
  int second = in.digits(2);
  if (!in.ok) return std::nullopt;
  int64_t fraction_ns = 0;
  if (!in.rest.empty() && in.rest.front() == '.') {
    in.rest.remove_prefix(1);
    size_t count = 0;
    int64_t scale = kNanosPerSecond;
    while (count < in.rest.size() && is_digit(in.rest[count])) {
      scale /= 10;
      fraction_ns += scale * (in.rest[count] - '0');  // beyond nine digits scale is 0: they are cut
      ++count;
    }
    if (count == 0) return std::nullopt;
    in.rest.remove_prefix(count);
  }
  const bool local = in.rest.empty() && local_time;
  const std::optional<int64_t> offset_s = local ? std::optional<int64_t>(0) : take_zone(in);
  if (!offset_s) return std::nullopt;
  if (!in.ok || !in.rest.empty()) return std::nullopt;
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  if (day > kDays[month - 1] + (month == 2 && is_leap(year) ? 1 : 0)) return std::nullopt;
  // A leap second (60) is the first instant of the next minute, as in Unix time.
  int64_t seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - *offset_s;
  if (local) seconds = local_time(seconds);
  return narrow(Int128{seconds} * kNanosPerSecond + fraction_ns);
}

std::optional<int64_t> parse_decimal(std::string_view text) {
  bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  size_t mantissa_end = text.find_first_of("eE");
  std::string_view mantissa = text.substr(0, mantissa_end);
  int64_t exponent = 0;
  if (mantissa_end != std::string_view::npos) {
    std::string_view digits = text.substr(mantissa_end + 1);
    bool exponent_negative = !digits.empty() && digits.front() == '-';
    if (!digits.empty() && (digits.front() == '-' || digits.front() == '+')) digits.remove_prefix(1);
    if (digits.empty()) return std::nullopt;
    for (char c : digits) {
      if (!is_digit(c)) return std::nullopt;
      if (exponent < 1'000'000'000) exponent = exponent * 10 + (c - '0');
    }
    if (exponent_negative) exponent = -exponent;
  }
  size_t point = mantissa.find('.');
  std::string_view whole = mantissa.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? std::string_view{} : mantissa.substr(point + 1);
  if (whole.empty() || (point != std::string_view::npos && fraction.empty())) return std::nullopt;
  for (char c : whole) {
    if (!is_digit(c)) return std::nullopt;
  }
  for (char c : fraction) {
    if (!is_digit(c)) return std::nullopt;
  }
  // The value is 0.d1d2d3… × 10^place with d1 ≠ 0, so place alone tells the magnitude.
  size_t digit_count = whole.size() + fraction.size();
  auto digit = [&](size_t i) { return (i < whole.size() ? whole[i] : fraction[i - whole.size()]) - '0'; };
  size_t first = 0;
  while (first < digit_count && digit(first) == 0) ++first;
  if (first == digit_count) return 0;
  int64_t place = static_cast<int64_t>(whole.size()) - static_cast<int64_t>(first) + exponent;
  int64_t shift = place <= 11 ? 9 : place <= 14 ? 6 : place <= 17 ? 3 : 0;
  int64_t integer_digits = place + shift;
  if (integer_digits > 19) return std::nullopt;
  Int128 value = 0;
  for (int64_t i = 0; i < integer_digits; ++i) {
    size_t at = first + static_cast<size_t>(i);
    value = value * 10 + (at < digit_count ? digit(at) : 0);
  }
  return narrow(negative ? -value : value);
}

}  // namespace

std::optional<int64_t> parse_timestamp(std::string_view text, const LocalTime& local_time) {
  if (text.size() > 10 && text[4] == '-' && is_digit(text[0])) return parse_rfc3339(text, local_time);
  return parse_decimal(text);
}

std::string format_timestamp(int64_t time_ns) {
  int64_t seconds = floor_div(time_ns, kNanosPerSecond);
  int64_t fraction = time_ns % kNanosPerSecond;  // not by subtracting whole seconds: the least int64 has none before it
  if (fraction < 0) fraction += kNanosPerSecond;
  int64_t days = floor_div(seconds, 86400);
  int64_t second_of_day = seconds - days * 86400;
  int64_t shifted = days + 719468;
  int64_t era = floor_div(shifted, 146097);
  int64_t day_of_era = shifted - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t month_index = (5 * day_of_year + 2) / 153;  // from March
  int64_t day = day_of_year - (153 * month_index + 2) / 5 + 1;
  int64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
  int64_t year = year_of_era + era * 400 + (month <= 2 ? 1 : 0);

  std::string out(19, '0');
  auto put = [&](size_t at, size_t width, int64_t value) {
    for (size_t i = width; i-- > 0; value /= 10) out[at + i] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, year);
  out[4] = '-';
  put(5, 2, month);
  out[7] = '-';
  put(8, 2, day);
  out[10] = 'T';
  put(11, 2, second_of_day / 3600);
  out[13] = ':';
  put(14, 2, second_of_day / 60 % 60);
  out[16] = ':';
  put(17, 2, second_of_day % 60);
  if (fraction != 0) {
    out.append(10, '.');
    put(20, 9, fraction);
    while (out.back() == '0') out.pop_back();
  }
  out.push_back('Z');
  return out;
}

}  // namespace tributary::reading
