// SPDX-License-Identifier: Apache-2.0
// Pages of lists that are in order by name.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "cloud/query/types.h"

namespace tributary::query {

template <class T>
void cut_to_page(std::vector<T>& all, const NamePage& page, std::string T::*name) {
  if (!page.after.empty()) {
    all.erase(all.begin(), std::upper_bound(all.begin(), all.end(), page.after,
                                            [&](const std::string& after, const T& one) { return after < one.*name; }));
  }
  uint64_t names = 0;
  size_t count = 0;
  for (; count < all.size(); ++count) {
    if ((count == 0 || all[count].*name != all[count - 1].*name) && ++names > page.max) break;
  }
  all.erase(all.begin() + static_cast<ptrdiff_t>(count), all.end());
}

}  // namespace tributary::query
