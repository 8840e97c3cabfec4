// SPDX-License-Identifier: Apache-2.0
// Api, see api.h: puts the list of endpoints on a server.
#include "cloud/api/api.h"

#include <algorithm>
#include <charconv>
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

ApiConfig with_share(ApiConfig config) {
  if (config.tenant_streams_max == 0) config.tenant_streams_max = http::HttpConfig{}.streams_max / 2;
  return config;
}

class ApiImpl final : public Api {
 public:
  ApiImpl(const ApiConfig& config, ApiDependencies dependencies)
      : config_(with_share(config)),
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
  std::optional<http::Response> refuse_body(const http::Request& request, std::string& payer);

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
  server.admit([this](const http::Request& request, std::string& payer) { return refuse_body(request, payer); });
  for (const Endpoint& endpoint : endpoints()) {
    server.handle(std::string(endpoint.method), std::string(endpoint.path),
                  [this, &endpoint](const http::Request& request) { return answer(endpoint, request); });
  }
  if (files_) server.handle("GET", "/*", [this](const http::Request& request) { return files_->answer(request); });
}

// Who has no key may send one, and nothing larger: bodies hold memory before anybody looks at them.
std::optional<http::Response> ApiImpl::refuse_body(const http::Request& request, std::string& payer) {
  constexpr uint64_t kStrangersBytesMax = 4096;  // a key in JSON is far less
  const std::string_view length = request.header("content-length");
  uint64_t bytes = 0;
  const auto parsed = std::from_chars(length.data(), length.data() + length.size(), bytes);
  const bool is_small = !length.empty() && parsed.ec == std::errc() && bytes <= kStrangersBytesMax;
  if (const auto identity = identify(*given_.auth, request, services_->now_s())) {
    payer = identity->tenant;
    return std::nullopt;
  }
  if (is_small) return std::nullopt;
  return delivery_.answer(request, [](const http::Request&) { return unauthorized(); });
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
