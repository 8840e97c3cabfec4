// SPDX-License-Identifier: Apache-2.0
// The bridge's HTTP port: /health, /ready, /metrics, and readings by POST /api/v1/data.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "cloud/bridge/bridge.h"
#include "cloud/bridge/ingest.h"
#include "cloud/bridge/key_memory.h"
#include "cloud/http/delivery.h"
#include "cloud/http/server.h"
#include "cloud/log/log.h"
#include "cloud/tenants/keys.h"

namespace tributary::bridge {

// Handlers run on many threads; everything given must outlive the server.
class HttpPort {
 public:
  // auth: nothing where no keys file is configured; then no readings are taken. delivery: whose pages may send
  // readings; nobody's unless it says so.
  HttpPort(const Bridge& bridge, log::Writer& writer, api::Auth* auth, IngestConfig ingest, Bridge::Clock clock,
           http::DeliveryConfig delivery = {})
      : bridge_(bridge),
        writer_(writer),
        auth_(auth),
        ingest_(std::move(ingest)),
        clock_(std::move(clock)),
        delivery_(with_post(std::move(delivery))) {}

  // Adds the endpoints. Before server.start().
  void install(http::HttpServer& server);

 private:
  static http::DeliveryConfig with_post(http::DeliveryConfig delivery) {
    delivery.cors_methods = {"GET", "HEAD", "POST"};
    return delivery;
  }
  http::Response ready() const;
  http::Response metrics(const http::HttpServer& server) const;
  std::optional<http::Response> refuse_unknown(const http::Request& request, std::string& payer);
  http::Response take_readings(const http::Request& request);
  http::Response key_reused(const IngestRequest& request);
  // Appends all, waits until all are durable. Error: why not; then some may be.
  Status append_all(std::vector<log::Record> records);
  void count(const IngestResult& result, bool stored);

  const Bridge& bridge_;
  log::Writer& writer_;
  api::Auth* const auth_;
  const IngestConfig ingest_;
  const Bridge::Clock clock_;
  http::Delivery delivery_;
  KeyMemory keys_;

  mutable std::mutex mutex_;
  uint64_t requests_total_ = 0, accepted_total_ = 0, not_stored_total_ = 0, unauthorized_total_ = 0;
  std::map<std::string, uint64_t> rejected_total_, left_out_total_;
};

}  // namespace tributary::bridge
