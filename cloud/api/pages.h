// SPDX-License-Identifier: Apache-2.0
// Lists page by page. limit and cursor: at most so many entries, from where the page before ended; an answer with more
// to come has next, the cursor of the next page. Nothing is held for a cursor: it is the last name told.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/api/params.h"

namespace tributary::api {

// Where the next page begins: after the last name of this one, as text that needs no escape.
std::string cursor_of(std::string_view place);

struct Page {
  std::optional<uint64_t> limit;
  std::string after;  // empty: from the beginning
};

// Of one page; also where limit is not given and the list must not be told whole.
inline constexpr uint64_t kPageMax = 10'000;

// Reads limit and cursor.
Page read_page(Params& params);

// The entries of one page: those after a name, at most limit of them, and as many more as share the last one's name.
template <class T, class Name>
struct Cut {
  Cut(const std::vector<T>& all, const Name& name, const std::string& after, std::optional<uint64_t> limit) {
    begin = std::upper_bound(all.begin(), all.end(), after,
                             [&](const std::string& place, const T& one) { return place < name(one); });
    if (after.empty()) begin = all.begin();
    const auto left = static_cast<uint64_t>(all.end() - begin);
    end = begin + static_cast<ptrdiff_t>(std::min(left, limit.value_or(left)));
    while (end != begin && end != all.end() && name(*end) == name(*std::prev(end))) ++end;
    more = end != all.end();
    last = end == begin ? after : name(*std::prev(end));
  }
  typename std::vector<T>::const_iterator begin, end;
  bool more = false;
  std::string last;
};

}  // namespace tributary::api
