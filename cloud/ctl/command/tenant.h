// SPDX-License-Identifier: Apache-2.0
// tributaryctl tenant add|list|remove: the keys file.
#pragma once

#include "cloud/ctl/command.h"

namespace tributary::ctl {

extern const Command kTenantAdd, kTenantList, kTenantRemove;

}  // namespace tributary::ctl
