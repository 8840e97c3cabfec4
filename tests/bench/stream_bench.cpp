// SPDX-License-Identifier: Apache-2.0
// LINK: tributary_http tributary_merge tributary_runtime nlohmann_json::nlohmann_json GTest::gtest
// From a gateway's message, published when its windows have closed, to the event in a browser's stream, over the whole
// real way: Mosquitto, bridge, Kafka, aggregator, HTTP; the programs themselves, 1,000 partials a second.
#include <httplib.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "common/runtime/program.h"
#include "tests/bench/fleet.h"
#include "tests/bench/program.h"
#include "tests/support/broker.h"
#include "tests/support/kafka.h"
#include "tests/support/mqtt_publisher.h"

namespace tributary {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kGateways = 10, kDevices = 5, kMetrics = 4;  // 20 partials a message
constexpr int kMessagesPerSecond = 50, kSeconds = 12, kWarmUpSeconds = 2;

// When each window of each device was published, and how long it took to the stream.
class Watch {
 public:
  void sent(int gateway, int64_t start_s) {
    std::lock_guard lock(mutex_);
    for (int device = 0; device < kDevices; ++device)
      sent_[{bench::Fleet::device(gateway, device), start_s}] = Clock::now();
  }
  // One metric of every device is watched, as a page would.
  void row(const std::string& device, int64_t start_s) {
    std::lock_guard lock(mutex_);
    const auto found = sent_.find({device, start_s});
    if (found == sent_.end()) return;
    took_ms_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - found->second).count());
    sent_.erase(found);
  }
  void forget() {
    std::lock_guard lock(mutex_);
    sent_.clear();
    took_ms_.clear();
  }
  size_t waiting() const {
    std::lock_guard lock(mutex_);
    return sent_.size();
  }
  std::vector<double> took_ms() const {
    std::lock_guard lock(mutex_);
    return took_ms_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int64_t>, Clock::time_point> sent_;
  std::vector<double> took_ms_;
};

int64_t seconds_of(const std::string& text) {  // RFC 3339, whole seconds, UTC
  std::tm time{};
  CHECK(strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &time) != nullptr);
  return timegm(&time);
}

void read_events(int port, const std::string& key, Watch& watch, std::atomic<bool>& open,
                 const std::atomic<bool>& done) {
  httplib::Client client("127.0.0.1", port);
  client.set_read_timeout(30);
  std::string text;
  client.Get("/api/v1/stream?metric=metric_0", {{"X-API-Key", key}}, [&](const char* data, size_t size) {
    text.append(data, size);
    for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      const std::string line = text.substr(0, end);
      if (line.starts_with("event: hello")) open = true;
      if (!line.starts_with("data: ")) continue;
      const auto event = nlohmann::json::parse(line.substr(6));
      if (!event.contains("rows")) continue;
      for (const auto& row : event["rows"]) {
        if (row["width"] == bench::kWindow) watch.row(row["device"], seconds_of(row["start"]));
      }
    }
    return !done.load();
  });
}

void measure() {
  const test::TempDir folder;
  const test::KafkaBroker kafka;
  const test::Broker broker("allow_anonymous true\nmax_inflight_messages 200\n");
  const std::string keys = folder.file("keys.json"), key = bench::make_key(keys);
  const std::string common =
      "[log]\nurl = \"kafka://" + kafka.address() + "\"\n[http]\nport = 0\n[keys]\nfile = \"" + keys + "\"\n";
  const std::string bridge_toml =
      folder.write("bridge.toml", "[mqtt]\nurl = \"" + broker.url() + "\"\nclient_id = \"bridge\"\n" + common);
  const std::string aggregator_toml =
      folder.write("aggregator.toml", "[state]\ndir = \"" + folder.file("state") + "\"\n" + common);
  const bench::Program bridge("tributary-bridge", bridge_toml, folder.file("bridge.log"));
  const bench::Program aggregator("tributary-aggregator", aggregator_toml, folder.file("aggregator.log"));

  Watch watch;
  std::atomic<bool> open{false}, done{false};
  std::thread reader([&] { read_events(aggregator.port(), key, watch, open, done); });
  CHECK(test::eventually([&] { return open.load(); }));
  // Windows follow one another fifty times as fast as in life, and end before now.
  const int64_t messages = int64_t{kMessagesPerSecond} * (kWarmUpSeconds + kSeconds);
  const int64_t now_s = runtime::now().wall_ns / kNanosPerSecond;
  bench::Fleet fleet(kGateways, kDevices, kMetrics, now_s / 60 * 60 - messages / kGateways * bench::kWindow);
  test::MqttPublisher gateway(broker.port());
  gateway.discard_acks();
  const auto begin = Clock::now();
  for (int64_t i = 0; i < messages; ++i) {
    const bench::Fleet::Message message = fleet.next();
    const std::string packet =
        test::MqttPublisher::packet(message.topic, message.payload, 1, static_cast<uint16_t>(1 + i));
    std::this_thread::sleep_until(begin + std::chrono::milliseconds(1000 * i / kMessagesPerSecond));
    if (i == kMessagesPerSecond * kWarmUpSeconds) watch.forget();
    watch.sent(static_cast<int>(i % kGateways), message.start_s);
    gateway.write_all(packet);
  }
  CHECK(test::eventually([&] { return watch.waiting() == 0; }));
  done = true;  // the comment that keeps a quiet stream open, or the end of the server, ends the reader

  std::vector<double> took = watch.took_ms();
  CHECK(!took.empty());
  std::sort(took.begin(), took.end());
  const auto quantile = [&](double q) { return took[static_cast<size_t>(q * static_cast<double>(took.size() - 1))]; };
  std::printf("BENCH window_to_stream p95_ms=%.1f p50_ms=%.1f p99_ms=%.1f max_ms=%.1f rows=%zu partials_per_s=%d\n",
              quantile(0.95), quantile(0.5), quantile(0.99), took.back(), took.size(),
              kMessagesPerSecond * kDevices * kMetrics);
  std::fflush(stdout);
  // One more message is one more event.
  gateway.write_all([&] {
    const bench::Fleet::Message last = fleet.next();
    return test::MqttPublisher::packet(last.topic, last.payload, 1, 60'000);
  }());
  reader.join();
}

}  // namespace
}  // namespace tributary

int main() {
  signal(SIGPIPE, SIG_IGN);
  tributary::measure();
  return 0;
}
