// SPDX-License-Identifier: Apache-2.0
// A cluster in one process: states of all partitions, one Query over all of them, and aggregators that each own some.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cloud/aggregator/cluster_port.h"
#include "cloud/aggregator/own_system.h"
#include "cloud/query/local.h"
#include "cloud/query/question/system.h"
#include "tests/cloud/merge/support/scenario.h"

namespace tributary::testing {

inline constexpr const char* kSecret = "0123456789abcdef0123456789abcdef";

// A listening socket on a free loopback port; closed, its port is free for whom it is meant.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    socklen_t size = sizeof(address);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    EXPECT_EQ(::listen(fd_, 64), 0);
  }
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  int fd() const { return fd_; }
  uint16_t port() const { return port_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int fd_;
  uint16_t port_ = 0;
};

template <class Condition>
bool soon(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// States of all partitions with records of a scenario each.
class States {
 public:
  States(uint32_t partitions, uint64_t seed, const ScenarioConfig& config) : random_(seed) {
    for (uint32_t i = 0; i < partitions; ++i) {
      merge::WriterConfig one = state_config(folder_.path(std::to_string(i)));
      one.partition = i;
      writers_.push_back(open_state(one));
      scenarios_.push_back(make_scenario(seed * 100 + i, config));
    }
    all_ = query::LocalQuery::make(owned({0, 1, partitions}));
  }
  std::vector<const state::State*> owned(const cluster::Layout& layout) const {
    std::vector<const state::State*> out;
    for (uint32_t partition : layout.partitions_of(layout.ordinal)) out.push_back(&writers_[partition]->state());
    return out;
  }
  // Merges some more of each partition, a random share of what is left; all of it if whole.
  void merge_more(bool whole) {
    for (size_t i = 0; i < writers_.size(); ++i) {
      const auto& records = scenarios_[i].records;
      const size_t at = writers_[i]->position(), left = records.size() - at;
      const size_t count = whole ? left : pick(random_, left + 1);
      if (count == 0) continue;
      EXPECT_TRUE(writers_[i]->merge(records.slice(at, count)).ok());
    }
  }
  const query::LocalQuery& all() const { return *all_; }
  const Scenario& scenario() const { return scenarios_.front(); }
  uint32_t partitions() const { return static_cast<uint32_t>(writers_.size()); }
  merge::StateWriter& writer(size_t partition) { return *writers_[partition]; }

 private:
  Folder folder_;
  Random random_;
  std::vector<std::unique_ptr<merge::StateWriter>> writers_;
  std::vector<Scenario> scenarios_;
  std::unique_ptr<query::LocalQuery> all_;
};

// One aggregator of the cluster without its own merging.
struct Member {
  std::unique_ptr<query::LocalQuery> local;
  std::unique_ptr<api::OwnSystem> own_system;
  std::unique_ptr<api::AggregatorCluster> cluster;
  std::function<void()> changed;
  const query::Query& query() const { return cluster->query(); }
};

inline std::unique_ptr<Member> make_member(const States& states, uint32_t ordinal, const std::vector<std::string>& urls,
                                           int timeout_ms = 5'000, const std::string& secret = kSecret) {
  auto member = std::make_unique<Member>();
  const cluster::Layout layout{ordinal, static_cast<uint32_t>(urls.size()), states.partitions()};
  member->local = query::LocalQuery::make(states.owned(layout));
  api::ClusterConfig config;
  config.peers = {.urls = urls, .secret = secret, .timeout_ms = timeout_ms, .wait_ms = 200, .retry_ms = 20};
  config.http.port = cluster::parse_peer_url(urls[ordinal])->port;
  Member* raw = member.get();
  member->own_system = std::make_unique<api::OwnSystem>(api::OwnSystem::Dependencies{
      .query = member->local.get(), .service = [layout] {
        query::ServiceInfo info{.service = "aggregator " + std::to_string(layout.ordinal), .version = "1.2.3"};
        info.durability = "power";
        info.records = info.partials = 10 + layout.ordinal;
        for (const uint32_t one : layout.partitions_of(layout.ordinal)) info.partitions.push_back({one, one, 2 * one});
        info.recovery = runtime::LastRecovery{"restart", 1'700'000'000, 0.5, {{"records", 3}}};
        return info;
      }});
  auto opened = api::AggregatorCluster::open(
      config, layout,
      {.local = member->local.get(),
       .system = [raw](const std::string& tenant, int64_t now_ns) { return raw->own_system->part(tenant, now_ns); },
       .log_id = [] { return uint64_t{7}; },
       .changed =
           [raw] {
             if (raw->changed) raw->changed();
           },
       .say = nullptr});
  EXPECT_TRUE(opened.ok()) << opened.error().message;
  member->cluster = std::move(opened).value();
  return member;
}

inline std::vector<std::string> free_urls(size_t count) {
  std::vector<std::unique_ptr<Listener>> listeners;
  std::vector<std::string> urls;
  for (size_t i = 0; i < count; ++i) {
    listeners.push_back(std::make_unique<Listener>());
    urls.push_back(listeners.back()->url());
  }
  return urls;
}

}  // namespace tributary::testing
