// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/system: where a tenant's readings are on the server's side, and for operators the log and the services:
// of all aggregators together, each of which is asked for its part. Who does not tell its part is named.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/aggregator/traffic.h"
#include "cloud/cluster/system.h"
#include "cloud/http/server.h"
#include "cloud/query/query.h"

namespace tributary::api {

using ServiceInfo = cluster::ServiceInfo;

// This aggregator's own part. Thread-safe.
class OwnSystem {
 public:
  struct Parts {
    const query::Query* query = nullptr;   // over its own partitions
    const Traffic* traffic = nullptr;      // null: nothing is measured
    std::function<ServiceInfo()> service;  // null: nothing is told
  };
  explicit OwnSystem(Parts parts) : parts_(std::move(parts)) {}
  // Error: the state cannot be read at this moment. What was merged may be a second old.
  Result<cluster::SystemPart> part(const std::string& tenant, int64_t now_ns);

 private:
  struct Merged {
    uint64_t readings = 0;
    int64_t since_ns = 0;
    int64_t read_ns = 0;
  };
  Result<Merged> merged_of(const std::string& tenant, int64_t now_ns);

  const Parts parts_;
  std::mutex mutex_;
  std::map<std::string, Merged> merged_;  // of the last moment, so that many pages cost as little as one
};

struct SystemParts {
  // Every aggregator by ordinal, see cluster/federation.h; one that stands alone is one without partitions.
  std::function<std::vector<cluster::Member>(const std::string& tenant, int64_t now_ns)> members;
  std::vector<std::string> operators;  // tenants whose keys may see the log and the services
};

// Of an aggregator that stands alone.
decltype(SystemParts::members) alone(OwnSystem& own);

http::Response answer_system(const http::Request& request, const std::string& tenant, const SystemParts& parts,
                             int64_t now_ns);

}  // namespace tributary::api
