// SPDX-License-Identifier: Apache-2.0
// The adapter to Eclipse Paho C++: the only file that includes it. Connecting is done by a thread of the client's own
// and not by Paho's automatic reconnect, which starts only after a first success, has no jitter, and does not subscribe
// again.
#include "common/mqtt/client.h"

#include <mqtt/async_client.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

namespace tributary::mqtt {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kConnectTimeout = 10s;
// A connection that did not last so long does not count as a success: the backoff goes on from where it was.
constexpr auto kStableAfter = 5s;
// So many connections in a row that end within so short a time look like two programs with one client id.
constexpr auto kShortLife = 60s;
constexpr int kTakeoverAfter = 2;

// A ticket packs the connection's generation and the bytes charged for one publish, in units, into the one pointer
// that Paho carries for us; it also fits where a pointer has 32 bits.
constexpr size_t kChargeUnit = 1024;
constexpr unsigned kTicketSizeBits = 12;
constexpr size_t kChargeMax = (1 << kTicketSizeBits) - 1;

size_t charged(size_t bytes) { return std::min((bytes + kChargeUnit - 1) / kChargeUnit, kChargeMax) * kChargeUnit; }

std::string paho_url(const std::string& url) {
  if (url.starts_with("mqtt://")) return "tcp://" + url.substr(7);
  if (url.starts_with("mqtts://")) return "ssl://" + url.substr(8);
  return url;
}

class PahoClient final : public Client, private ::mqtt::iaction_listener {
 public:
  PahoClient(ClientConfig config, Handlers handlers)
      : config_(std::move(config)), handlers_(std::move(handlers)), random_(std::random_device{}()) {}
  ~PahoClient() override { stop(0); }

  // OpenSSL initialises itself at its first use. Done by Paho at its start it costs 2 MB, also where no connection is
  // encrypted.
  static void leave_openssl_alone() {
    static std::once_flag once;
    std::call_once(once, [] {
      MQTTAsync_init_options options = MQTTAsync_init_options_initializer;
      options.do_openssl_init = 0;
      MQTTAsync_global_init(&options);
    });
  }

  // What the constructor cannot do because it may fail.
  Status prepare() {
    leave_openssl_alone();
    try {
      ::mqtt::create_options create;
      create.set_max_buffered_messages(config_.inflight_max + 1);
      paho_ = std::make_unique<::mqtt::async_client>(paho_url(config_.url), config_.client_id, create);
      paho_->set_connection_lost_handler(
          [this](const std::string& why) { lost(why.empty() ? "connection lost" : why); });
      paho_->set_message_callback([this](const ::mqtt::const_message_ptr& message) { received(message); });
      options_.set_mqtt_version(MQTTVERSION_3_1_1);
      options_.set_clean_session(config_.clean_session);
      options_.set_keep_alive_interval(config_.keepalive_s);
      options_.set_connect_timeout(kConnectTimeout);
      options_.set_max_inflight(config_.inflight_max);
      if (!config_.username.empty()) options_.set_user_name(config_.username);
      if (!config_.password.empty()) options_.set_password(config_.password);
      if (!config_.will_topic.empty()) {
        options_.set_will(::mqtt::will_options(config_.will_topic, config_.will_payload.data(),
                                               config_.will_payload.size(), 1, config_.will_retain));
      }
      if (paho_url(config_.url).starts_with("ssl://")) {
        ::mqtt::ssl_options ssl;
        if (!config_.ca_file.empty()) ssl.set_trust_store(config_.ca_file);
        if (!config_.cert_file.empty()) ssl.set_key_store(config_.cert_file);
        if (!config_.key_file.empty()) ssl.set_private_key(config_.key_file);
        ssl.set_enable_server_cert_auth(true);
        ssl.set_verify(true);
        ssl.set_error_handler([this](const std::string& line) {
          std::lock_guard lock(tls_mutex_);
          tls_reason_ = line;
        });
        options_.set_ssl(ssl);
      }
    } catch (const std::exception& error) {
      return Error{ErrorCode::kInvalid, "found MQTT settings that Paho refuses (" + std::string(error.what()) + ")"};
    }
    return {};
  }

  void subscribe(std::string filter, int qos) override { filters_.emplace_back(std::move(filter), qos); }

  void start() override {
    CHECK(!worker_.joinable());
    worker_ = std::thread([this] { run(); });
  }

