// SPDX-License-Identifier: Apache-2.0
// A label where it stands, without a copy. Freestanding.
#pragma once

#include <string_view>

namespace tributary {

struct LabelView {
  std::string_view key, value;
};

}  // namespace tributary
