// SPDX-License-Identifier: Apache-2.0
// tributary-bridge: messages of gateways, and readings over HTTP, into the log.
#include <optional>
#include <string>

#include "cloud/bridge/config.h"
#include "cloud/bridge/http_port.h"
#include "common/runtime/event_loop.h"
#include "common/runtime/program.h"
#include "common/runtime/run_program.h"

namespace {

using namespace tributary;

constexpr runtime::ProgramName kProgram = {"tributary-bridge",
                                           "Takes messages of gateways and readings over HTTP into the log."};

int run(const bridge::ProgramConfig& given) {
  bridge::ProgramConfig config = given;
  std::optional<api::Auth> auth;
  if (!config.keys_file.empty()) {
    auth.emplace(config.keys_file);
    config.bridge.core.knows_tenant = [&auth](std::string_view tenant) { return auth->knows_tenant(tenant); };
  }
  auto writer = log::open_writer(config.log);
  if (!writer) return runtime::fail(kProgram, writer.error(), runtime::kExitFailure);
  auto bridge = bridge::Bridge::open(config.bridge, **writer, &runtime::now);
  if (!bridge) return runtime::fail(kProgram, bridge.error(), runtime::kExitConfiguration);
  auto server = http::HttpServer::open(config.http);
  if (!server) return runtime::fail(kProgram, server.error(), runtime::kExitFailure);
  bridge::HttpPort port(**bridge, **writer, auth ? &*auth : nullptr, config.ingest, &runtime::now, config.delivery);
  port.install(**server);

  const log::LogSettings& settings = (*writer)->settings();
  if (settings.log_id != 0) {
    runtime::log_info("log " + config.log.url + ": " + std::to_string(settings.partitions) +
                      " partitions, durability " + settings.durability);
  }  // else it is away, and the writer says so, and when it is found
  if (Status started = (*server)->start(); !started)
    return runtime::fail(kProgram, started.error(), runtime::kExitFailure);
  runtime::log_info("http://" + config.http.host + ":" + std::to_string((*server)->port()));
  (*bridge)->start();

  runtime::EventLoop loop;
  loop.on_stop_signal([&loop] { loop.stop(); });
  loop.run();
  runtime::log_info("stopping");
  // Inputs first, the log last: what was taken is written, and what was written is acknowledged.
  (*server)->stop();
  (*bridge)->stop();
  writer->reset();
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return runtime::run_program(kProgram, argc, argv, bridge::read_config, run); }
