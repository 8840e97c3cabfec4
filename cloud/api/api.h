// SPDX-License-Identifier: Apache-2.0
// Api: the aggregator's endpoints (API.md) over a Query. It reads only. endpoints.cpp lists them, endpoint/ has a file
// and its OpenAPI piece for each; what they share is context.h, params.h and pages.h.
#pragma once

#include <memory>

#include "cloud/api/config.h"
#include "cloud/http/server.h"
#include "common/runtime/result.h"

namespace tributary::api {

class Api {
 public:
  // What dependencies point to must outlive the Api, and the Api the server.
  // Error: the dashboard's folder cannot be read.
  static Result<std::unique_ptr<Api>> make(const ApiConfig& config, ApiDependencies dependencies);
  virtual ~Api() = default;

  // Registers every endpoint. Before server.start(); the server must outlive its last request.
  virtual void attach(http::HttpServer& server) = 0;
  // Call after a commit: wakes the streams.
  virtual void changed() = 0;
};

}  // namespace tributary::api
