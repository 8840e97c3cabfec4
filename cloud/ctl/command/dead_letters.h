// SPDX-License-Identifier: Apache-2.0
// tributaryctl deadletter list|replay.
#pragma once

#include "cloud/ctl/command.h"

namespace tributary::ctl {

extern const Command kDeadLetterList, kDeadLetterReplay;

}  // namespace tributary::ctl
