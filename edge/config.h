// SPDX-License-Identifier: Apache-2.0
// EdgeConfig: the file of tributary-edge as the structs its parts take. The keys are listed in
// boards/raspberry-pi/tributary-edge.toml, which is also the default.
#pragma once

#include <string>
#include <vector>

#include "common/runtime/result.h"
#include "edge/gateway/gateway.h"
#include "edge/run/status_server.h"
#include "edge/source/file_source.h"
#include "edge/source/mqtt_source.h"
#include "edge/uplink/uplink.h"

namespace tributary::edge {

struct EdgeConfig {
  GatewayConfig gateway;  // without machine_id, which is the machine's and not the file's
  UplinkConfig uplink;
  std::string clock_synchronised_file;  // exists once a time service has set the clock; empty: only the kernel is asked
  std::vector<MqttSourceConfig> mqtt_sources;
  std::vector<FileSourceConfig> file_sources;
  StatusServerConfig http;  // off without a table [http]
};

// Reads and checks the whole file. kInvalid and kNotFound: every complaint on a line of its own, as
// "file:line: found X, expected Y". Secrets are read here, from the files and variables the file names.
Result<EdgeConfig> load_config(const std::string& file);
Result<EdgeConfig> parse_config(const std::string& text, const std::string& name);

}  // namespace tributary::edge
