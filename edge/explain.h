// SPDX-License-Identifier: Apache-2.0
// What a message would become: which readings, and what of it would be refused and why. Told by the code that would
// take it: the configured sources read it, and a gateway of the same settings, with an empty outbox that is gone
// afterwards, accepts it.
#pragma once

#include <string>
#include <string_view>

#include "common/base/time.h"
#include "common/runtime/result.h"
#include "edge/config.h"

namespace tributary::edge {

// Lines for people. kNotFound: no source hears the topic. kIo: there is no room for the outbox in the folder for
// temporary files.
Result<std::string> explain_message(const EdgeConfig& config, std::string_view topic, std::string_view payload,
                                    Instant now);

}  // namespace tributary::edge
