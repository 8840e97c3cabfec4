// SPDX-License-Identifier: Apache-2.0
// An MQTT client over Eclipse Paho C++ (3.1.1, QoS 0 and 1): connects and reconnects by itself with backoff and jitter,
// subscribes again at every connect, never throws, never waits for the broker in publish.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/runtime/result.h"

namespace tributary::mqtt {

struct ClientConfig {
  std::string url = "tcp://127.0.0.1:1883";  // or ssl://host:8883
  std::string client_id;
  std::string username;
  std::string password;  // from a file or the environment; never logged
  std::string ca_file, cert_file, key_file;
  int keepalive_s = 30;
  bool clean_session = true;
  int reconnect_min_ms = 200;
  int reconnect_max_ms = 10000;
  // Publishes in flight at once: at or below the broker's receive maximum (Mosquitto: 20 by default). Their payloads
  // together stay below inflight_bytes_max (above 1 MB Paho stalls for a second); one publish is always possible.
  int inflight_max = 20;
  size_t inflight_bytes_max = 900'000;
  std::string will_topic, will_payload;  // empty: no will
  bool will_retain = true;
};

struct Message {
  std::string_view topic;
  std::string_view payload;
  bool retained = false;
  int qos = 0;
};

class Client {
 public:
  // Handlers run on Paho's thread or the client's own: they must be short, must not wait, must not throw, and must not
  // call back into the Client except publish(). While on_message runs, no client of this process receives anything, and
  // Paho 1.3.12 sometimes calls it with its one lock held: a publish anywhere in the process then waits for the
  // handler. So nothing that a handler locks may be locked while publishing. None runs after stop().
  struct Handlers {
    std::function<void(const Message&)> on_message;
    std::function<void()> on_connected;  // after all subscriptions were confirmed
    // The connection was lost, or could not be made (again for each attempt).
    std::function<void(const std::string& why)> on_disconnected;
    std::function<void()> on_published;  // a publish in flight was confirmed (QoS 1) or written (QoS 0)
  };
  // url may begin with tcp://, mqtt://, ssl:// or mqtts://. kInvalid says what is wrong with config.
  static Result<std::unique_ptr<Client>> make(ClientConfig config, Handlers handlers);
  virtual ~Client() = default;
  // Before start(). A filter may be $share/group/…
  virtual void subscribe(std::string filter, int qos) = 0;
  // Begins connecting, in the background, until stop().
  virtual void start() = 0;
  // Publishes if connected and the window has room; false otherwise (nothing is queued: the caller
  // has it).
  virtual bool publish(std::string_view topic, std::string_view payload, int qos, bool retain) = 0;
  virtual bool connected() const = 0;
  virtual int inflight() const = 0;
  // Waits up to timeout_ms for publishes in flight, then disconnects cleanly (no will is sent).
  virtual void stop(int timeout_ms) = 0;
};

}  // namespace tributary::mqtt
