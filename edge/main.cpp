// SPDX-License-Identifier: Apache-2.0
// tributary-edge: readings in, summaries out. Parse, open, wire, run until a signal, stop inputs first and the outbox
// last.
#include <getopt.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "common/runtime/faults.h"
#include "common/runtime/program.h"
#include "edge/config.h"
#include "edge/gateway/gateway.h"
#include "edge/run/clock.h"
#include "edge/run/edge_http.h"
#include "edge/run/loop.h"
#include "edge/run/recovery_watch.h"
#include "edge/source/file_source.h"
#include "edge/source/mqtt_source.h"
#include "edge/uplink/uplink.h"

namespace {

using namespace tributary;
using namespace tributary::edge;

constexpr const char* kUsage =
    "usage: tributary-edge --config FILE [--check]\n"
    "  --config FILE   the configuration (TOML)\n"
    "  --check         read and check the configuration, then stop\n"
    "  --version       say the version, then stop\n";

struct Options {
  std::string config_file;
  bool check = false;
};

// Exits by itself for --version, --help and a wrong command line.
Options parse_options(int argc, char** argv) {
  const option known[] = {{"config", required_argument, nullptr, 'c'},
                          {"check", no_argument, nullptr, 'k'},
                          {"version", no_argument, nullptr, 'v'},
                          {"help", no_argument, nullptr, 'h'},
                          {nullptr, 0, nullptr, 0}};
  Options options;
  for (int found = 0; (found = getopt_long(argc, argv, "c:h", known, nullptr)) != -1;) {
    if (found == 'c') options.config_file = optarg;
    if (found == 'k') options.check = true;
    if (found == 'v') std::printf("tributary-edge %s\n", runtime::kVersion);
    if (found == 'h') std::fputs(kUsage, stdout);
    if (found == 'v' || found == 'h') std::exit(0);
    if (found == '?') std::exit(runtime::kExitConfiguration);
  }
  if (options.config_file.empty() || optind != argc) {
    std::fputs(kUsage, stderr);
    std::exit(runtime::kExitConfiguration);
  }
  return options;
}

// What makes a copied SD card noticeable. All zero where the system has none.
std::array<uint8_t, 16> read_machine_id() {
  std::array<uint8_t, 16> id{};
  std::string text;
  std::ifstream("/etc/machine-id") >> text;
  if (text.size() != 32 || text.find_first_not_of("0123456789abcdef") != std::string::npos) return id;
  for (size_t i = 0; i < id.size(); ++i) id[i] = static_cast<uint8_t>(std::stoul(text.substr(2 * i, 2), nullptr, 16));
  return id;
}

int fail(const Error& error) {
  runtime::log_error(error.message);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  // One arena: the threads that receive allocate little and briefly, and each arena of its own would keep its free
  // pages.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 256 << 10);
  const Options options = parse_options(argc, argv);
  Result<EdgeConfig> config = load_config(options.config_file);
  if (!config.ok()) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return runtime::kExitConfiguration;
  }
  if (options.check) {
    std::printf("%s: fine\n", options.config_file.c_str());
    return 0;
  }

  runtime::block_stop_signals();
  runtime::start_logging("tributary-edge");
  runtime::explain_file_faults("tributary-edge");
  config->gateway.machine_id = read_machine_id();
  config->gateway.boot_id = read_boot_id();
  config->gateway.clock_synchronised = is_clock_synchronised(config->clock_synchronised_file);
  runtime::Recoveries recoveries(recovery_kinds());
  const Instant begin = runtime::now();
  Result<std::unique_ptr<Gateway>> gateway = Gateway::open(config->gateway, runtime::random_bits, begin);
  if (!gateway.ok()) return fail(gateway.error());
  const double seconds = static_cast<double>(runtime::now().mono_ns - begin.mono_ns) / 1e9;
  if (auto found = recovery_of_start((*gateway)->recovery(), config->gateway.state_dir, seconds)) {
    recoveries.note(*found);
  } else {
    runtime::log_info("outbox " + config->gateway.state_dir + ": a new one begins");
  }

  if (!(*gateway)->clock_set()) {
    runtime::log_warn("clock: not set yet; readings are kept without a date, and sent when it is");
  } else if (!(*gateway)->recovery().boots.empty()) {
    for (const std::string& line : describe_boots((*gateway)->recovery())) runtime::log_info(line);
  }

  runtime::EventLoop events;
  runtime::Wakeup wakeup(events);
  const auto wake = [&wakeup] { wakeup.wake(); };
  Result<std::unique_ptr<Uplink>> uplink =
      Uplink::make(config->uplink, (*gateway)->status_json(false, runtime::now()), wake);
  if (!uplink.ok()) return fail(uplink.error());
  std::vector<std::unique_ptr<Source>> sources;
  for (const MqttSourceConfig& one : config->mqtt_sources) {
    Result<std::unique_ptr<MqttSource>> source = MqttSource::make(one, wake);
    if (!source.ok()) return fail(source.error());
    sources.push_back(std::move(source.value()));
  }
  for (const FileSourceConfig& one : config->file_sources) sources.push_back(std::make_unique<FileSource>(one));

  std::unique_ptr<StatusServer> http;
  if (config->http.on) {
    const auto answer = [&](std::string_view path) {
      const auto listening =
          std::count_if(sources.begin(), sources.end(), [](const auto& source) { return source->listening(); });
      const EdgeLinks links{(*uplink)->ready(), static_cast<size_t>(listening), sources.size()};
      return edge_answer(path, **gateway, links, recoveries);
    };
    auto opened = StatusServer::open(config->http, answer, events);
    if (!opened.ok()) return fail(opened.error());
    http = std::move(opened.value());
    runtime::log_info("http://" + config->http.host + ":" + std::to_string(http->port()));
  }

  events.on_stop_signal([&events] { events.stop(); });
  Loop loop(**gateway, **uplink, sources, events, wakeup, recoveries,
            [file = config->clock_synchronised_file] { return is_clock_synchronised(file); });
  loop.run();
  runtime::log_info("stopping");
  if (Status closed = loop.finish(2000); !closed.ok()) return fail(closed.error());
  return 0;
}