  bool publish(std::string_view topic, std::string_view payload, int qos, bool retain) override {
    uintptr_t ticket = 0;
    {
      std::lock_guard lock(mutex_);
      const size_t bytes = charged(payload.size());
      const bool fits = inflight_ == 0 || inflight_bytes_ + bytes <= config_.inflight_bytes_max;
      if (!connected_ || inflight_ >= config_.inflight_max || !fits) return false;
      ++inflight_;
      inflight_bytes_ += bytes;
      ticket = generation_ << kTicketSizeBits | bytes / kChargeUnit;
    }
    try {
      // The ticket travels with the publish: a confirmation after a reconnect belongs to no window any more.
      paho_->publish(std::string(topic), payload.data(), payload.size(), qos, retain, reinterpret_cast<void*>(ticket),
                     *this);
      return true;
    } catch (const std::exception&) {
      finished(ticket);
      return false;
    }
  }

  bool connected() const override {
    std::lock_guard lock(mutex_);
    return connected_;
  }

  int inflight() const override {
    std::lock_guard lock(mutex_);
    return inflight_;
  }

  void stop(int timeout_ms) override {
    if (!worker_.joinable()) return;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [this] { return inflight_ == 0 || !connected_; });
      stopping_ = true;
    }
    changed_.notify_all();
    worker_.join();
    try {
      if (paho_->is_connected()) paho_->disconnect(1000)->wait_for(2s);
    } catch (const std::exception&) {
      // The broker will see the connection end without a farewell.
    }
    std::unique_lock lock(mutex_);
    silent_ = true;
    connected_ = false;
    inflight_ = 0;
    inflight_bytes_ = 0;
    ++generation_;
    changed_.wait(lock, [this] { return handlers_running_ == 0; });
  }

 private:
  void on_success(const ::mqtt::token& token) override {
    finished(reinterpret_cast<uintptr_t>(token.get_user_context()));
  }
  void on_failure(const ::mqtt::token& token) override {
    finished(reinterpret_cast<uintptr_t>(token.get_user_context()));
  }

  void finished(uintptr_t ticket) {
    {
      std::lock_guard lock(mutex_);
      if (ticket >> kTicketSizeBits != (generation_ << kTicketSizeBits) >> kTicketSizeBits) return;
      --inflight_;
      inflight_bytes_ -= (ticket & kChargeMax) * kChargeUnit;
    }
    changed_.notify_all();
    tell([this] {
      if (handlers_.on_published) handlers_.on_published();
    });
  }

  // Runs one handler, unless stopped. No lock is held meanwhile: Paho calls with its own lock held, and a handler may
  // publish, which takes that lock.
  template <class Call>
  void tell(const Call& call) {
    {
      std::lock_guard lock(mutex_);
      if (silent_) return;
      ++handlers_running_;
    }
    call();
    bool last = false;
    {
      std::lock_guard lock(mutex_);
      --handlers_running_;
      last = silent_ && handlers_running_ == 0;
    }
    if (last) changed_.notify_all();
  }

  void received(const ::mqtt::const_message_ptr& message) {
    const std::string& topic = message->get_topic();
    const auto& payload = message->get_payload_ref();
    Message seen{topic, {payload.data(), payload.size()}, message->is_retained(), message->get_qos()};
    tell([&] {
      if (handlers_.on_message) handlers_.on_message(seen);
    });
  }

  void lost(std::string why) {
    {
      std::lock_guard lock(mutex_);
      // MQTT 3.1.1 has no word for a session that was taken over: the connection just ends.
      if (short_lived_ >= kTakeoverAfter) {
        why += ", " + std::to_string(short_lived_ + 1) +
               " times in a row within a minute of connecting: does another "
               "program take the session over with the client id \"" +
               config_.client_id + "\"?";
      }
      alive_ = false;
      connected_ = false;
      inflight_ = 0;
      inflight_bytes_ = 0;
      ++generation_;
    }
    changed_.notify_all();
    tell([&] {
      if (handlers_.on_disconnected) handlers_.on_disconnected(why);
    });
  }

  // Waits for a token in slices, so that stop() is seen. Empty: done; otherwise why not.
  std::string await(const ::mqtt::token_ptr& token) {
    try {
      const auto end = Clock::now() + kConnectTimeout + 1s;
      while (!token->wait_for(100ms)) {
        std::lock_guard lock(mutex_);
        if (stopping_) return "stopping";
        if (Clock::now() > end) return "no answer within " + std::to_string((kConnectTimeout + 1s).count()) + " s";
      }
      return {};
    } catch (const std::exception& error) {
      return error.what();
    }
  }

  // What TLS said last of a connection that it refused: Paho's own error is "TCP/TLS connect failure" alone.
  std::string take_tls_reason() {
    std::string text;
    {
      std::lock_guard lock(tls_mutex_);
      text = std::exchange(tls_reason_, {});
    }
    std::erase_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    constexpr size_t kReasonBytesMax = 300;
    return text.substr(0, kReasonBytesMax);
  }

  // Empty: connected and subscribed; otherwise why not.
  std::string connect() {
    try {
      {
        std::lock_guard lock(mutex_);
        alive_ = true;
      }
      (void)take_tls_reason();
      if (std::string why = await(paho_->connect(options_)); !why.empty()) {
        const std::string reason = take_tls_reason();
        return reason.empty() ? why : why + " (TLS: " + reason + ")";
      }
      for (const auto& [filter, qos] : filters_) {
        ::mqtt::token_ptr token = paho_->subscribe(filter, qos);
        if (std::string why = await(token); !why.empty()) return "subscribing to " + filter + ": " + why;
      }
    } catch (const std::exception& error) {
      return error.what();
    }
    std::lock_guard lock(mutex_);
    if (!alive_) return "connection lost while subscribing";
    connected_ = true;
    return {};
  }

  void run() {
    int64_t backoff_ms = config_.reconnect_min_ms;
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      std::string why = connect();
      const auto since = Clock::now();
      if (why.empty()) {
        tell([this] {
          if (handlers_.on_connected) handlers_.on_connected();
        });
      } else {
        give_up(why);
      }
      lock.lock();
      changed_.wait(lock, [this] { return stopping_ || !connected_; });
      if (stopping_) break;
      if (why.empty()) short_lived_ = Clock::now() - since < kShortLife ? short_lived_ + 1 : 0;
      if (why.empty() && Clock::now() - since > kStableAfter) backoff_ms = config_.reconnect_min_ms;
      const int64_t wait_ms =
          backoff_ms / 2 + static_cast<int64_t>(random_() % static_cast<uint64_t>(backoff_ms / 2 + 1));
      backoff_ms = std::min<int64_t>(backoff_ms * 2, config_.reconnect_max_ms);
      changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), [this] { return stopping_; });
    }
  }

  void give_up(const std::string& why) {
    {
      std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    try {
      if (paho_->is_connected()) paho_->disconnect(0)->wait_for(2s);
    } catch (const std::exception&) {
      // What matters is that the next attempt starts from nothing.
    }
    tell([&] {
      if (handlers_.on_disconnected) handlers_.on_disconnected(why);
    });
  }

  const ClientConfig config_;
  const Handlers handlers_;
  std::vector<std::pair<std::string, int>> filters_;
  ::mqtt::connect_options options_;
  std::minstd_rand random_;
  std::thread worker_;

  std::mutex tls_mutex_;
  std::string tls_reason_;

  mutable std::mutex mutex_;  // guards what follows; never held while Paho or a handler is called
  std::condition_variable changed_;
  bool stopping_ = false;
  bool alive_ = false;      // no loss was seen since the last attempt began
  bool connected_ = false;  // and subscribed
  int short_lived_ = 0;     // connections in a row that soon ended
  int inflight_ = 0;
  size_t inflight_bytes_ = 0;
  uintptr_t generation_ = 1;
  bool silent_ = false;  // stopped: no handler runs any more
  int handlers_running_ = 0;

  std::unique_ptr<::mqtt::async_client> paho_;  // last: destroyed first, so that its callbacks find the rest
};

}  // namespace

