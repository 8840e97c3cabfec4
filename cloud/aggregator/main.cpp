// SPDX-License-Identifier: Apache-2.0
// tributary-aggregator: merges the log into states and answers questions about them.
#include <malloc.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>

#include "cloud/aggregator/aggregator.h"
#include "cloud/feed/kafka_sink.h"
#include "cloud/log/log.h"
#include "common/runtime/faults.h"
#include "common/runtime/program.h"

namespace {

using namespace tributary;

constexpr int kExitFailure = 1;

int fail(const Error& error, int code) {
  std::fprintf(stderr, "tributary-aggregator: %s\n", error.message.c_str());
  return code;
}

// A stream is a descriptor; the usual limit of 1,024 is below what is promised.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// glibc gives threads eight heaps a processor, and each keeps what its largest answer took: with ten thousand gateways
// 250 MB instead of 80. One a processor costs the read API nothing (tests/bench/api_bench).
void share_heaps() {
#ifdef M_ARENA_MAX
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(2U, std::thread::hardware_concurrency())));
#endif
}

int run(const api::AggregatorConfig& config) {
  const auto open_feed_sink = [](const feed::KafkaSinkConfig& sink) -> Result<std::unique_ptr<feed::Sink>> {
    auto opened = feed::KafkaSink::open(sink);
    if (!opened) return opened.error();
    return std::unique_ptr<feed::Sink>(std::move(opened).value());
  };
  auto aggregator = api::Aggregator::open(config, {.open_log = log::open_reader, .open_feed_sink = open_feed_sink});
  if (!aggregator) return fail(aggregator.error(), kExitFailure);
  if (Status started = (*aggregator)->start(); !started) return fail(started.error(), kExitFailure);
  runtime::log_info("http://" + config.http.host + ":" + std::to_string((*aggregator)->port()));

  runtime::wait_for_stop();
  runtime::log_info("stopping");
  (*aggregator)->stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  runtime::block_stop_signals();
  raise_descriptor_limit();
  share_heaps();
  std::string file;
  bool check = false;
  CLI::App app("Merges the log into states and answers questions about them.", "tributary-aggregator");
  app.add_option("--config", file, "The configuration file (TOML)")->required();
  app.add_flag("--check", check, "Check the configuration and exit");
  app.set_version_flag("--version", std::string("tributary-aggregator ") + runtime::kVersion);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : runtime::kExitConfiguration;
  }
  auto config = api::read_aggregator_config(file);
  if (!config) return fail(config.error(), runtime::kExitConfiguration);
  if (check) {
    std::printf("%s: ok\n", file.c_str());
    return 0;
  }
  runtime::start_logging("tributary-aggregator");
  runtime::explain_file_faults("tributary-aggregator");
  return run(*config);
}
