// SPDX-License-Identifier: Apache-2.0
// LINK: tributary_http tributary_log tributary_merge tributary_runtime nlohmann_json::nlohmann_json GTest::gtest
// The read API under load: 50 keep-alive clients that each ask /kpi of one device after another, beside the same
// clients asking the smallest static reply (/health) of the same server in the same run; then 1,000 live streams that
// all get events, with what the server's memory grows by. The program itself, with 300 series of half an hour behind
// it and new windows coming all the time. Rounds alternate; ratio = static rate / kpi rate, latencies of all rounds.
#include <arpa/inet.h>
#include <httplib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "cloud/log/log.h"
#include "common/runtime/program.h"
#include "tests/bench/fleet.h"
#include "tests/bench/program.h"
#include "tests/support/temp_dir.h"

namespace tributary {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kGateways = 10, kDevices = 15, kMetrics = 2;  // 300 series
constexpr int kRoundsBehind = 180;                          // half an hour
constexpr auto kMessageInterval = std::chrono::milliseconds(100);
constexpr size_t kClients = 50, kStreams = 1'000;
constexpr int kRounds = 5;
constexpr auto kRoundTime = std::chrono::milliseconds(500);
constexpr size_t kEventsOfEach = 3;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// Nonblocking sockets to the server, all on one epoll.
class Clients {
 public:
  Clients(int port, size_t count) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < count; ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      CHECK(fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0);
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      CHECK(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
      fds_.push_back(fd);
    }
  }
  ~Clients() {
    for (int fd : fds_) ::close(fd);
    ::close(epoll_);
  }
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  size_t size() const { return fds_.size(); }
  void send(size_t client, const std::string& bytes) const {
    CHECK(::send(fds_[client], bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
  }
  // Gives what has come, for up to 100 ms if nothing has.
  void receive(const std::function<void(size_t client, std::string_view bytes)>& take) {
    epoll_event events[64];
    const int count = epoll_wait(epoll_, events, 64, 100);
    for (int i = 0; i < count; ++i) {
      const size_t client = events[i].data.u64;
      const ssize_t got = ::recv(fds_[client], buffer_.data(), buffer_.size(), MSG_DONTWAIT);
      CHECK(got > 0);  // the server keeps every connection
      take(client, std::string_view(buffer_.data(), static_cast<size_t>(got)));
    }
  }

 private:
  const int epoll_;
  std::vector<int> fds_;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
};

// One answer at the front of bytes: its size, or 0 if it has not come whole. Anything but a 200 stops the program.
size_t whole_answer(std::string_view bytes) {
  const size_t head_end = bytes.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return 0;
  CHECK(bytes.starts_with("HTTP/1.1 200 "));
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  const size_t at = bytes.find(kLength);
  CHECK(at < head_end);
  const size_t size = head_end + 4 + std::strtoull(bytes.data() + at + kLength.size(), nullptr, 10);
  return bytes.size() >= size ? size : 0;
}

// What a kind of request got over all rounds.
struct Load {
  const char* name;
  std::vector<std::string> requests;  // asked in turn
  std::string must_hold;              // in every answer
  std::vector<double> took_ms, rates;
  double cpu_s = 0;  // of the server
  size_t turn = 0;
};

double cpu_s_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(in, line);
  std::istringstream fields(line.substr(line.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, kernel = 0;
  fields >> user >> kernel;
  return (user + kernel) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// Every client asks, waits for the answer, and asks again.
void run_round(Clients& clients, pid_t server, Load& load) {
  const double cpu_s = cpu_s_of(server);
  std::vector<std::string> in(clients.size());
  std::vector<Clock::time_point> asked(clients.size());
  auto ask = [&](size_t client) {
    asked[client] = Clock::now();
    clients.send(client, load.requests[load.turn++ % load.requests.size()]);
  };
  const auto begin = Clock::now();
  size_t answers = 0, waiting = clients.size();
  for (size_t i = 0; i < clients.size(); ++i) ask(i);
  while (waiting > 0) {
    clients.receive([&](size_t client, std::string_view bytes) {
      in[client] += bytes;
      const size_t size = whole_answer(in[client]);
      if (size == 0) return;
      CHECK(size == in[client].size() && in[client].find(load.must_hold) != std::string::npos);
      in[client].clear();
      load.took_ms.push_back(ms_since(asked[client]));
      ++answers;
      if (Clock::now() - begin < kRoundTime) return ask(client);
      --waiting;
    });
  }
  load.rates.push_back(static_cast<double>(answers) / ms_since(begin) * 1e3);
  load.cpu_s += cpu_s_of(server) - cpu_s;
}

double quantile(std::vector<double>& values, double q) {
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1))];
}

struct Memory {
  double resident_mb = 0, own_mb = 0;  // with and without mapped files
};
Memory memory_of(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  Memory memory;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("VmRSS:")) memory.resident_mb = std::atof(line.c_str() + 6) / 1024;
    if (line.starts_with("RssAnon:")) memory.own_mb = std::atof(line.c_str() + 8) / 1024;
  }
  return memory;
}

