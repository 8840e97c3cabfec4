// SPDX-License-Identifier: Apache-2.0
// tributary-edge: readings in, summaries out. Parse, open, wire, run until a signal, stop inputs first and the outbox
// last.
#include <getopt.h>
#include <malloc.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "common/reading/payload.h"
#include "common/runtime/program.h"
#include "edge/config/config.h"
#include "edge/gateway.h"
#include "edge/run/clock.h"
#include "edge/run/loop.h"
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

std::string describe(const RecoveryReport& report, const std::string& state_dir) {
  std::string line = "outbox " + state_dir + ": ";
  if (report.moved_aside) line += "the old one did not open and was moved to " + report.moved_to + "; ";
  if (report.fresh || report.moved_aside) {
    line += "a new one begins";
  } else {
    line += report.clean_stop ? "taken up after a clean stop" : "taken up after a crash";
    line += ", " + std::to_string(report.inherited_partials) + " partials waiting, " +
            std::to_string(report.flight_items) + " on their way";
  }
  if (report.gap) {
    line += "; readings may be missing from " + reading::format_timestamp(report.gap->from_ns) + " to " +
            reading::format_timestamp(report.gap->to_ns);
  }
  return line;
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
  config->gateway.machine_id = read_machine_id();
  config->gateway.boot_id = read_boot_id();
  config->gateway.clock_synchronised = is_clock_synchronised(config->clock_synchronised_file);
  Result<std::unique_ptr<Gateway>> gateway = Gateway::open(config->gateway, runtime::random_bits, runtime::now());
  if (!gateway.ok()) return fail(gateway.error());
  runtime::log_info(describe((*gateway)->recovery(), config->gateway.state_dir));

  if (!(*gateway)->clock_set()) {
    runtime::log_warn("clock: not set yet; readings are kept without a date, and sent when it is");
  } else if (!(*gateway)->recovery().boots.empty()) {
    for (const std::string& line : describe_boots((*gateway)->recovery())) runtime::log_info(line);
  }

  Waker waker;
  Result<std::unique_ptr<Uplink>> uplink =
      Uplink::make(config->uplink, (*gateway)->status_json(false, runtime::now()), waker);
  if (!uplink.ok()) return fail(uplink.error());
  std::vector<std::unique_ptr<Source>> sources;
  for (const MqttSourceConfig& one : config->mqtt_sources) {
    Result<std::unique_ptr<MqttSource>> source = MqttSource::make(one, waker);
    if (!source.ok()) return fail(source.error());
    sources.push_back(std::move(source.value()));
  }
  for (const FileSourceConfig& one : config->file_sources) sources.push_back(std::make_unique<FileSource>(one));

  std::atomic<bool> stop{false};
  std::thread signals([&] {
    runtime::wait_for_stop();
    stop = true;
    waker.wake();
  });
  Loop loop(**gateway, **uplink, sources, waker,
            [file = config->clock_synchronised_file] { return is_clock_synchronised(file); });
  loop.run(stop);
  signals.join();
  runtime::log_info("stopping");
  if (Status closed = loop.finish(2000); !closed.ok()) return fail(closed.error());
  return 0;
}
