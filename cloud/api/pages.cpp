// SPDX-License-Identifier: Apache-2.0
// Pages, see pages.h.
#include "cloud/api/pages.h"

#include "common/base/hex.h"

namespace tributary::api {
namespace {

constexpr size_t kPlaceBytesMax = 600;

std::optional<std::string> place_of(std::string_view cursor) {
  return cursor.size() > 2 * kPlaceBytesMax ? std::nullopt : from_hex(cursor);
}

}  // namespace

std::string cursor_of(std::string_view place) { return to_hex(as_bytes(place)); }

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
