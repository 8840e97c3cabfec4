// SPDX-License-Identifier: Apache-2.0
// Two MQTT connections around a gateway: see uplink.h.
#include "edge/uplink/uplink.h"

#include <memory>
#include <utility>

#include "common/mqtt/log_once.h"
#include "common/runtime/program.h"
#include "common/wire/message.h"

namespace tributary::edge {
namespace {

// More acks than can be under way (the flight holds at most 1,024 partials). What goes beyond is dropped: the bridge
// acknowledges again what comes again.
constexpr size_t kAcksMax = 4096;

}  // namespace

Uplink::Uplink(const UplinkConfig& config, std::function<void()> wake)
    : config_(config), topic_("tributary/v1/" + config.tenant + "/" + config.gateway + "/"), wake_(std::move(wake)) {}

Uplink::~Uplink() { stop("", 0); }

mqtt::Client::Handlers Uplink::handlers(const char* what) {
  mqtt::Client::Handlers out;
  const std::string name = "uplink " + config_.client.url + " (" + what + "): ";
  const auto said = std::make_shared<mqtt::LogOnce>();
  out.on_connected = [this, name, said] {
    said->connected();
    runtime::log_info(name + "connected");
    ++connects_;
    wake_();
  };
  out.on_disconnected = [this, name, said](const std::string& why) {
    if (said->lost(why)) runtime::log_warn(name + "not connected (" + why + "), trying again");
    wake_();
  };
  return out;
}

Result<std::unique_ptr<Uplink>> Uplink::make(const UplinkConfig& config, std::string offline,
                                             std::function<void()> wake) {
  std::unique_ptr<Uplink> uplink(new Uplink(config, std::move(wake)));
  Uplink* raw = uplink.get();

  mqtt::ClientConfig publisher = config.client;
  publisher.client_id = config.gateway;
  publisher.will_topic = raw->topic_ + "status";
  publisher.will_payload = std::move(offline);
  publisher.will_retain = true;
  mqtt::Client::Handlers publishing = raw->handlers("publishing");
  publishing.on_published = [raw] {
    if (raw->window_full_.exchange(false)) raw->wake_();
  };
  Result<std::unique_ptr<mqtt::Client>> made = mqtt::Client::make(std::move(publisher), std::move(publishing));
  if (!made.ok()) return made.error();
  raw->publisher_ = std::move(made.value());

  mqtt::ClientConfig subscriber = config.client;
  // No gateway has a name with a slash: the gateway "x-ack" is another client.
  subscriber.client_id = config.gateway + "/ack";
  mqtt::Client::Handlers receiving = raw->handlers("acks");
  receiving.on_message = [raw](const mqtt::Message& message) {
    // An ack is an answer, not a state: a retained one is somebody's mistake.
    if (message.retained || message.payload.size() > wire::kAckBytesMax) return;
    {
      std::lock_guard lock(raw->mutex_);
      if (raw->acks_.size() >= kAcksMax) return;
      raw->acks_.emplace_back(message.payload);
    }
    raw->wake_();
  };
  made = mqtt::Client::make(std::move(subscriber), std::move(receiving));
  if (!made.ok()) return made.error();
  raw->subscriber_ = std::move(made.value());
  raw->subscriber_->subscribe(raw->topic_ + "ack", 1);
  return Result<std::unique_ptr<Uplink>>(std::move(uplink));
}

void Uplink::start() {
  subscriber_->start();
  publisher_->start();
}

// Without the second connection acks would pass unheard, and everything would go twice.
bool Uplink::ready() const { return publisher_->connected() && subscriber_->connected(); }

void Uplink::pump(Gateway& gateway, Instant now) {
  std::vector<std::string> acks;
  {
    std::lock_guard lock(mutex_);
    acks.swap(acks_);
  }
  for (const std::string& ack : acks) gateway.on_ack(as_bytes(ack), now);

  const uint32_t connects = connects_.load();
  if (connects != connects_seen_ && ready()) {
    connects_seen_ = connects;
    status_due_ns_ = 0;
    gateway.on_connected(now);
  }
  if (now.mono_ns >= status_due_ns_) {
    if (publisher_->connected()) publisher_->publish(topic_ + "status", gateway.status_json(true, now), 1, true);
    status_due_ns_ = now.mono_ns + config_.status_interval_ms * 1'000'000;
  }
  if (!ready()) return;
  // Said before the window is looked at: a publish that is confirmed in between then wakes the loop once too often, not
  // never.
  window_full_ = true;
  while (const std::optional<Bytes> message = gateway.next_message(now)) {
    if (!publisher_->publish(topic_ + "partials", as_text(*message), 1, false)) {
      gateway.message_not_sent();
      return;
    }
  }
  window_full_ = false;
}

void Uplink::stop(const std::string& offline, int timeout_ms) {
  if (std::exchange(stopped_, true)) return;
  if (!offline.empty() && publisher_) publisher_->publish(topic_ + "status", offline, 1, true);
  if (publisher_) publisher_->stop(timeout_ms);
  if (subscriber_) subscriber_->stop(0);
}

}  // namespace tributary::edge
