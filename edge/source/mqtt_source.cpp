// SPDX-License-Identifier: Apache-2.0
// Receiving on Paho's thread, reading on the main loop.
#include "edge/source/mqtt_source.h"

#include <memory>

#include "common/mqtt/said_once.h"
#include "common/reading/payload.h"
#include "common/runtime/program.h"

namespace tributary::edge {
namespace {

// While messages flow the loop collects this long before it reads them: one wake-up for many messages. It delays no
// answer, because a window closes seconds after its end.
constexpr int64_t kGatherNs = 10'000'000;

}  // namespace

Result<std::unique_ptr<MqttSource>> MqttSource::make(const MqttSourceConfig& config, std::function<void()> wake) {
  std::unique_ptr<MqttSource> source(new MqttSource(config, std::move(wake)));
  MqttSource* raw = source.get();
  const std::string url = config.client.url;
  // What the parser would refuse for its size is not kept in the inbox either: one byte beyond the limit says enough.
  const size_t kept_max = reading::PayloadLimits{}.bytes_max + 1;
  mqtt::Client::Handlers handlers;
  handlers.on_message = [raw, kept_max](const mqtt::Message& message) {
    raw->inbox_.push({runtime::now(), message.retained, message.topic, message.payload.substr(0, kept_max)});
  };
  const auto said = std::make_shared<mqtt::SaidOnce>();
  handlers.on_connected = [url, said] {
    said->connected();
    runtime::log_info("source " + url + ": connected");
  };
  handlers.on_disconnected = [url, said](const std::string& why) {
    if (said->lost(why)) runtime::log_warn("source " + url + ": not connected (" + why + "), trying again");
  };
  Result<std::unique_ptr<mqtt::Client>> client = mqtt::Client::make(config.client, std::move(handlers));
  if (!client.ok()) return client.error();
  source->client_ = std::move(client.value());
  for (const std::string& topic : config.topics) source->client_->subscribe(topic, config.qos);
  return Result<std::unique_ptr<MqttSource>>(std::move(source));
}

MqttSource::~MqttSource() { stop(); }

void MqttSource::start() { client_->start(); }

size_t MqttSource::drain(Gateway& gateway, Instant now) {
  if (const uint64_t dropped = inbox_.take_dropped(); dropped > 0) gateway.count_rejected("overload", dropped);
  const size_t count = inbox_.drain(true, [&](const InboxMessage& message) {
    reader_.read(message.topic, message.payload, message.retained, message.arrived, gateway);
  });
  due_ns_ = count > 0 ? now.mono_ns + kGatherNs : INT64_MAX;
  return count;
}

void MqttSource::stop() {
  inbox_.close();
  client_->stop(0);
}

}  // namespace tributary::edge
