// SPDX-License-Identifier: Apache-2.0
// tributaryctl log info|dump|copy.
#pragma once

#include "cloud/ctl/command.h"

namespace tributary::ctl {

extern const Command kLogInfo, kLogDump, kLogCopy;

}  // namespace tributary::ctl
