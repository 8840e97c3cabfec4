// SPDX-License-Identifier: Apache-2.0
// LINK: tributary_edge_gateway tributary_edge_config tributary_edge_run tributary_mqtt paho-mqttpp3
// Intake of the edge beside a bare Paho subscriber that only counts, in the same run, in turn: JSON of two readings
// from 100 devices over a real Mosquitto. Then the resident memory of the program itself with 1,000 series. The edge
// runs its own loop, gateway, outbox and uplink; only the count that ends a run is the benchmark's.
#include <mqtt/async_client.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <vector>

#include "common/runtime/program.h"
#include "edge/config.h"
#include "edge/run/loop.h"
#include "tests/support/broker.h"
#include "tests/support/mqtt_publisher.h"

namespace {

using namespace tributary;
using Clock = std::chrono::steady_clock;

double cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Time and CPU from the first to the last of so many messages.
class Meter {
 public:
  explicit Meter(int64_t expected) : expected_(expected) {}
  // True at the last.
  bool count() {
    if (seen_++ == 0) {
      began_ = Clock::now();
      cpu_ = cpu_s();
    }
    if (seen_ != expected_) return false;
    std::printf("done %.6f %.6f\n", std::chrono::duration<double>(Clock::now() - began_).count(), cpu_s() - cpu_);
    std::fflush(stdout);
    return true;
  }

 private:
  const int64_t expected_;
  int64_t seen_ = 0;
  Clock::time_point began_;
  double cpu_ = 0;
};

// What every subscriber must pay: receive and count.
int run_bare(const std::string& url, int64_t messages, int qos) {
  std::atomic<bool> done{false};
  Meter meter(messages);
  ::mqtt::async_client client(url, "bare");
  client.set_message_callback([&](const ::mqtt::const_message_ptr&) {
    if (meter.count()) done = true;
  });
  client.connect()->wait();
  client.subscribe("sensors/+", qos)->wait();
  std::puts("ready");
  std::fflush(stdout);
  while (!done) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return 0;
}

// The gateway with a count of what it accepts.
class CountingGateway final : public edge::Gateway {
 public:
  CountingGateway(edge::Gateway& inner, int64_t readings, runtime::EventLoop& events)
      : inner_(inner), meter_(readings), events_(events) {}
  const edge::RecoveryReport& recovery() const override { return inner_.recovery(); }
  bool accept(std::string_view device, std::string_view metric, std::optional<int64_t> time_ns, double value,
              Instant now) override {
    const bool accepted = inner_.accept(device, metric, time_ns, value, now);
    if (accepted && meter_.count()) events_.stop();
    return accepted;
  }
  void count_rejected(std::string_view reason, uint64_t count) override { inner_.count_rejected(reason, count); }
  Status tick(Instant now) override { return inner_.tick(now); }
  std::optional<Bytes> next_message(Instant now) override { return inner_.next_message(now); }
  void message_not_sent() override { inner_.message_not_sent(); }
  void on_connected(Instant now) override {
    inner_.on_connected(now);
    std::puts("ready");
    std::fflush(stdout);
  }
  void on_clock_synchronised() override { inner_.on_clock_synchronised(); }
  bool clock_set() const override { return inner_.clock_set(); }
  void on_ack(Bytes payload, Instant now) override { inner_.on_ack(payload, now); }
  edge::GatewayStats stats() const override { return inner_.stats(); }
  edge::GatewayProgress progress() const override { return inner_.progress(); }
  std::string status_json(bool online, Instant now) const override { return inner_.status_json(online, now); }
  Status close(Instant now) override { return inner_.close(now); }

