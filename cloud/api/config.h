// SPDX-License-Identifier: Apache-2.0
// What an Api is configured with, and what it is handed by the program around it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cloud/http/delivery.h"
#include "cloud/http/families.h"
#include "cloud/http/json_writer.h"
#include "cloud/query/query.h"
#include "cloud/query/question/system.h"
#include "cloud/tenants/keys.h"

namespace tributary::api {

// Where readings can be sent to, for the page's first words to a new user. What is empty or 0 is not told.
struct SendHints {
  std::string mqtt_host, mqtt_username, ingest_url;
  std::string mqtt_tenant;  // whose gateway listens there: no other tenant is told; empty: every tenant's
  uint16_t mqtt_port = 0;
};

struct ApiConfig {
  std::string dashboard_dir;      // empty: no dashboard
  uint64_t rows_max = 20'000;     // of one answer
  int64_t keep_alive_ms = 5'000;  // a quiet stream tells the server's time
  int64_t coalesce_ms = 100;      // between two events of one stream
  size_t tenant_streams_max = 0;  // of one tenant at once; 0: half of all that there can be
  SendHints hints;
  http::DeliveryConfig delivery;
  std::vector<std::string> operators;  // tenants whose keys may see the log and the services, see endpoint/system.cpp
};

struct ApiDependencies {
  const query::Query* query = nullptr;
  Auth* auth = nullptr;
  std::function<int64_t()> now_ns;           // wall clock
  std::function<std::string()> trouble;      // why not ready; empty: ready
  std::function<void(JsonWriter&)> ready;    // further fields of a good /ready
  std::function<void(Exposition&)> metrics;  // the program's own families
  // Every aggregator by ordinal; one that stands alone is one without partitions.
  std::function<std::vector<query::SystemMember>(const std::string& tenant, int64_t now_ns)> members;
};

}  // namespace tributary::api
