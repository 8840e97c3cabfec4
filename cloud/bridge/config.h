// SPDX-License-Identifier: Apache-2.0
// The bridge's configuration file: every key with its default stands in read_config.
#pragma once

#include <string>

#include "cloud/bridge/bridge.h"
#include "cloud/bridge/ingest.h"
#include "cloud/http/delivery.h"
#include "cloud/http/server.h"
#include "cloud/log/log.h"
#include "common/runtime/result.h"

namespace tributary::bridge {

struct ProgramConfig {
  BridgeConfig bridge;
  log::LogConfig log;
  http::HttpConfig http;
  IngestConfig ingest;
  http::DeliveryConfig delivery;
  std::string keys_file;
};

// Error: every complaint on a line of its own, "file:line: found X, expected Y".
Result<ProgramConfig> read_config(const std::string& file);

}  // namespace tributary::bridge
