// SPDX-License-Identifier: Apache-2.0
// Peers: the other aggregators of the cluster. A thread for each keeps an eye on it: it asks how far the partitions
// are, waiting at the other side for news, so that news come at once and an absence is noticed by itself. Who does not
// answer is marked down: questions then leave it out at once, until it answers its thread again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cloud/cluster/layout.h"
#include "cloud/cluster/scatter.h"
#include "cloud/cluster/wire.h"
#include "cloud/query/question/head.h"

namespace tributary::cluster {

struct PeersConfig {
  std::vector<std::string> urls;  // "http://host:port" by ordinal, the own one included
  std::string secret;
  int timeout_ms = 2'000;  // of one question, after this process has done its own part
  int wait_ms = 500;       // how long a thread waits at the other side for news
  int retry_ms = 300;      // between two looks at one that is down
};

// "http://host:port": both, or nothing if it is not of this form.
struct PeerUrl {
  std::string host;
  uint16_t port = 0;
};
std::optional<PeerUrl> parse_peer_url(const std::string& url);

struct PeerFacts {
  uint32_t ordinal = 0;
  bool up = false;
  std::string state;  // "up", or the word why not: "timeout", "refused", "status_401", "unresolved", "mismatch" …
  uint64_t questions_total = 0;
  std::map<std::string, uint64_t> failures_total;  // by reason
};

class Peers {
 public:
  struct Parts {
    std::function<uint64_t()> log_id;  // of the own states; 0: none yet
    std::function<void()> changed;     // something happened at another aggregator, or one came or went
    std::function<void(const std::string&)> say;
  };
  // REQUIRES: urls.size() == layout.replicas, each of the right form.
  Peers(const PeersConfig& config, const Layout& layout, Parts parts);
  ~Peers();

  void start();
  void stop();

  struct Ask {
    uint32_t ordinal = 0;
    std::string question;
    std::optional<std::string> answer = std::nullopt;  // nothing: it did not answer
    std::string failure = {};                          // why not: a word, as PeerFacts::state
  };
  // Asks all at the same time, those that are down not at all; meanwhile runs once while they work. Thread-safe.
  void ask(std::vector<Ask>& asks, const std::function<void()>& meanwhile);
  // What it answered cannot be used: counted.
  void distrust(uint32_t ordinal, const std::string& reason);

  // The newest place known of a peer's partitions; state ids are 0 while it was never reached.
  query::Place place(uint32_t ordinal) const;
  bool up(uint32_t ordinal) const;
  std::vector<PeerFacts> facts() const;
  // Empty when well; one sentence if an aggregator answers that does not fit into this cluster.
  std::string trouble() const;

 private:
  struct Peer {
    uint32_t ordinal = 0;
    std::string url, host_port;
    PeerUrl parsed;
    std::thread thread;
    // Under mutex_:
    std::optional<Address> address;
    std::vector<int> kept;  // connections for the next questions
    bool up = false;
    std::string state = "not asked yet";
    std::string misfit;  // a sentence
    int64_t answered_ms = 0;
    query::Place place;
    uint64_t questions_total = 0;
    std::map<std::string, uint64_t> failures_total;
  };
  void watch(Peer& peer);
  bool resolve(Peer& peer);
  // One question on a connection of its own.
  Exchange prepare(Peer& peer, const std::string& question, int fd) const;
  void settle(Peer& peer, Exchange& exchange, int64_t begun_ms, bool watching);
  void look(Peer& peer, const std::string& answer);
  void set_state(Peer& peer, bool up, const std::string& state);

  const PeersConfig config_;
  const Layout layout_;
  const Parts parts_;
  mutable std::mutex mutex_;
  std::condition_variable woken_;
  bool stopping_ = false;
  std::vector<std::unique_ptr<Scatter>> scatters_;  // those that nobody asks with at the moment
  std::vector<std::unique_ptr<Peer>> peers_;        // by ordinal; the own one is nothing
};

}  // namespace tributary::cluster