 private:
  edge::Gateway& inner_;
  Meter meter_;
  runtime::EventLoop& events_;
};

std::string edge_toml(const std::string& url, const std::string& dir, int qos) {
  return "tenant = \"bench\"\ngateway = \"edge\"\nstate_dir = \"" + dir + "/state\"\n[uplink]\nurl = \"" + url +
         "\"\n[[source.mqtt]]\nurl = \"" + url + "\"\nqos = " + std::to_string(qos) + "\n";
}

int run_edge(const std::string& url, int64_t messages, int qos) {
  test::TempDir dir;
  Result<edge::EdgeConfig> config = edge::parse_config(edge_toml(url, dir.path(), qos), "bench");
  CHECK(config.ok());
  Result<std::unique_ptr<edge::Gateway>> gateway =
      edge::Gateway::open(config->gateway, runtime::random_bits, runtime::now());
  CHECK(gateway.ok());
  runtime::EventLoop events;
  CountingGateway counting(**gateway, 2 * messages, events);
  runtime::Wakeup wakeup(events);
  const auto wake = [&wakeup] { wakeup.wake(); };
  auto uplink = std::move(edge::Uplink::make(config->uplink, "{}", wake).value());
  std::vector<std::unique_ptr<edge::Source>> sources;
  sources.push_back(std::move(edge::MqttSource::make(config->mqtt_sources.front(), wake).value()));
  runtime::Recoveries recoveries(edge::recovery_kinds());
  edge::Loop loop(counting, *uplink, sources, events, wakeup, recoveries);
  loop.run();
  CHECK(loop.finish(0).ok());
  return 0;
}

std::string sample(int64_t number, int devices, int qos) {
  char topic[32], payload[96];
  std::snprintf(topic, sizeof topic, "sensors/device%03d", static_cast<int>(number % devices));
  std::snprintf(payload, sizeof payload, "{\"temperature\":%.2f,\"humidity\":%.1f}",
                15 + static_cast<double>(number * 7919 % 1000) / 100,
                30 + static_cast<double>(number * 104729 % 500) / 10);
  return test::MqttPublisher::packet(topic, payload, qos, static_cast<uint16_t>(1 + number % 65'535));
}

// rate: messages a second; 0: as fast as the broker takes them.
void publish(int port, int64_t messages, int64_t rate, int devices, int qos) {
  test::MqttPublisher publisher(port);
  if (qos > 0) publisher.discard_acks();
  const auto began = Clock::now();
  std::string buffer;
  for (int64_t i = 0; i < messages; ++i) {
    buffer += sample(i, devices, qos);
    if (rate > 0) std::this_thread::sleep_until(began + std::chrono::nanoseconds(i * 1'000'000'000 / rate));
    if (rate > 0 || buffer.size() > 32'000 || i + 1 == messages) {
      publisher.write_all(buffer);
      buffer.clear();
    }
  }
}

struct Run {
  double seconds = 0, cpu_seconds = 0;
};

std::string self_path() { return std::filesystem::read_symlink("/proc/self/exe"); }

// Starts this program as one of the two subscribers and feeds it.
Run measure(const char* role, int64_t messages, int64_t rate, int qos) {
  test::Broker broker("allow_anonymous true\nmax_inflight_messages 100\n");
  const std::string command =
      self_path() + " " + role + " " + broker.url() + " " + std::to_string(messages) + " " + std::to_string(qos);
  FILE* child = popen(command.c_str(), "r");
  CHECK(child != nullptr);
  char line[256];
  Run run;
  while (std::fgets(line, sizeof line, child) != nullptr) {
    if (std::strcmp(line, "ready\n") == 0) {
      // The source of the edge may subscribe a moment after its uplink is ready.
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      publish(broker.port(), messages, rate, 100, qos);
    }
    if (std::sscanf(line, "done %lf %lf", &run.seconds, &run.cpu_seconds) == 2) break;
  }
  pclose(child);
  CHECK(run.seconds > 0);
  return run;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void compare(const char* name, int rounds, int64_t messages, int64_t rate, int qos) {
  std::vector<double> bare_rate, edge_rate, bare_cpu, edge_cpu, ratio;
  for (int i = 0; i < rounds; ++i) {
    const Run bare = measure("--bare", messages, rate, qos);
    const Run edge = measure("--edge", messages, rate, qos);
    const double readings = 2.0 * static_cast<double>(messages);
    bare_rate.push_back(readings / bare.seconds);
    edge_rate.push_back(readings / edge.seconds);
    bare_cpu.push_back(bare.cpu_seconds / readings * 1e6);
    edge_cpu.push_back(edge.cpu_seconds / readings * 1e6);
    ratio.push_back(bare.seconds / edge.seconds);
  }
  std::printf(
      "BENCH %s ratio=%.2f readings_per_s=%.0f baseline_readings_per_s=%.0f cpu_s_per_million=%.2f "
      "baseline_cpu_s_per_million=%.2f\n",
      name, median(ratio), median(edge_rate), median(bare_rate), median(edge_cpu), median(bare_cpu));
  std::fflush(stdout);
}

// Kilobytes of a field of /proc/PID/status.
long status_kb(pid_t pid, const std::string& field) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(field + ":")) return std::stol(line.substr(field.size() + 1));
  }
  return 0;
}

// The real program, 500 devices of two metrics, until the first windows are in the outbox.
void measure_memory(int seconds) {
  test::Broker broker;
  test::TempDir dir;
  const std::string config = dir.write("edge.toml", edge_toml(broker.url(), dir.path(), 1));
  const std::string program = std::filesystem::path(self_path()).parent_path() / "tributary-edge";
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    setenv("TRIBUTARY_LOG", "error", 1);
    execl(program.c_str(), "tributary-edge", "--config", config.c_str(), nullptr);
    _exit(127);
  }
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const double started = static_cast<double>(status_kb(pid, "VmRSS")) / 1024;
  publish(broker.port(), int64_t{1000} * seconds, 1000, 500, 0);
  auto mb = [&](const char* field) { return static_cast<double>(status_kb(pid, field)) / 1024; };
  std::printf(
      "BENCH edge_rss_1000_series mb=%.1f peak_mb=%.1f anonymous_mb=%.1f file_mb=%.1f start_mb=%.1f threads=%ld\n",
      mb("VmRSS"), mb("VmHWM"), mb("RssAnon"), mb("RssFile"), started, status_kb(pid, "Threads"));
  std::fflush(stdout);
  ::kill(pid, SIGTERM);
  int status = 0;
  waitpid(pid, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::strcmp(argv[1], "--bare") == 0)
    return run_bare(argv[2], std::stoll(argv[3]), std::stoi(argv[4]));
  if (argc == 5 && std::strcmp(argv[1], "--edge") == 0) {
    runtime::start_logging("edge_bench");
    return run_edge(argv[2], std::stoll(argv[3]), std::stoi(argv[4]));
  }
  signal(SIGPIPE, SIG_IGN);
  setenv("TRIBUTARY_LOG", "error", 1);
  compare("edge_intake_vs_paho", 5, 100'000, 0, 0);
  compare("edge_intake_vs_paho_qos1", 3, 50'000, 0, 1);
  compare("edge_intake_vs_paho_5000_messages_per_s", 1, 25'000, 5000, 0);
  compare("edge_intake_vs_paho_1000_messages_per_s", 1, 8'000, 1000, 0);
  measure_memory(20);
  return 0;
}