Result<std::unique_ptr<Client>> Client::make(ClientConfig config, Handlers handlers) {
  const std::string url = paho_url(config.url);
  const bool plain = url.starts_with("tcp://");
  if (!plain && !url.starts_with("ssl://")) {
    return Error{ErrorCode::kInvalid,
                 "found url " + config.url + ", expected tcp://, mqtt://, ssl:// or mqtts://, then host:port"};
  }
  if (url.size() <= 6) return Error{ErrorCode::kInvalid, "found url " + config.url + ", expected a host after it"};
  if (config.client_id.empty()) return Error{ErrorCode::kInvalid, "found no MQTT client id, expected one"};
  if (plain && !(config.ca_file.empty() && config.cert_file.empty() && config.key_file.empty())) {
    return Error{ErrorCode::kInvalid, "found certificate files with " + config.url + ", expected ssl:// or mqtts://"};
  }
  config.inflight_max = std::clamp(config.inflight_max, 1, 65535);
  config.reconnect_min_ms = std::max(config.reconnect_min_ms, 1);
  config.reconnect_max_ms = std::max(config.reconnect_max_ms, config.reconnect_min_ms);
  auto client = std::make_unique<PahoClient>(std::move(config), std::move(handlers));
  if (Status ready = client->prepare(); !ready.ok()) return ready.error();
  return Result<std::unique_ptr<Client>>(std::move(client));
}

}  // namespace tributary::mqtt
