// SPDX-License-Identifier: Apache-2.0
// Appending by hand: single records into a log that is there.
#pragma once

#include <memory>

#include "cloud/log/log.h"

namespace tributary::ctl {

// What is kept is for the bridge to say: this writer trims nothing.
Result<std::unique_ptr<log::Writer>> open_appender(log::LogConfig config);
// Appends one record and waits until it is durable.
Status append(log::Writer& writer, log::Record record);

}  // namespace tributary::ctl
