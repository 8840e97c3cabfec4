// SPDX-License-Identifier: Apache-2.0
// MqttSource: readings from the topics of any MQTT broker. Paho's thread only copies topic and payload into an inbox;
// the main loop reads them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/mqtt/client.h"
#include "edge/source/inbox.h"
#include "edge/source/source.h"
#include "edge/source/topic_reader.h"

namespace tributary::edge {

struct MqttSourceConfig {
  mqtt::ClientConfig client;
  std::vector<std::string> topics = {"sensors/+", "sensors/+/+"};
  int qos = 1;
  TopicReaderConfig reader;
  InboxConfig inbox;
};

class MqttSource final : public Source {
 public:
  // wake: gets the main loop out of its sleep, called by Paho's threads until stop(). kInvalid: Paho refuses the
  // settings.
  static Result<std::unique_ptr<MqttSource>> make(const MqttSourceConfig& config, std::function<void()> wake);
  ~MqttSource() override;

  void start() override;
  size_t drain(Gateway& gateway, Instant now) override;
  int64_t due_ns() const override { return due_ns_; }
  void stop() override;
  bool listening() const override { return client_->connected(); }

 private:
  MqttSource(const MqttSourceConfig& config, std::function<void()> wake)
      : inbox_(config.inbox, std::move(wake)), reader_(config.reader) {}

  Inbox inbox_;
  TopicReader reader_;
  int64_t due_ns_ = INT64_MAX;
  std::unique_ptr<mqtt::Client> client_;  // last: its handlers use the rest
};

}  // namespace tributary::edge
