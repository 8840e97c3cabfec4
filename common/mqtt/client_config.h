// SPDX-License-Identifier: Apache-2.0
// The keys that every MQTT connection has in a configuration: url, username, password_file or password_env, ca_file,
// cert_file, key_file.
#pragma once

#include "common/mqtt/client.h"
#include "common/runtime/config.h"

namespace tributary::mqtt {

// Complaints go to the table. Client id and will are the program's own affair.
ClientConfig read_client(runtime::ConfigTable& table);

}  // namespace tributary::mqtt
