// SPDX-License-Identifier: Apache-2.0
// Bridge: the core between its adapters: messages from the broker to the log, acks from the log to the broker. One
// thread of its own does everything; MQTT and log callbacks only put into its inbox. Two connections, one for each
// direction: with one, acks would wait for messages.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "cloud/bridge/core.h"
#include "cloud/bridge/inbox.h"
#include "cloud/bridge/recovery_watch.h"
#include "cloud/log/log.h"
#include "common/mqtt/client.h"
#include "common/runtime/result.h"

namespace tributary::bridge {

struct BridgeConfig {
  mqtt::ClientConfig mqtt;           // of the subscriber; the publisher's client id has "-acks" at its end
  std::string share_group;           // several bridges share the messages of one group; empty: this one takes all
  size_t queue_messages_max = 8192;  // between broker and log; beyond: dropped, counted
  size_t queue_bytes_max = 64 << 20;
  CoreConfig core;
};

struct BridgeStats {
  CoreCounters core;
  InboxStats inbox;
  bool subscriber_connected = false, publisher_connected = false;
};

class Bridge {
 public:
  using MakeClient = std::function<Result<std::unique_ptr<mqtt::Client>>(mqtt::ClientConfig, mqtt::Client::Handlers)>;
  using Clock = std::function<Instant()>;

  // writer must outlive the bridge. Errors: kInvalid (MQTT settings).
  static Result<std::unique_ptr<Bridge>> open(const BridgeConfig& config, log::Writer& writer, Clock clock,
                                              const MakeClient& make_client = &mqtt::Client::make);
  ~Bridge();
  Bridge(const Bridge&) = delete;
  Bridge& operator=(const Bridge&) = delete;

  // Begins connecting; a broker that is away is tried for ever.
  void start();
  // Stops the input, appends what had come, waits for the log (unless it is in trouble), publishes the acks due (for a
  // second or two at most), disconnects.
  void stop();

  BridgeStats stats() const;  // from any thread
  const runtime::Recoveries& recoveries() const { return recoveries_; }

 private:
  Bridge(const BridgeConfig& config, log::Writer& writer, Clock clock);
  void run();
  void turn();
  void watch();
  bool append_next();
  bool publish_acks();
  void finish();
  void on_connection(const char* which, bool up, const std::string& why);

  const BridgeConfig config_;
  log::Writer& writer_;
  const Clock clock_;
  Core core_;            // of the thread
  RecoveryWatch watch_;  // of the thread
  runtime::Recoveries recoveries_{recovery_kinds()};
  std::optional<Core::Append> stalled_;  // of the thread: what the log had no room for
  std::shared_ptr<Inbox> inbox_;
  std::unique_ptr<mqtt::Client> subscriber_, publisher_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};

  mutable std::mutex counters_mutex_;
  CoreCounters counters_;  // a copy of the core's, for stats()

  struct Outage {
    bool told = false;
    int64_t told_mono_ns = 0;
  };
  std::mutex outage_mutex_;
  Outage subscriber_outage_, publisher_outage_;
};

}  // namespace tributary::bridge
