// SPDX-License-Identifier: Apache-2.0
// The digest of a state: a hash over everything that is a function of the log's prefix and the configuration.
#pragma once

#include <string>

#include "cloud/state/tables.h"

namespace tributary::state {

// SHA-256 in hexadecimal. Left out are the ids of state and log, and what operators said: retired gateways, skipped
// holes.
std::string digest_of(const store::Env& env, const Tables& tables);

}  // namespace tributary::state
