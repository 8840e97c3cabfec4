// SPDX-License-Identifier: Apache-2.0
// Uplink: between the gateway and the bridge, over MQTT. Two connections: one publishes partials and status, the other
// receives acks (one connection for both directions is ten times slower with Paho, see common/mqtt). Only an ack
// settles anything: a PUBACK makes room in the window for the next publish, no more. All calls are the main loop's.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/mqtt/client.h"
#include "edge/gateway/gateway.h"

namespace tributary::edge {

struct UplinkConfig {
  mqtt::ClientConfig client;  // url, user, certificates; client ids and will are the uplink's own
  std::string tenant, gateway;
  int64_t status_interval_ms = 30'000;
};

class Uplink {
 public:
  // offline: the status that the broker publishes when this process dies. wake: gets the main loop out of its sleep,
  // called by Paho's threads until stop().
  static Result<std::unique_ptr<Uplink>> make(const UplinkConfig& config, std::string offline,
                                              std::function<void()> wake);
  ~Uplink();

  void start();
  // Hands acks to the gateway, publishes its messages while the window has room, and its status when that is due.
  void pump(Gateway& gateway, Instant now);
  // The next pump publishes the status: something in it changed that a person wants to see soon.
  void status_changed() { status_due_ns_ = 0; }
  int64_t due_ns() const { return status_due_ns_; }
  bool ready() const;
  // Publishes the offline status and disconnects; waits at most timeout_ms for what is on its way.
  void stop(const std::string& offline, int timeout_ms);

 private:
  Uplink(const UplinkConfig& config, std::function<void()> wake);
  mqtt::Client::Handlers handlers(const char* what);

  const UplinkConfig config_;
  const std::string topic_;
  const std::function<void()> wake_;

  // Written by Paho's threads.
  std::mutex mutex_;
  std::vector<std::string> acks_;
  std::atomic<uint32_t> connects_{0};
  std::atomic<bool> window_full_{false};

  // The main loop's alone.
  uint32_t connects_seen_ = 0;
  int64_t status_due_ns_ = 0;
  bool stopped_ = false;

  std::unique_ptr<mqtt::Client> publisher_, subscriber_;  // last: their handlers use the rest
};

}  // namespace tributary::edge
