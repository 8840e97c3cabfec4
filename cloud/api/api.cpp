// SPDX-License-Identifier: Apache-2.0
// Api, see api.h: puts the list of endpoints on a server.
#include "cloud/api/api.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "cloud/api/change_signal.h"
#include "cloud/api/endpoint/static.h"
#include "cloud/api/endpoint/stream.h"
#include "cloud/api/endpoints.h"
#include "cloud/tenants/identify.h"

namespace tributary::api {
namespace {

class ApiImpl final : public Api {
 public:
  ApiImpl(const ApiConfig& config, ApiDependencies dependencies)
      : config_(config),
        given_(std::move(dependencies)),
        streams_(*given_.query, signal_, given_.now_ns, {config.keep_alive_ms, config.coalesce_ms}),
        delivery_(config.delivery) {}

  Status load() {
    if (config_.dashboard_dir.empty()) return {};
    auto files = StaticFiles::load(config_.dashboard_dir);
    if (!files) return files.error();
    files_ = std::move(files).value();
    return {};
  }

  void attach(http::HttpServer& server) override;
  void changed() override { signal_.changed(); }

 private:
  http::Response answer(const Endpoint& endpoint, const http::Request& request) const;

  const ApiConfig config_;
  const ApiDependencies given_;
  MetricFacts metrics_;
  ChangeSignal signal_;
  Streams streams_;
  http::Delivery delivery_;
  std::optional<StaticFiles> files_;
  std::optional<Services> services_;  // once there is a server
};

void ApiImpl::attach(http::HttpServer& server) {
  services_.emplace(Services{config_, given_, metrics_, streams_, server});
  server.default_headers({{"X-Content-Type-Options", "nosniff"},
                          {"Referrer-Policy", "no-referrer"},
                          {"Content-Security-Policy",
                           "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action "
                           "'self'; frame-ancestors 'none'"}});
  server.on_stop([this] { signal_.stop(); });
  server.around(
      [this](const http::Request& request, const http::Handler& next) { return delivery_.answer(request, next); });
  for (const Endpoint& endpoint : endpoints()) {
    server.handle(std::string(endpoint.method), std::string(endpoint.path),
                  [this, &endpoint](const http::Request& request) { return answer(endpoint, request); });
  }
  if (files_) server.handle("GET", "/*", [this](const http::Request& request) { return files_->answer(request); });
}

http::Response ApiImpl::answer(const Endpoint& endpoint, const http::Request& request) const {
  if (endpoint.access == Access::kAnybody) {
    static const std::string nobody;
    return endpoint.answer({request, nobody, *given_.query, given_.now_ns(), *services_});
  }
  const auto identity = identify(*given_.auth, request, services_->now_s());
  if (!identity) return unauthorized();
  const bool traced = std::find(request.params.begin(), request.params.end(),
                                std::pair<std::string, std::string>("trace", "1")) != request.params.end();
  query::Trace trace;
  const auto query = given_.query->one_answer(traced ? &trace : nullptr);
  http::Response response =
      endpoint.answer({request, identity->tenant, *query, given_.now_ns(), *services_, traced ? &trace : nullptr});
  if (const auto missing = query->missing(); !missing.empty())
    name_missing(request, missing, given_.query->place().size(), response);
  return response;
}

}  // namespace

Result<std::unique_ptr<Api>> Api::make(const ApiConfig& config, ApiDependencies dependencies) {
  CHECK(dependencies.query != nullptr && dependencies.auth != nullptr && dependencies.now_ns != nullptr &&
        dependencies.members != nullptr);
  auto api = std::make_unique<ApiImpl>(config, std::move(dependencies));
  if (auto status = api->load(); !status) return status.error();
  return std::unique_ptr<Api>(std::move(api));
}

}  // namespace tributary::api
