// SPDX-License-Identifier: Apache-2.0
// AggregatorCluster: what an aggregator needs when there are several: the port on which the others ask it, its answers,
// the others as peers, and the Query over all of them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cloud/cluster/answerer.h"
#include "cloud/cluster/federation.h"
#include "cloud/cluster/peers.h"
#include "cloud/http/families.h"
#include "cloud/http/json_writer.h"
#include "cloud/http/server.h"
#include "cloud/query/question/system.h"

namespace tributary::api {

struct ClusterConfig {
  cluster::PeersConfig peers;
  http::HttpConfig http;  // the internal port; no tenant's key opens it, and no tenant's call is served there
};

class AggregatorCluster {
 public:
  struct Dependencies {
    const query::LocalQuery* local = nullptr;
    query::TellSystem system;  // this aggregator's own part; may be null
    std::function<uint64_t()> log_id;
    std::function<void()> changed;  // at another aggregator
    std::function<void(const std::string&)> say;
  };
  static Result<std::unique_ptr<AggregatorCluster>> open(const ClusterConfig& config, const cluster::Layout& layout,
                                                         Dependencies parts);
  ~AggregatorCluster() { stop(); }

  const query::Query& query() const { return *federation_; }
  std::vector<query::SystemMember> members(const std::string& tenant, int64_t now_ns) const {
    return federation_->members(tenant, now_ns);
  }
  uint16_t port() const { return server_->port(); }
  // Call after a commit of this process.
  void committed() { answerer_->changed(); }
  Status start();
  void stop();

  std::string trouble() const { return peers_->trouble(); }
  void ready(JsonWriter& json) const;
  void families(Exposition& text) const;

 private:
  AggregatorCluster() = default;
  http::Response answer(const http::Request& request);

  std::string secret_hash_;
  std::unique_ptr<cluster::Answerer> answerer_;
  std::unique_ptr<cluster::Peers> peers_;
  std::unique_ptr<cluster::Federation> federation_;
  std::unique_ptr<http::HttpServer> server_;
  std::atomic<uint64_t> questions_total_{0}, unauthorized_total_{0};
};

}  // namespace tributary::api
