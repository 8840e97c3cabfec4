// SPDX-License-Identifier: Apache-2.0
// Pages, see pages.h.
#include "cloud/api/pages.h"

namespace tributary::api {
namespace {

constexpr uint64_t kPageMax = 10'000;
constexpr size_t kPlaceBytesMax = 600;

std::optional<std::string> place_of(std::string_view cursor) {
  if (cursor.size() % 2 != 0 || cursor.size() > 2 * kPlaceBytesMax) return std::nullopt;
  auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; };
  std::string place;
  for (size_t i = 0; i < cursor.size(); i += 2) {
    const int high = digit(cursor[i]), low = digit(cursor[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    place += static_cast<char>(high << 4 | low);
  }
  return place;
}

}  // namespace

std::string cursor_of(std::string_view place) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const char c : place) {
    text += kDigits[static_cast<uint8_t>(c) >> 4];
    text += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return text;
}

Page read_page(Params& params) {
  Page page{.limit = params.number("limit", 1, kPageMax)};
  if (const auto cursor = params.text("cursor")) {
    if (const auto place = place_of(*cursor)) {
      page.after = *place;
    } else {
      params.fail("cursor", *cursor, "next of the page before");
    }
  }
  return page;
}

}  // namespace tributary::api
