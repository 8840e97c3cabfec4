// SPDX-License-Identifier: Apache-2.0
// tributary-aggregator: merges the log into states and answers questions about them.
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <thread>

#include "cloud/aggregator/aggregator.h"
#include "cloud/feed/kafka_sink.h"
#include "cloud/log/log.h"
#include "common/runtime/event_loop.h"
#include "common/runtime/program.h"
#include "common/runtime/run_program.h"

namespace {

using namespace tributary;

constexpr runtime::ProgramName kProgram = {"tributary-aggregator",
                                           "Merges the log into states and answers questions about them."};

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
  if (!aggregator) return runtime::fail(kProgram, aggregator.error(), runtime::kExitFailure);
  if (Status started = (*aggregator)->start(); !started)
    return runtime::fail(kProgram, started.error(), runtime::kExitFailure);
  runtime::log_info("http://" + config.http.host + ":" + std::to_string((*aggregator)->port()));

  runtime::EventLoop loop;
  loop.on_stop_signal([&loop] { loop.stop(); });
  loop.run();
  runtime::log_info("stopping");
  (*aggregator)->stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  raise_descriptor_limit();
  share_heaps();
  return runtime::run_program(kProgram, argc, argv, api::read_aggregator_config, run);
}
