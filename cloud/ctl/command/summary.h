// SPDX-License-Identifier: Apache-2.0
// tributaryctl summary show: what encoded bytes say, or why they are no summary.
#pragma once

#include "cloud/ctl/command.h"

namespace tributary::ctl {

extern const Command kSummaryShow;

}  // namespace tributary::ctl
