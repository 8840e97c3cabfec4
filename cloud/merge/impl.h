// SPDX-License-Identifier: Apache-2.0
// What cloud/query may see of a state: the environment and its tables, for read transactions.
#pragma once

#include <cstdint>
#include <memory>

#include "cloud/merge/state.h"
#include "cloud/state/tables.h"
#include "common/store/env.h"

namespace tributary::merge {

struct State::Impl {
  std::unique_ptr<store::Env> env;
  Tables tables;
  uint32_t partition = 0;
};

}  // namespace tributary::merge
