// SPDX-License-Identifier: Apache-2.0
// Endpoints of the bridge: see http_port.h.
#include "cloud/bridge/http_port.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <thread>

#include "cloud/http/families.h"
#include "cloud/http/json_writer.h"
#include "cloud/http/probes.h"
#include "cloud/http/problem.h"
#include "cloud/tenants/identify.h"
#include "common/base/hex.h"

namespace tributary::bridge {
namespace {

using namespace std::chrono_literals;

constexpr auto kQueueWaitMax = 5s;        // for room in the log's queue
constexpr auto kDurableWaitMax = 10s;     // for the delivery reports
constexpr auto kTroubleInterval = 200ms;  // between looks at the log's trouble meanwhile
constexpr int kRetryAfterS = 5;

// Counts reports of durability; shared with the log's callbacks, which may come after the request has given up.
struct Reports {
  std::mutex mutex;
  std::condition_variable changed;
  size_t waiting = 0;
  std::string failure;
};

void write_counts(api::JsonWriter& json, const std::map<std::string, uint64_t>& counts) {
  json.begin_object();
  for (const auto& [reason, count] : counts) json.field(reason, count);
  json.end_object();
}

}  // namespace

void HttpPort::install(http::HttpServer& server) {
  server.around(
      [this](const http::Request& request, const http::Handler& next) { return delivery_.answer(request, next); });
  server.handle("GET", "/health", [](const http::Request&) { return http::health_response(); });
  server.handle("GET", "/ready", [this](const http::Request&) { return ready(); });
  server.handle("GET", "/metrics", [this, &server](const http::Request&) { return metrics(server); });
  server.admit([this](const http::Request& request, std::string& payer) { return refuse_unknown(request, payer); });
  for (const char* path : {"/api/v1/data", "/api/data"}) {
    server.handle("POST", path, [this](const http::Request& request) { return take_readings(request); });
  }
}

http::Response HttpPort::ready() const {
  const BridgeStats stats = bridge_.stats();
  const std::string log_trouble = writer_.trouble();
  std::string trouble = log_trouble;
  if (trouble.empty() && !(stats.subscriber_connected && stats.publisher_connected)) {
    trouble = "the connections to the broker do not stand";
  }
  return http::probe_response(runtime::ready_probe(trouble, [&](api::JsonWriter& json) {
    const log::LogSettings& settings = writer_.settings();
    json.key("log").begin_object();
    json.field("id", hex16(settings.log_id)).field("partitions", settings.partitions);
    json.field("durability", settings.durability);
    if (!log_trouble.empty()) json.field("trouble", log_trouble);
    json.end_object();
    json.key("broker").begin_object();
    json.field("subscriber_connected", stats.subscriber_connected);
    json.field("publisher_connected", stats.publisher_connected).end_object();
    if (const std::string keys = auth_ == nullptr ? "" : auth_->trouble(); !keys.empty())
      json.key("keys").begin_object().field("trouble", keys).end_object();
  }));
}

http::Response HttpPort::metrics(const http::HttpServer& server) const {
  const BridgeStats stats = bridge_.stats();
  const CoreCounters& core = stats.core;
  api::Exposition out;
  out.counter("tributary_bridge_messages_total", "Uplink messages taken from the broker.").sample(core.messages_total);
  out.counter("tributary_bridge_statuses_total", "Status messages taken from the broker.").sample(core.statuses_total);
  out.counter("tributary_bridge_statuses_unchanged_total", "Status messages not appended since nothing had changed.")
      .sample(core.statuses_unchanged_total);
  out.counter("tributary_bridge_statuses_replaced_total", "Status messages not appended since a newer one followed.")
      .sample(core.statuses_replaced_total + stats.inbox.replaced_total);
  out.counter("tributary_bridge_rejected_total",
              "Messages that cannot be merged, by reason; appended as rejected where their header is sound.");
  for (const auto& [reason, count] : core.rejected_total) out.sample(count, {{"reason", reason}});
  out.counter("tributary_bridge_dropped_total", "Messages dropped, to be sent again by their gateways, by reason.")
      .sample(stats.inbox.dropped_total, {{"reason", "overload"}});
  out.counter("tributary_bridge_appended_total", "Records durable in the log, by kind.")
      .sample(core.appended_total, {{"kind", "message"}})
      .sample(core.appended_rejected_total, {{"kind", "rejected"}})
      .sample(core.appended_status_total, {{"kind", "status"}});
  out.counter("tributary_bridge_append_failures_total", "Records the log refused; not acknowledged.")
      .sample(core.append_failed_total);
  out.counter("tributary_bridge_acked_total", "Messages acknowledged.").sample(core.acked_messages_total);
  out.counter("tributary_bridge_acks_published_total", "Acks published, each for one or more messages of a gateway.")
      .sample(core.acks_published_total);
  out.counter("tributary_bridge_acks_dropped_total", "Acks given up since too many waited.")
      .sample(core.acks_dropped_total);
  out.gauge("tributary_bridge_queue_messages", "Messages between broker and log.").sample(stats.inbox.messages);
  out.gauge("tributary_bridge_queue_bytes", "Bytes between broker and log.").sample(stats.inbox.bytes);
  out.gauge("tributary_bridge_unsettled_appends", "Records given to the log and not yet durable.")
      .sample(core.unsettled_appends);
  out.gauge("tributary_bridge_acks_waiting", "Acks due and not yet published.").sample(core.acks_waiting);
  out.gauge("tributary_bridge_connected", "1 while the connection to the broker stands.")
      .sample(uint64_t{stats.subscriber_connected}, {{"client", "subscriber"}})
      .sample(uint64_t{stats.publisher_connected}, {{"client", "publisher"}});
  out.gauge("tributary_log_durability", "1 for what an acknowledged record survives: power, process or unknown.")
      .sample(uint64_t{1}, {{"durability", writer_.settings().durability}});
  out.gauge("tributary_bridge_log_trouble", "1 while the log cannot be written.")
      .sample(uint64_t{!writer_.trouble().empty()});
  {
    std::lock_guard lock(mutex_);
    out.counter("tributary_bridge_ingest_requests_total", "Requests with readings.").sample(requests_total_);
    out.counter("tributary_bridge_ingest_unauthorized_total", "Requests without a valid key.")
        .sample(unauthorized_total_);
    out.counter("tributary_bridge_ingest_accepted_total", "Readings accepted over HTTP.").sample(accepted_total_);
    out.counter("tributary_bridge_ingest_not_stored_total", "Requests answered 503 since the log did not take them.")
        .sample(not_stored_total_);
    out.counter("tributary_bridge_ingest_rejected_total", "Rejections over HTTP, by reason.");
    for (const auto& [reason, count] : rejected_total_) out.sample(count, {{"reason", reason}});
    out.counter("tributary_bridge_ingest_left_out_fields_total",
                "Fields over HTTP that are no readings, by reason: text, nulls, long arrays.");
    for (const auto& [reason, count] : left_out_total_) out.sample(count, {{"reason", reason}});
  }
  bridge_.recoveries().families(out);
  const http::HttpStats http = server.stats();
  out.counter("tributary_http_responses_total", "HTTP answers by status.");
  for (const auto& [status, count] : http.responses_total) out.sample(count, {{"status", std::to_string(status)}});
  out.counter("tributary_http_refused_total", "HTTP requests refused at the bounds, by reason.");
  for (const auto& [reason, count] : http.refused_total) out.sample(count, {{"reason", reason}});
  out.gauge("tributary_http_connections", "HTTP connections open.").sample(http.connections);
  http::Response response;
  response.content_type = api::Exposition::kContentType;
  response.body = out.take();
  return response;
}

// Bodies are for who has a key: nobody else may hold memory. The whole request is looked at again when it is there.
std::optional<http::Response> HttpPort::refuse_unknown(const http::Request& request, std::string& payer) {
  const auto identity =
      auth_ == nullptr ? std::nullopt : api::identify(*auth_, request, to_seconds_floor(clock_().wall_ns));
  if (identity) {
    payer = identity->tenant;
    return std::nullopt;
  }
  {
    std::lock_guard lock(mutex_);
    ++unauthorized_total_;
  }
  return delivery_.answer(request, [](const http::Request&) { return api::unauthorized(); });
}

http::Response HttpPort::take_readings(const http::Request& request) {
  const Instant now = clock_();
  const auto identity = auth_ == nullptr ? std::nullopt : api::identify(*auth_, request, to_seconds_floor(now.wall_ns));
  if (!identity) {
    std::lock_guard lock(mutex_);
    ++unauthorized_total_;
    return api::unauthorized();
  }
  IngestRequest ingest{identity->tenant, request.body, std::string(request.header("idempotency-key"))};
  if (!ingest.idempotency_key.empty() && !is_idempotency_key(ingest.idempotency_key)) {
    http::Problem problem;
    problem.status = 400;
    problem.detail = "The Idempotency-Key cannot be used.";
    problem.parameter = "Idempotency-Key";
    problem.found = ingest.idempotency_key;
    problem.expected = "1 to " + std::to_string(kIdempotencyKeyBytesMax) + " visible ASCII characters";
    return http::problem_response(problem);
  }
  const std::string digest = ingest.idempotency_key.empty() ? "" : body_digest(ingest.body);
  if (!digest.empty() && keys_.is_reused(ingest.tenant, ingest.idempotency_key, digest)) return key_reused(ingest);
  ingest.digest = digest;
  // 0 while the log has not been found: then nobody can tell which records the request makes.
  const uint32_t partitions = writer_.settings().partitions;
  IngestResult result = make_records(ingest_, ingest, std::max(partitions, 1U), now);
  if (result.accepted == 0) {
    count(result, false);
    http::Problem problem;
    problem.status = 400;
    problem.detail = "Nothing in the request can be used.";
    problem.found = result.found.empty() ? "no reading" : result.found;
    problem.expected = result.expected.empty()
                           ? "an object with device_id and at least one number, or an array of such objects"
                           : result.expected;
    return http::problem_response(problem);
  }
  const Status stored = partitions == 0 ? Status(Error{ErrorCode::kBusy, "the log has not been found yet"})
                                        : append_all(std::move(result.records));
  count(result, stored.ok());
  if (!stored) {
    http::Problem problem;
    problem.status = 503;
    problem.detail = "The readings are not stored for certain: " + stored.error().message +
                     ". Repeat the request with the same Idempotency-Key and they count once.";
    problem.retry_after_s = kRetryAfterS;
    return http::problem_response(problem);
  }
  if (!digest.empty()) keys_.remember(ingest.tenant, ingest.idempotency_key, digest);
  api::JsonWriter json;
  json.begin_object().field("accepted", result.accepted).key("rejected");
  write_counts(json, result.rejected);
  if (!result.left_out.empty()) {
    json.key("left_out");
    write_counts(json, result.left_out);
  }
  json.end_object();
  http::Response response;
  response.status = 202;
  response.body = json.take();
  return response;
}

http::Response HttpPort::key_reused(const IngestRequest& request) {
  {
    const std::lock_guard lock(mutex_);
    ++requests_total_;
    ++rejected_total_["key_reused"];
  }
  http::Problem problem;
  problem.status = 422;
  problem.detail = "Another body came under this Idempotency-Key; this one was not stored.";
  problem.parameter = "Idempotency-Key";
  problem.found = request.idempotency_key + " with another body than before";
  problem.expected = "a new key for a new body, or the same body byte for byte";
  return http::problem_response(problem);
}

Status HttpPort::append_all(std::vector<log::Record> records) {
  // A log in trouble would keep the client waiting for nothing.
  if (const std::string trouble = writer_.trouble(); !trouble.empty()) return Error{ErrorCode::kBusy, trouble};
  auto reports = std::make_shared<Reports>();
  const auto give_up = std::chrono::steady_clock::now() + kQueueWaitMax;
  for (const log::Record& record : records) {
    {
      std::lock_guard lock(reports->mutex);
      ++reports->waiting;
    }
    const auto done = [reports](const Status& status) {
      {
        std::lock_guard lock(reports->mutex);
        --reports->waiting;
        if (!status) reports->failure = status.error().message;
      }
      reports->changed.notify_all();
    };
    Status taken = writer_.append(record, done);
    while (!taken && taken.error().code == ErrorCode::kBusy && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(5ms);
      taken = writer_.append(record, done);
    }
    if (!taken) return taken;
  }
  std::unique_lock lock(reports->mutex);
  const auto deadline = std::chrono::steady_clock::now() + kDurableWaitMax;
  while (!reports->changed.wait_for(lock, kTroubleInterval, [&] { return reports->waiting == 0; })) {
    if (const std::string trouble = writer_.trouble(); !trouble.empty()) return Error{ErrorCode::kBusy, trouble};
    if (std::chrono::steady_clock::now() > deadline) return Error{ErrorCode::kBusy, "the log did not answer in time"};
  }
  if (!reports->failure.empty()) return Error{ErrorCode::kIo, reports->failure};
  return {};
}

void HttpPort::count(const IngestResult& result, bool stored) {
  std::lock_guard lock(mutex_);
  ++requests_total_;
  if (stored) {
    accepted_total_ += result.accepted;
  } else if (result.accepted > 0) {
    ++not_stored_total_;
  }
  for (const auto& [reason, count] : result.rejected) rejected_total_[reason] += count;
  for (const auto& [reason, count] : result.left_out) left_out_total_[reason] += count;
}

}  // namespace tributary::bridge
