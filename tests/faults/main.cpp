// SPDX-License-Identifier: Apache-2.0
// faults_sim: runs seeded schedules of faults against the real cores.
//   faults_sim --seeds 1:1000 [--jobs 2]     prints what was run; a failing seed, shrunk, with its schedule
//   faults_sim --seed N [--trace] [--shrink] one seed, the same as in a range
//   faults_sim --profile clocks …            the same with other schedules: clocks mixed with copies of outboxes
//   faults_sim_bugs --bug NAME …             the same with a deliberate bug switched on
//   faults_sim_bugs --teeth [--seeds 1:400]  every deliberate bug must be caught, by the profile that is for it; a
//   table
//                                            of the seeds it took. With --profile: the bugs of that profile alone
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "common/base/bugs.h"
#include "spdlog/spdlog.h"
#include "tests/faults/runner.h"

namespace {

using namespace tributary;
using namespace tributary::faults;

struct Options {
  Sweep sweep;
  std::optional<Profile> profile;
  bool one = false, trace = false, shrink = false, teeth = false;
  std::string bug;
};

int usage() {
  std::fprintf(stderr,
               "usage: faults_sim --seeds FROM:TO | --seed N [--trace] [--shrink] [--jobs N] [--bug NAME] [--teeth] "
               "[--profile clocks|mixed]\n");
  return 2;
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (name == "--trace" || name == "--shrink" || name == "--teeth") {
      (name == "--trace" ? options.trace : name == "--shrink" ? options.shrink : options.teeth) = true;
      continue;
    }
    if (value == nullptr) return false;
    ++i;
    if (name == "--seed") {
      options.sweep.from = options.sweep.to = std::strtoull(value, nullptr, 10);
      options.one = true;
    } else if (name == "--seeds") {
      if (std::sscanf(value, "%" SCNu64 ":%" SCNu64, &options.sweep.from, &options.sweep.to) != 2) return false;
    } else if (name == "--jobs") {
      options.sweep.jobs = static_cast<unsigned>(std::max(1, std::atoi(value)));
    } else if (name == "--profile") {
      if (std::strcmp(value, "clocks") != 0 && std::strcmp(value, "mixed") != 0) return false;
      options.profile = std::strcmp(value, "clocks") == 0 ? Profile::kClocks : Profile::kMixed;
      options.sweep.profile = *options.profile;
    } else if (name == "--bug") {
      options.bug = value;
    } else {
      return false;
    }
  }
  return options.sweep.from <= options.sweep.to;
}

void print_shrunk(const Schedule& schedule, bool trace) {
  uint64_t runs = 0;
  const Schedule shortest = shrink(schedule, &runs);
  const Outcome outcome = run_apart(shortest);
  std::printf("shrunk from %zu to %zu events in %" PRIu64 " runs: %s\n%s", schedule.events.size(),
              shortest.events.size(), runs, outcome.failure.c_str(), to_text(shortest).c_str());
  if (!trace) return;
  for (const std::string& line : run_schedule(shortest).trace) std::printf("%s\n", line.c_str());
}

int run_one(const Options& options) {
  const Schedule schedule = make_schedule(options.sweep.from, options.sweep.profile);
  const Outcome outcome = options.trace ? run_schedule(schedule) : run_apart(schedule);
  for (const std::string& line : outcome.trace) std::printf("%s\n", line.c_str());
  if (outcome.ok) {
    std::printf("seed %" PRIu64 " passes: %" PRIu64 " readings, %" PRIu64 " records, %" PRIu64 " kills, %" PRIu64
                " readings missing and named, %" PRIu64 " answers complete\n",
                schedule.seed, outcome.figures.readings, outcome.figures.records, outcome.figures.kills,
                outcome.figures.missing, outcome.figures.complete);
    return 0;
  }
  std::printf("seed %" PRIu64 " fails: %s\n%s", schedule.seed, outcome.failure.c_str(), to_text(schedule).c_str());
  if (options.shrink) print_shrunk(schedule, options.trace);
  return 1;
}

int run_range(const Options& options) {
  const SweepResult result = sweep(options.sweep);
  std::printf("seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " run in %.1f s (%.1f a second, %u jobs), %" PRIu64
              " readings, %" PRIu64 " messages, %" PRIu64 " records, %" PRIu64 " kills, %" PRIu64
              " readings missing and named, %" PRIu64 " answers complete\n",
              options.sweep.from, options.sweep.to, result.seeds, result.seconds,
              static_cast<double>(result.seeds) / result.seconds, options.sweep.jobs, result.figures.readings,
              result.figures.messages, result.figures.records, result.figures.kills, result.figures.missing,
              result.figures.complete);
  if (!result.failed) return 0;
  const Schedule schedule = make_schedule(*result.failed, options.sweep.profile);
  std::printf("seed %" PRIu64 " fails: %s\nAgain with: faults_sim%s --seed %" PRIu64 " --trace\n%s", *result.failed,
              result.failure.c_str(), schedule.profile == Profile::kClocks ? " --profile clocks" : "", *result.failed,
              to_text(schedule).c_str());
  std::fflush(stdout);
  print_shrunk(schedule, options.trace);
  return 1;
}

int run_teeth(const Options& options) {
  int missed = 0;
  std::printf("%-28s %10s  %s\n", "bug", "seeds", "caught as");
  for (const Bug& each : bugs()) {
    const Profile profile = each.clocks ? Profile::kClocks : Profile::kMixed;
    if (options.profile && *options.profile != profile) continue;
    const char* name = each.name;
    set_bug(name);
    Sweep seeds = options.sweep;
    seeds.profile = profile;
    const SweepResult result = sweep(seeds);
    if (result.failed) {
      std::printf("%-28s %10" PRIu64 "  %.110s\n", name, *result.failed - options.sweep.from + 1,
                  result.failure.c_str());
    } else {
      ++missed;
      std::printf("%-28s %10s  not caught within seeds %" PRIu64 " to %" PRIu64 "\n", name, "none", options.sweep.from,
                  options.sweep.to);
    }
    std::fflush(stdout);
  }
  return missed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) return usage();
  spdlog::set_level(spdlog::level::off);
  if (!options.bug.empty() && !set_bug(options.bug)) {
    std::fprintf(stderr, "there is no bug \"%s\" in this program\n", options.bug.c_str());
    return 2;
  }
  if (options.teeth) {
    if (bugs().empty()) return usage();
    return run_teeth(options);
  }
  return options.one ? run_one(options) : run_range(options);
}
