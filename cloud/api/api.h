// SPDX-License-Identifier: Apache-2.0
// Api: the aggregator's endpoints (API.md) over a Query. It reads only; its parts:
//   api_params   what stands in a query string, checked          api_stream   server-sent events
//   api_stats    summaries as JSON and CSV                        api_session  keys, cookies
//   api_answers  the rest of the answers' JSON                    api_static   the dashboard's files
//   api_system   where readings are, what the services do         api_traffic  records and delays of the last hour
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cloud/api/endpoint/session.h"
#include "cloud/api/endpoint/system.h"
#include "cloud/http/delivery.h"
#include "cloud/http/families.h"
#include "cloud/http/json_writer.h"
#include "cloud/http/server.h"
#include "cloud/query/query.h"
#include "cloud/tenants/keys.h"

namespace tributary::api {

struct ApiConfig {
  std::string dashboard_dir;      // empty: no dashboard
  uint64_t rows_max = 20'000;     // of one answer
  int64_t keep_alive_ms = 5'000;  // a quiet stream tells the server's time
  int64_t coalesce_ms = 100;      // between two events of one stream
  SendHints hints;
  http::DeliveryConfig delivery;
  std::vector<std::string> operators;  // tenants whose keys may see the log and the service, see api_system.h
};

struct ApiParts {
  const query::Query* query = nullptr;
  Auth* auth = nullptr;
  std::function<int64_t()> now_ns;           // wall clock
  std::function<std::string()> trouble;      // why not ready; empty: ready
  std::function<void(JsonWriter&)> ready;    // further fields of a good /ready
  std::function<void(Exposition&)> metrics;  // the program's own families
  const Traffic* traffic = nullptr;          // see api_system.h, as are service and members
  std::function<ServiceInfo()> service;
  decltype(SystemParts::members) members;  // null: it stands alone
};

class Api {
 public:
  // What parts point to must outlive the Api, and the Api the server.
  // Error: the dashboard's folder cannot be read.
  static Result<std::unique_ptr<Api>> make(const ApiConfig& config, ApiParts parts);
  virtual ~Api() = default;

  // Registers every endpoint. Before server.start(); the server must outlive its last request.
  virtual void attach(http::HttpServer& server) = 0;
  // Call after a commit: wakes the streams.
  virtual void changed() = 0;
};

}  // namespace tributary::api