// Puts messages of the fleet into the log, as a bridge does.
class Source {
 public:
  explicit Source(const std::string& url)
      : fleet_(kGateways, kDevices, kMetrics,
               runtime::now().wall_ns / kNanosPerSecond / 60 * 60 - kRoundsBehind * bench::kWindow) {
    auto writer = log::open_writer({.url = url});
    CHECK(writer.ok());
    writer_ = std::move(writer).value();
  }
  ~Source() { stop(); }
  void add() {
    bench::Fleet::Message message = fleet_.next();
    log::Record record;
    record.tenant = "demo";
    record.gateway = message.gateway;
    record.append_ns = runtime::now().wall_ns;
    record.payload = std::move(message.payload);
    while (!writer_->append(record, [](const Status& stored) { CHECK(stored.ok()); }).ok())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ++added_;
  }
  void flush() { writer_->flush(); }
  uint64_t added() const { return added_; }
  void start() {
    thread_ = std::thread([this] {
      for (auto next = Clock::now(); !done_; next += kMessageInterval) {
        std::this_thread::sleep_until(next);
        add();
      }
    });
  }
  void stop() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  bench::Fleet fleet_;
  std::unique_ptr<log::Writer> writer_;
  std::atomic<uint64_t> added_{0};
  std::atomic<bool> done_{false};
  std::thread thread_;
};

std::string get(const std::string& target, const std::string& key) {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nX-API-Key: " + key + "\r\n\r\n";
}

uint64_t position_of(int port) {
  const auto answer = httplib::Client("127.0.0.1", port).Get("/metrics");
  CHECK(answer && answer->status == 200);
  const size_t at = answer->body.find("\ntributary_aggregator_position{");
  return at == std::string::npos ? 0 : std::strtoull(&answer->body[answer->body.find(' ', at)], nullptr, 10);
}

void measure_kpi(int port, const std::string& key, pid_t pid) {
  Load fixed{.name = "static", .requests = {get("/health", key)}, .must_hold = "\"ok\""};
  Load device{.name = "kpi", .must_hold = "\"completeness\":"}, fleet{.name = "kpi_fleet", .must_hold = "\"p99\":"};
  for (int gateway = 0; gateway < kGateways; ++gateway) {
    for (int one = 0; one < kDevices; ++one) {
      for (int metric = 0; metric < kMetrics; ++metric) {
        device.requests.push_back(get(
            "/kpi?window=1m&metric=" + bench::Fleet::metric(metric) + "&source=" + bench::Fleet::device(gateway, one),
            key));
      }
    }
  }
  for (int metric = 0; metric < kMetrics; ++metric)
    fleet.requests.push_back(get("/api/v1/kpi?window=1m&metric=" + bench::Fleet::metric(metric), key));
  Clients clients(port, kClients);
  for (Load* load : {&fixed, &device, &fleet}) run_round(clients, pid, *load);  // warm
  for (Load* load : {&fixed, &device, &fleet}) load->took_ms.clear(), load->rates.clear(), load->cpu_s = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (Load* load : {&fixed, &device, &fleet}) run_round(clients, pid, *load);
  }
  auto print = [](const char* name, Load& load) {
    std::printf("BENCH %s p99_ms=%.2f p50_ms=%.2f rate=%.0f/s server_cpu_us=%.0f answers=%zu\n", name,
                quantile(load.took_ms, 0.99), quantile(load.took_ms, 0.5), quantile(load.rates, 0.5),
                load.cpu_s * 1e6 / static_cast<double>(load.took_ms.size()), load.took_ms.size());
  };
  const double fixed_rate = quantile(fixed.rates, 0.5);
  std::printf("BENCH api_kpi_vs_static ratio=%.2f rate=%.0f/s baseline_rate=%.0f/s fleet_ratio=%.2f\n",
              fixed_rate / quantile(device.rates, 0.5), quantile(device.rates, 0.5), fixed_rate,
              fixed_rate / quantile(fleet.rates, 0.5));
  print("api_kpi", device);
  print("api_kpi_fleet", fleet);
  print("api_static", fixed);
}

