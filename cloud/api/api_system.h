// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/system: where a tenant's readings are on the server's side, and for operators the log and the service.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/api/api_traffic.h"
#include "cloud/api/http_server.h"
#include "cloud/query/query.h"

namespace tributary::api {

// What the program knows of itself; told to operators only, since it is of all tenants together.
struct ServiceInfo {
  struct Partition {
    uint32_t partition = 0;
    uint64_t position = 0, end = 0;  // the next record to merge; one past the newest of the log
  };
  std::string service, version, trouble;  // trouble: empty when ready
  std::string durability;                 // of the log: "power" or "process"; empty: not known yet
  int64_t started_ns = 0;
  uint64_t memory_bytes = 0;
  uint64_t records = 0, partials = 0;  // merged since the start
  std::vector<Partition> partitions;
};

struct SystemParts {
  const Traffic* traffic = nullptr;      // null: nothing is measured
  std::function<ServiceInfo()> service;  // null: nothing is told
  std::vector<std::string> operators;    // tenants whose keys may see the service
};

class System {
 public:
  explicit System(SystemParts parts) : parts_(std::move(parts)) {}
  http::Response answer(const http::Request& request, const std::string& tenant, const query::Query& query,
                        int64_t now_ns);

 private:
  struct Merged {
    uint64_t readings = 0;
    int64_t since_ns = 0;  // 0: unknown
    int64_t read_ns = 0;
  };
  Result<Merged> merged_of(const std::string& tenant, const query::Query& query, int64_t now_ns);

  const SystemParts parts_;
  std::mutex mutex_;
  std::map<std::string, Merged> merged_;  // of the last moment, so that many pages cost as little as one
};

}  // namespace tributary::api
