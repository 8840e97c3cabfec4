// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/runner.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "common/base/check.h"

namespace tributary::faults {
namespace {

constexpr size_t kTextMax = 2000;

// What a child tells its parent, in shared memory: it survives a crash of the child.
struct Report {
  std::atomic<uint64_t> seed{0};  // being run
  std::atomic<uint64_t> seeds{0};
  std::atomic<bool> done{false};
  Figures figures;
  bool failed = false;
  char failure[kTextMax] = {};
};

Report* share() {
  void* memory = ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  return new (memory) Report();
}

void write_failure(Report& report, const std::string& text) {
  report.failed = true;
  std::strncpy(report.failure, text.c_str(), kTextMax - 1);
}

void add(Figures& to, const Figures& figures) {
  to.readings += figures.readings;
  to.messages += figures.messages;
  to.records += figures.records;
  to.kills += figures.kills;
  to.missing += figures.missing;
  to.complete += figures.complete;
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return signal == SIGALRM ? "it hangs" : std::string("the program crashes: ") + ::strsignal(signal);
  }
  return "the program ends with status " + std::to_string(WEXITSTATUS(status));
}

// What a run that was killed left in memory.
void sweep_up(pid_t pid) {
  std::error_code ignored;
  const std::string prefix = "tributary-faults-" + std::to_string(pid) + "-";
  for (const char* base : {"/dev/shm", "/tmp"}) {
    for (const auto& entry : std::filesystem::directory_iterator(base, ignored)) {
      if (entry.path().filename().string().compare(0, prefix.size(), prefix) == 0) {
        std::filesystem::remove_all(entry.path(), ignored);
      }
    }
  }
}

void work(const Sweep& sweep, uint64_t first, uint64_t step, Report& report) {
  for (uint64_t seed = first; seed <= sweep.to; seed += step) {
    report.seed = seed;
    ::alarm(300);
    const Outcome outcome = run_schedule(make_schedule(seed, sweep.profile));
    add(report.figures, outcome.figures);
    ++report.seeds;
    if (!outcome.ok) {
      write_failure(report, outcome.failure);
      break;
    }
  }
  report.done = true;
}

}  // namespace

Outcome run_schedule(const Schedule& schedule) {
  Outcome outcome;
  std::vector<std::string> trace;
  std::unique_ptr<World> world;
  try {
    world = std::make_unique<World>(schedule);
    outcome.figures = world->run();
  } catch (const Failure& failure) {
    outcome.ok = false;
    outcome.failure = failure.what();
  }
  if (world) outcome.trace = world->trace();
  return outcome;
}

Outcome run_apart(const Schedule& schedule, unsigned seconds_max) {
  Report* report = share();
  const pid_t pid = ::fork();
  CHECK(pid >= 0);
  if (pid == 0) {
    ::alarm(seconds_max);
    const Outcome outcome = run_schedule(schedule);
    report->figures = outcome.figures;
    if (!outcome.ok) write_failure(*report, outcome.failure);
    report->done = true;
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  sweep_up(pid);
  Outcome outcome;
  outcome.figures = report->figures;
  outcome.ok = report->done && !report->failed;
  if (report->failed) outcome.failure = report->failure;
  if (!report->done) outcome.failure = how_it_ended(status);
  ::munmap(report, sizeof(Report));
  return outcome;
}

// Delta debugging: ever smaller pieces are left out, as long as what remains fails (in whatever way).
Schedule shrink(const Schedule& schedule, uint64_t* runs) {
  Schedule best = schedule;
  for (size_t piece = std::max<size_t>(best.events.size() / 2, 1); piece > 0; piece /= 2) {
    for (size_t at = 0; at < best.events.size();) {
      Schedule candidate = best;
      const size_t end = std::min(at + piece, best.events.size());
      candidate.events.erase(candidate.events.begin() + static_cast<std::ptrdiff_t>(at),
                             candidate.events.begin() + static_cast<std::ptrdiff_t>(end));
      ++*runs;
      if (!run_apart(candidate, 30).ok) {
        best = std::move(candidate);
      } else {
        at += piece;
      }
    }
  }
  // Then the times between events.
  for (Event& event : best.events) {
    const uint32_t before = event.run_ms;
    for (const uint32_t shorter : {0U, before / 16}) {
      event.run_ms = shorter;
      ++*runs;
      if (!run_apart(best, 30).ok) break;
      event.run_ms = before;
    }
  }
  return best;
}

SweepResult sweep(const Sweep& sweep) {
  const auto begin = std::chrono::steady_clock::now();
  SweepResult result;
  std::vector<std::pair<pid_t, Report*>> children;
  for (unsigned job = 0; job < sweep.jobs; ++job) {
    Report* report = share();
    const pid_t pid = ::fork();
    CHECK(pid >= 0);
    if (pid == 0) {
      work(sweep, sweep.from + job, sweep.jobs, *report);
      ::_exit(0);
    }
    children.emplace_back(pid, report);
  }
  const auto collect = [&](Report* report, int status) {
    add(result.figures, report->figures);
    result.seeds += report->seeds;
    if (report->done && !report->failed) return;
    const uint64_t seed = report->seed;
    if (result.failed && *result.failed <= seed) return;
    result.failed = seed;
    result.failure = report->done ? std::string(report->failure) : how_it_ended(status);
  };
  while (!children.empty()) {
    int status = 0;
    const pid_t pid = ::wait(&status);
    const auto child =
        std::find_if(children.begin(), children.end(), [&](const auto& each) { return each.first == pid; });
    if (child == children.end()) continue;
    Report* report = child->second;
    children.erase(child);
    collect(report, status);
    sweep_up(pid);
    ::munmap(report, sizeof(Report));
    if (result.failed && sweep.stop_at_first) {
      for (const auto& [other, other_report] : children) {
        // Unless it works on a lesser seed.
        if (other_report->seed > *result.failed) ::kill(other, SIGTERM);
      }
    }
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return result;
}

}  // namespace tributary::faults
