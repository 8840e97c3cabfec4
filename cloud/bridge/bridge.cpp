// SPDX-License-Identifier: Apache-2.0
// The bridge's thread and its connections: see bridge.h.
#include "cloud/bridge/bridge.h"

#include <chrono>
#include <string_view>
#include <utility>

#include "common/runtime/program.h"

namespace tributary::bridge {
namespace {

using namespace std::chrono_literals;

constexpr auto kIdleWait = 1000ms;
constexpr auto kUnsettledWait = 100ms;  // so that a log's short trouble is seen
constexpr auto kBusyWait = 5ms;         // the log's queue was full, or the publish window
constexpr auto kFarewell = 1500ms;      // for the last acks at a stop
constexpr int64_t kOutageLineIntervalNs = 60 * kNanosPerSecond;
// So many messages are taken between looks at what the log has settled: acks must not wait for the input to pause.
constexpr int kMessagesATurn = 64;
constexpr std::string_view kSubscriber = "subscriber";

}  // namespace

Bridge::Bridge(const BridgeConfig& config, log::Writer& writer, Clock clock)
    : config_(config),
      writer_(writer),
      clock_(std::move(clock)),
      core_(config.core),
      watch_(clock_()),
      // One byte beyond what a message may have shows that it was oversized.
      inbox_(std::make_shared<Inbox>(config.queue_messages_max, config.queue_bytes_max, wire::kMessageBytesMax + 1)) {}

Result<std::unique_ptr<Bridge>> Bridge::open(const BridgeConfig& config, log::Writer& writer, Clock clock,
                                             const MakeClient& make_client) {
  auto bridge = std::unique_ptr<Bridge>(new Bridge(config, writer, std::move(clock)));
  Bridge* raw = bridge.get();  // the clients are stopped before it goes

  mqtt::Client::Handlers on_input;
  on_input.on_message = [inbox = bridge->inbox_](const mqtt::Message& message) { inbox->offer(message); };
  on_input.on_connected = [raw] { raw->on_connection("subscriber", true, ""); };
  on_input.on_disconnected = [raw](const std::string& why) { raw->on_connection("subscriber", false, why); };
  auto subscriber = make_client(config.mqtt, std::move(on_input));
  if (!subscriber) return subscriber.error();
  bridge->subscriber_ = std::move(*subscriber);
  bridge->subscriber_->subscribe(filter(Leaf::kPartials, config.share_group), 1);
  // Retained topics are not given to shared subscriptions, and every bridge may tell the same status: it counts once.
  bridge->subscriber_->subscribe(filter(Leaf::kStatus, ""), 1);

  mqtt::ClientConfig publisher_config = config.mqtt;
  publisher_config.client_id += "-acks";
  mqtt::Client::Handlers on_output;
  on_output.on_connected = [raw] { raw->on_connection("publisher", true, ""); };
  on_output.on_disconnected = [raw](const std::string& why) { raw->on_connection("publisher", false, why); };
  on_output.on_published = [inbox = bridge->inbox_] { inbox->nudge(); };
  auto publisher = make_client(publisher_config, std::move(on_output));
  if (!publisher) return publisher.error();
  bridge->publisher_ = std::move(*publisher);
  return bridge;
}

Bridge::~Bridge() { stop(); }

void Bridge::start() {
  CHECK(!thread_.joinable());
  thread_ = std::thread([this] { run(); });
  publisher_->start();
  subscriber_->start();
}

void Bridge::stop() {
  if (thread_.joinable()) {
    subscriber_->stop(0);
    stopping_ = true;
    inbox_->nudge();
    thread_.join();
  }
  if (publisher_) publisher_->stop(1000);
}

BridgeStats Bridge::stats() const {
  BridgeStats stats;
  {
    std::lock_guard lock(counters_mutex_);
    stats.core = counters_;
  }
  stats.inbox = inbox_->stats();
  stats.subscriber_connected = subscriber_->connected();
  stats.publisher_connected = publisher_->connected();
  return stats;
}

void Bridge::run() {
  while (!stopping_) {
    const bool acks_wait = core_.counters().acks_waiting > 0 && publisher_->connected();
    const auto idle_wait = core_.counters().unsettled_appends > 0 || core_.statuses_wait() ? kUnsettledWait : kIdleWait;
    inbox_->wait(acks_wait || stalled_ ? kBusyWait : idle_wait, !stalled_);
    turn();
  }
  finish();
}

void Bridge::turn() {
  for (int i = 0; i < kMessagesATurn && append_next(); ++i) {
  }
  // What the log settles together comes a moment apart: taking messages first lets more of it share an ack.
  for (const SettledAppend& settled : inbox_->take_settled()) core_.on_appended(settled.token, settled.durable);
  watch();
  publish_acks();
  std::lock_guard lock(counters_mutex_);
  counters_ = core_.counters();
}

void Bridge::watch() {
  const InboxStats inbox = inbox_->stats();
  const CoreCounters& core = core_.counters();
  for (const runtime::Recovery& one :
       watch_.look({.broker_connected = subscriber_->connected() && publisher_->connected(),
       .log_trouble = writer_.trouble(),
       .dropped_total = inbox.dropped_total,
       .waiting_messages = inbox.messages + core.unsettled_appends + (stalled_ ? 1 : 0),
       .acks_waiting = core.acks_waiting},
                   clock_())) {
    recoveries_.note(one);
  }
}

// False: nothing was there, or the log takes no more at present.
bool Bridge::append_next() {
  if (!stalled_) {
    stalled_ = core_.due_status(clock_());
    if (!stalled_) {
      auto message = inbox_->take_message();
      if (!message) return false;
      Core::Effects effects = core_.on_message({message->topic, message->payload, message->retained}, clock_());
      if (!effects.warning.empty()) runtime::log_warn(effects.warning);
      stalled_ = std::move(effects.append);
    }
    if (!stalled_) return true;
  } else {
    stalled_->record.append_ns = clock_().wall_ns;  // it may have waited longer than the log keeps records
  }
  const uint64_t token = stalled_->token;
  Status taken = writer_.append(stalled_->record,
                                [inbox = inbox_, token](const Status& status) { inbox->settled(token, status.ok()); });
  // While the log's queue is full this record waits here, and the messages behind it in the inbox.
  if (!taken && taken.error().code == ErrorCode::kBusy) return false;
  if (!taken) {
    runtime::log_error("the log refused a record: " + taken.error().message);
    core_.on_appended(token, false);
  }
  stalled_.reset();
  return true;
}

// False: some are still due.
bool Bridge::publish_acks() {
  while (auto ack = core_.next_ack()) {
    if (!publisher_->publish(ack->topic, ack->payload, 1, false)) return false;
    core_.ack_published();
  }
  return true;
}

void Bridge::finish() {
  while ((stalled_ || inbox_->stats().messages > 0) && writer_.trouble().empty()) {
    turn();
    if (stalled_) inbox_->wait(kBusyWait, false);
  }
  writer_.flush();
  const auto deadline = std::chrono::steady_clock::now() + kFarewell;
  turn();
  while (core_.counters().acks_waiting > 0 && publisher_->connected() && std::chrono::steady_clock::now() < deadline) {
    inbox_->wait(kBusyWait, false);
    turn();
  }
}

void Bridge::on_connection(const char* which, bool up, const std::string& why) {
  // Trying again is said now and then, not at every attempt.
  std::string line;
  {
    std::lock_guard lock(outage_mutex_);
    Outage& outage = which == kSubscriber ? subscriber_outage_ : publisher_outage_;
    const int64_t now_ns = clock_().mono_ns;
    if (up) {
      line = std::string("broker connected (") + which + ")";
      outage.told = false;
    } else if (!outage.told || now_ns - outage.told_mono_ns >= kOutageLineIntervalNs) {
      line = std::string("broker away (") + which + "): " + why + "; trying again";
      outage = {true, now_ns};
    }
  }
  if (!line.empty()) up ? runtime::log_info(line) : runtime::log_warn(line);
  inbox_->nudge();
}

}  // namespace tributary::bridge
