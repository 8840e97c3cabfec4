// SPDX-License-Identifier: Apache-2.0
// tributary-bridge: messages of gateways, and readings over HTTP, into the log.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <string>

#include "cloud/bridge/config.h"
#include "cloud/bridge/http_port.h"
#include "common/runtime/faults.h"
#include "common/runtime/program.h"

namespace {

using namespace tributary;

constexpr int kExitFailure = 1;

int fail(const Error& error, int code) {
  std::fprintf(stderr, "tributary-bridge: %s\n", error.message.c_str());
  return code;
}

int run(const bridge::ProgramConfig& config) {
  auto writer = log::open_writer(config.log);
  if (!writer) return fail(writer.error(), kExitFailure);
  auto bridge = bridge::Bridge::open(config.bridge, **writer, &runtime::now);
  if (!bridge) return fail(bridge.error(), runtime::kExitConfiguration);
  auto server = http::HttpServer::open(config.http);
  if (!server) return fail(server.error(), kExitFailure);
  std::optional<api::Auth> auth;
  if (!config.keys_file.empty()) auth.emplace(config.keys_file);
  bridge::HttpPort port(**bridge, **writer, auth ? &*auth : nullptr, config.ingest, &runtime::now, config.delivery);
  port.install(**server);

  const log::LogSettings& settings = (*writer)->settings();
  if (settings.log_id != 0) {
    runtime::log_info("log " + config.log.url + ": " + std::to_string(settings.partitions) +
                      " partitions, durability " + settings.durability);
  }  // else it is away, and the writer says so, and when it is found
  if (Status started = (*server)->start(); !started) return fail(started.error(), kExitFailure);
  runtime::log_info("http://" + config.http.host + ":" + std::to_string((*server)->port()));
  (*bridge)->start();

  runtime::wait_for_stop();
  runtime::log_info("stopping");
  // Inputs first, the log last: what was taken is written, and what was written is acknowledged.
  (*server)->stop();
  (*bridge)->stop();
  writer->reset();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  runtime::block_stop_signals();
  std::string file;
  bool check = false;
  CLI::App app("Takes messages of gateways and readings over HTTP into the log.", "tributary-bridge");
  app.add_option("--config", file, "The configuration file (TOML)")->required();
  app.add_flag("--check", check, "Check the configuration and exit");
  app.set_version_flag("--version", std::string("tributary-bridge ") + runtime::kVersion);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : runtime::kExitConfiguration;
  }
  auto config = bridge::read_config(file);
  if (!config) return fail(config.error(), runtime::kExitConfiguration);
  if (check) {
    std::printf("%s: fine\n", file.c_str());
    return 0;
  }
  runtime::start_logging("tributary-bridge");
  runtime::explain_file_faults("tributary-bridge");
  return run(*config);
}