void measure_streams(int port, const std::string& key, pid_t pid) {
  const Memory before = memory_of(pid);
  Clients clients(port, kStreams);
  std::vector<size_t> events(kStreams, 0);
  std::vector<std::string> tail(kStreams);
  const auto begin = Clock::now();
  for (size_t i = 0; i < kStreams; ++i) {
    // Half of them look at a metric, half at one device, as pages do.
    const std::string device =
        i % 2 == 0 ? "" : "&device=" + bench::Fleet::device(static_cast<int>(i / 2 % kGateways), 0);
    clients.send(
        i, get("/api/v1/stream?metric=" + bench::Fleet::metric(static_cast<int>(i / 2 % kMetrics)) + device, key));
  }
  size_t served = 0, all_events = 0;
  double bytes_mb = 0;
  while (served < kStreams) {
    CHECK(ms_since(begin) < 60'000);
    clients.receive([&](size_t client, std::string_view bytes) {
      bytes_mb += static_cast<double>(bytes.size()) / 1e6;
      std::string& text = tail[client].append(bytes);
      constexpr std::string_view kEvent = "event: windows\n";
      size_t at = 0;
      for (size_t found; (found = text.find(kEvent, at)) != std::string::npos; at = found + kEvent.size()) {
        ++all_events;
        if (++events[client] == kEventsOfEach) ++served;
      }
      text.erase(0, std::max(at, text.size() - std::min(text.size(), kEvent.size() - 1)));
    });
  }
  const Memory after = memory_of(pid);
  // own: without the pages of files, which the kernel may take back.
  std::printf(
      "BENCH streams_1000 mb=%.1f own_mb=%.1f before_mb=%.1f own_in_all_mb=%.1f events=%zu seconds=%.1f sent_mb=%.1f\n",
      after.resident_mb - before.resident_mb, after.own_mb - before.own_mb, before.resident_mb, after.own_mb,
      all_events, ms_since(begin) / 1e3, bytes_mb);
}

// Everything of a fleet of ten thousand gateways, as the Fleet view asks for it.
void measure_devices() {
  constexpr int kMany = 10'000;
  const test::TempDir folder;
  const std::string keys = folder.file("keys.json"), key = bench::make_key(keys), url = "lmdb://" + folder.file("log");
  const int64_t now_ns = runtime::now().wall_ns;
  {
    auto writer = log::open_writer({.url = url});
    CHECK(writer.ok());
    bench::Fleet fleet(kMany, 1, 1, now_ns / kNanosPerSecond / 60 * 60 - 60);
    auto append = [&](log::RecordKind kind, const std::string& gateway, std::string payload) {
      log::Record record{
          .kind = kind, .tenant = "demo", .gateway = gateway, .append_ns = now_ns, .payload = std::move(payload)};
      while (!(*writer)->append(record, [](const Status& stored) { CHECK(stored.ok()); }).ok())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    };
    const std::string status =
        R"({"state":"online","version":"0.1.0","started":"2026-01-01T00:00:00Z","clock":"synchronised","outbox":{"budget":67108864,)"
        R"("used":1048576,"flight":{"partials":3,"bytes":512},"waiting":{"10":{"partials":12,"oldest":"2026-01-01T00:00:00Z"},)"
        R"("60":{"partials":0},"900":{"partials":0},"3600":{"partials":0},"86400":{"partials":0}}},"series":12,"series_max":10000,)"
        R"("counters":{"readings":123456,"rejected":{"not_a_number":3,"future":1},"late":2,"partials":34567,"messages":4567,)"
        R"("acks":4560,"reconnects":2,"coarsened":0,"lost":0},"sources":[{"name":"mqtt","connected":true,"messages":123456}]})";
    for (int i = 0; i < kMany; ++i) {
      bench::Fleet::Message message = fleet.next();
      append(log::RecordKind::kStatus, message.gateway, status);
      append(log::RecordKind::kMessage, message.gateway, std::move(message.payload));
    }
    (*writer)->flush();
  }
  const bench::Program aggregator(
      "tributary-aggregator",
      folder.write("aggregator.toml", "[log]\nurl = \"" + url + "\"\n[state]\ndir = \"" + folder.file("state") +
                                          "\"\n[http]\nport = 0\n[keys]\nfile = \"" + keys + "\"\n"),
      folder.file("aggregator.log"));
  CHECK(test::eventually([&] { return position_of(aggregator.port()) == 2 * kMany; }, 120'000));
  for (const char* path : {"/api/v1/devices", "/api/v1/devices?limit=1000", "/api/v1/kpi?metric=metric_0"}) {
    for (const char* coding : {"identity", "gzip"}) {
      std::vector<double> took;
      size_t bytes = 0;
      for (int i = 0; i < 5; ++i) {
        httplib::Client client("127.0.0.1", aggregator.port());
        client.set_decompress(false);
        client.set_read_timeout(60);
        const auto begin = Clock::now();
        const auto answer = client.Get(path, {{"X-API-Key", key}, {"Accept-Encoding", coding}});
        took.push_back(ms_since(begin));
        CHECK(answer && answer->status == 200);
        bytes = answer->body.size();
      }
      const double cpu_s = cpu_s_of(aggregator.pid());
      const auto again =
          httplib::Client("127.0.0.1", aggregator.port()).Get(path, {{"X-API-Key", key}, {"Accept-Encoding", coding}});
      CHECK(again && again->status == 200);
      std::printf("BENCH gateways_10000 ms=%.0f bytes=%zu cpu_ms=%.0f %s %s\n", quantile(took, 0.5), bytes,
                  (cpu_s_of(aggregator.pid()) - cpu_s) * 1e3, path, coding);
    }
  }
}

void measure(const std::string& only) {
  const test::TempDir folder;
  const std::string keys = folder.file("keys.json"), key = bench::make_key(keys), url = "lmdb://" + folder.file("log");
  Source source(url);
  for (int i = 0; i < kGateways * kRoundsBehind; ++i) source.add();
  source.flush();
  const bench::Program aggregator(
      "tributary-aggregator",
      folder.write("aggregator.toml", "[log]\nurl = \"" + url + "\"\n[state]\ndir = \"" + folder.file("state") +
                                          "\"\n[http]\nport = 0\n[keys]\nfile = \"" + keys + "\"\n"),
      folder.file("aggregator.log"));
  const int port = aggregator.port();
  CHECK(test::eventually([&] { return position_of(port) == source.added(); }));
  source.start();
  measure_kpi(port, key, aggregator.pid());
  if (only != "kpi") measure_streams(port, key, aggregator.pid());
}

}  // namespace
}  // namespace tributary

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  // "kpi": that alone, for profiling; "devices": the lists of a large fleet.
  const std::string only = argc > 1 ? argv[1] : "";
  if (only == "devices") {
    tributary::measure_devices();
  } else {
    tributary::measure(only);
  }
  return 0;
}
