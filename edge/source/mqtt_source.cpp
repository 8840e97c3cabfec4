// SPDX-License-Identifier: Apache-2.0
// Receiving on Paho's thread, reading on the main loop.
#include "edge/source/mqtt_source.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/mqtt/client_config.h"
#include "common/mqtt/log_once.h"
#include "common/mqtt/topic_filter.h"
#include "common/reading/payload.h"
#include "common/runtime/program.h"

namespace tributary::edge {
namespace {

// While messages flow the loop collects this long before it reads them: one wake-up for many messages. It delays no
// answer, because a window closes seconds after its end.
constexpr int64_t kGatherNs = 10'000'000;

}  // namespace

MqttSourceConfig read_mqtt_source(runtime::ConfigTable table, const SourceSurroundings& surroundings) {
  MqttSourceConfig source;
  source.client = mqtt::read_client_config(table);
  const mqtt::ClientConfig& uplink = surroundings.uplink;
  const bool anonymous = source.client.username.empty() && source.client.password.empty();
  if (anonymous && source.client.url == uplink.url) {
    source.client = uplink;  // the same broker: the same credentials and certificates
  } else if (source.client.username.empty() && !source.client.password.empty()) {
    source.client.username = surroundings.gateway;
  }
  source.client.client_id =
      surroundings.gateway + "-source" + (surroundings.index == 0 ? "" : std::to_string(surroundings.index + 1));
  source.topics = table.texts("topics", source.topics);
  if (source.topics.empty()) table.complain("topics", "[]", "at least one topic filter");
  for (const std::string& topic : source.topics) {
    if (!mqtt::is_topic_filter(topic)) table.complain("topics", runtime::quoted(topic), "an MQTT topic filter");
  }
  source.qos = static_cast<int>(table.integer("qos", source.qos, 0, 1));
  const std::string retained = table.text("retained", "reject");
  if (retained != "reject" && retained != "accept")
    table.complain("retained", runtime::quoted(retained), "\"reject\" or \"accept\"");
  source.reader.accept_retained = retained == "accept";
  runtime::ConfigTable rename = table.table("rename");
  for (const std::string& from : rename.keys()) {
    const std::string to = rename.text(from);
    if (!check_series({.device = "device", .metric = to}).ok())
      rename.complain(from, runtime::quoted(to), "the name of a metric");
    source.reader.rename[from] = to;
  }
  for (std::string& metric : table.texts("ignore")) source.reader.ignore.insert(std::move(metric));
  return source;
}

MakeSource MqttSource::read(runtime::ConfigTable table, const SourceSurroundings& surroundings) {
  return [config = read_mqtt_source(std::move(table), surroundings)](
             const std::function<void()>& wake) -> Result<std::unique_ptr<Source>> {
    Result<std::unique_ptr<MqttSource>> made = make(config, wake);
    if (!made.ok()) return made.error();
    return std::unique_ptr<Source>(std::move(made.value()));
  };
}

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
  const auto said = std::make_shared<mqtt::LogOnce>();
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

size_t MqttSource::drain(reading::ReadingSink& sink, Instant now) {
  if (const uint64_t dropped = inbox_.take_dropped(); dropped > 0) {
    sink.reject(reading::Reject::kOverload, "a message and a full inbox", "fewer messages at a time", dropped);
  }
  const size_t count = inbox_.drain(true, [&](const InboxMessage& message) {
    reader_.read(message.topic, message.payload, message.retained, message.arrived, sink);
  });
  due_ns_ = count > 0 ? now.mono_ns + kGatherNs : INT64_MAX;
  return count;
}

bool MqttSource::explain(std::string_view topic, std::string_view payload, Instant now, reading::ReadingSink& sink) {
  const bool hears = std::any_of(topics_.begin(), topics_.end(),
                                 [&](const std::string& filter) { return mqtt::matches(filter, topic); });
  if (hears) reader_.read(topic, payload, false, now, sink);
  return hears;
}

void MqttSource::stop() {
  inbox_.close();
  client_->stop(0);
}

}  // namespace tributary::edge
