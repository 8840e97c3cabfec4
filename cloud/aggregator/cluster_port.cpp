// SPDX-License-Identifier: Apache-2.0
// AggregatorCluster, see cluster_port.h.
#include "cloud/aggregator/cluster_port.h"

#include <openssl/crypto.h>

#include <utility>

#include "cloud/http/problem.h"
#include "cloud/tenants/keys.h"
#include "common/runtime/sha256.h"

namespace tributary::api {

Result<std::unique_ptr<AggregatorCluster>> AggregatorCluster::open(const ClusterConfig& config,
                                                                   const cluster::Layout& layout, Dependencies parts) {
  std::unique_ptr<AggregatorCluster> self(new AggregatorCluster);
  self->secret_hash_ = runtime::sha256_hex(config.peers.secret);
  self->answerer_ = std::make_unique<cluster::Answerer>(*parts.local, layout, parts.log_id, std::move(parts.system));
  self->peers_ = std::make_unique<cluster::Peers>(
      config.peers, layout, cluster::Peers::Parts{parts.log_id, std::move(parts.changed), std::move(parts.say)});
  self->federation_ = std::make_unique<cluster::Federation>(*parts.local, *self->answerer_, *self->peers_, layout);
  http::HttpConfig http = config.http;
  http.body_bytes_max = cluster::kQuestionBytesMax;
  http.threads += layout.replicas;  // each of the others has one question waiting for news
  http.streams_max = 0;
  http.buffered_bytes_max = 2 * cluster::kAnswerBytesMax + (64ULL << 20);
  auto server = http::HttpServer::open(http);
  if (!server) return server.error();
  self->server_ = std::move(server).value();
  AggregatorCluster* raw = self.get();
  self->server_->handle("POST", cluster::kPath, [raw](const http::Request& request) { return raw->answer(request); });
  self->server_->on_stop([raw] { raw->answerer_->stop(); });
  return self;
}

http::Response AggregatorCluster::answer(const http::Request& request) {
  // Hashes have one length, so that the time of the comparison tells nothing about the secret.
  const std::string given = runtime::sha256_hex(request.header(cluster::kSecretHeader));
  if (CRYPTO_memcmp(given.data(), secret_hash_.data(), secret_hash_.size()) != 0) {
    unauthorized_total_++;
    return http::problem_response({.status = 401, .detail = "The cluster's secret is missing or wrong."});
  }
  questions_total_++;
  return {.content_type = "application/octet-stream", .body = answerer_->answer(as_bytes(request.body))};
}

Status AggregatorCluster::start() {
  if (Status started = server_->start(); !started) return started;
  peers_->start();
  return {};
}

void AggregatorCluster::stop() {
  if (peers_) peers_->stop();
  if (server_) server_->stop();
}

void AggregatorCluster::ready(JsonWriter& json) const {
  json.key("peers").begin_array();
  for (const auto& peer : peers_->facts()) {
    json.begin_object().field("ordinal", peer.ordinal).field("up", peer.up).field("state", peer.state).end_object();
  }
  json.end_array();
}

void AggregatorCluster::families(Exposition& text) const {
  const auto peers = peers_->facts();
  text.gauge("tributary_aggregator_peer_up", "1 when the other aggregator answers.");
  for (const auto& peer : peers) text.sample(uint64_t{peer.up}, {{"ordinal", std::to_string(peer.ordinal)}});
  text.counter("tributary_aggregator_peer_questions_total", "Questions put to the other aggregator.");
  for (const auto& peer : peers) text.sample(peer.questions_total, {{"ordinal", std::to_string(peer.ordinal)}});
  text.counter("tributary_aggregator_peer_failures_total", "Questions and looks it did not answer, by reason.");
  for (const auto& peer : peers) {
    for (const auto& [reason, count] : peer.failures_total) {
      text.sample(count, {{"ordinal", std::to_string(peer.ordinal)}, {"reason", reason}});
    }
  }
  text.counter("tributary_aggregator_internal_questions_total", "Questions of other aggregators answered.");
  text.sample(questions_total_.load());
  text.counter("tributary_aggregator_internal_refused_total", "Calls to the internal port that were refused.");
  text.sample(unauthorized_total_.load(), {{"reason", "secret"}});
  for (const auto& [reason, count] : server_->stats().refused_total) text.sample(count, {{"reason", reason}});
}

}  // namespace tributary::api
