// SPDX-License-Identifier: Apache-2.0
// tributaryctl state show|rows|ledger|digest: a look into the aggregator's state; all but digest while it may be
// running.
#pragma once

#include "cloud/ctl/command.h"

namespace tributary::ctl {

extern const Command kStateShow, kStateRows, kStateLedger, kStateDigest;

}  // namespace tributary::ctl
