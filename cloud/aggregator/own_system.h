// SPDX-License-Identifier: Apache-2.0
// OwnSystem: what this aggregator tells of itself and of a tenant, for GET /api/v1/system of whichever aggregator was
// asked.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "cloud/aggregator/traffic.h"
#include "cloud/query/query.h"
#include "cloud/query/question/system.h"

namespace tributary::api {

// Thread-safe.
class OwnSystem {
 public:
  struct Dependencies {
    const query::Query* query = nullptr;          // over its own partitions
    const Traffic* traffic = nullptr;             // null: nothing is measured
    std::function<query::ServiceInfo()> service;  // null: nothing is told
  };
  explicit OwnSystem(Dependencies parts) : parts_(std::move(parts)) {}
  // Error: the state cannot be read at this moment. What was merged may be a second old.
  Result<query::SystemPart> part(const std::string& tenant, int64_t now_ns);
  // All there are of an aggregator that stands alone: itself, without partitions.
  std::vector<query::SystemMember> alone(const std::string& tenant, int64_t now_ns);

 private:
  struct Merged {
    uint64_t readings = 0;
    int64_t since_ns = 0;
    int64_t read_ns = 0;
  };
  Result<Merged> merged_of(const std::string& tenant, int64_t now_ns);

  const Dependencies parts_;
  std::mutex mutex_;
  std::map<std::string, Merged> merged_;  // of the last moment, so that many pages cost as little as one
};

}  // namespace tributary::api
