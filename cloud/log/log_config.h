// SPDX-License-Identifier: Apache-2.0
// The [log] table of every program's configuration.
#pragma once

#include "cloud/log/log.h"
#include "common/runtime/config.h"

namespace tributary::log {

// url, partitions, retention_hours, retention_mib, replicas, and [log.kafka]: properties of librdkafka (TLS, SASL …),
// those with secrets as NAME_file. Complaints go to the table.
LogConfig read_log_config(runtime::ConfigTable table);

}  // namespace tributary::log
