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
#include "common/zone/zone.h"

namespace tributary::edge {
namespace {

// While messages flow the loop collects this long before it reads them: one wake-up for many messages. It delays no
// answer, because a window closes seconds after its end.
constexpr int64_t kGatherNs = 10'000'000;

// A broker has one name here, however its address is spelled: mqtt://Host and tcp://host:1883 are one.
std::string broker_of(const std::string& url) {
  std::string broker = url;
  for (char& c : broker) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
  while (broker.ends_with('/')) broker.pop_back();
  const size_t scheme_end = broker.find("://");
  if (scheme_end == std::string::npos) return broker;
  const std::string scheme = broker.substr(0, scheme_end);
  std::string host = broker.substr(scheme_end + 3);
  const bool secure = scheme == "mqtts" || scheme == "ssl";
  const bool plain = scheme == "mqtt" || scheme == "tcp";
  if (!secure && !plain) return broker;
  const size_t colon = host.rfind(':');
  const bool has_port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
  if (!has_port) host += secure ? ":8883" : ":1883";
  return (secure ? "tls " : "") + host;
}

// A message that two subscriptions at one broker hear would count twice.
void read_topics(runtime::ConfigTable& table, MqttSourceConfig& source, std::vector<Subscription>* subscriptions) {
  source.topics = table.texts("topics", source.topics);
  if (source.topics.empty()) table.complain("topics", "[]", "at least one topic filter");
  std::vector<Subscription> own;
  std::vector<Subscription>& heard = subscriptions != nullptr ? *subscriptions : own;
  const std::string broker = broker_of(source.client.url);
  for (const std::string& topic : source.topics) {
    if (!mqtt::is_topic_filter(topic)) {
      table.complain("topics", runtime::quoted(topic), "an MQTT topic filter");
      continue;
    }
    const auto other = std::find_if(heard.begin(), heard.end(), [&](const Subscription& one) {
      return one.url == broker && mqtt::overlap(one.filter, topic);
    });
    if (other != heard.end()) {
      table.complain("topics",
                     runtime::quoted(topic) + " beside " + runtime::quoted(other->filter) + " at the same broker",
                     "filters that do not overlap: a message that two of them hear would count twice");
    }
    heard.push_back({broker, topic});
  }
}

void read_renames(runtime::ConfigTable rename, TopicReaderConfig& reader) {
  std::map<std::string, std::string> sources;  // metric → the field that becomes it
  for (const std::string& from : rename.keys()) {
    const std::string to = rename.text(from);
    if (!check_series({.device = "device", .metric = to}).ok())
      rename.complain(from, runtime::quoted(to), "the name of a metric");
    // A field is looked up by the name that it would have without a rename.
    const auto [other, alone] = sources.emplace(to, from);
    const bool fresh = reader.rename.emplace(metric_name(from), to).second;
    if (!alone) {
      rename.complain(
          from, runtime::quoted(to),
          "a name of its own: " + runtime::quoted(other->second) + " becomes " + runtime::quoted(to) + ", too");
    } else if (!fresh) {
      rename.complain(from, runtime::quoted(from),
                      "one field: another one is the metric " + runtime::quoted(metric_name(from)) + ", too");
    }
  }
}

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
  read_topics(table, source, surroundings.subscriptions);
  source.qos = static_cast<int>(table.integer("qos", source.qos, 0, 1));
  const std::string retained = table.text("retained", "reject");
  if (retained != "reject" && retained != "accept")
    table.complain("retained", runtime::quoted(retained), "\"reject\" or \"accept\"");
  source.reader.accept_retained = retained == "accept";
  read_renames(table.table("rename"), source.reader);
  source.reader.decimal_comma = table.boolean("decimal_comma", false);
  if (const std::string name = table.text("timezone"); !name.empty()) {
    const date::time_zone* zone = find_zone(name);
    if (zone == nullptr) {
      table.complain("timezone", runtime::quoted(name), "a name of the tz database such as Europe/Berlin or UTC");
    } else {
      source.reader.local_time = local_time_in(*zone);
    }
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
