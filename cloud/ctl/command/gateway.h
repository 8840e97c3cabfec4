// SPDX-License-Identifier: Apache-2.0
// tributaryctl gateway retire: a gateway that is gone for good is no longer expected.
#pragma once

#include "cloud/ctl/command.h"

namespace tributary::ctl {

extern const Command kGatewayRetire;

}  // namespace tributary::ctl
