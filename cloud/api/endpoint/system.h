// SPDX-License-Identifier: Apache-2.0
// GET /api/v1/system: where a tenant's readings are on the server's side, and for operators the log and the services:
// of all aggregators together, each of which is asked for its part. Who does not tell its part is named.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cloud/http/server.h"
#include "cloud/query/system.h"

namespace tributary::api {

struct SystemParts {
  // Every aggregator by ordinal, see cluster/federation.h; one that stands alone is one without partitions.
  std::function<std::vector<query::Member>(const std::string& tenant, int64_t now_ns)> members;
  std::vector<std::string> operators;  // tenants whose keys may see the log and the services
};

http::Response answer_system(const http::Request& request, const std::string& tenant, const SystemParts& parts,
                             int64_t now_ns);

}  // namespace tributary::api
