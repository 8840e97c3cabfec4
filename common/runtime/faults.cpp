// SPDX-License-Identifier: Apache-2.0
// A signal handler that looks the address up in /proc/self/maps, with nothing but system calls: see faults.h.
#include "common/runtime/faults.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tributary::runtime {
namespace {

constexpr int kExitDamaged = 3;
const char* g_program = "";  // set once, before any signal: a handler gets no argument of ours

void put(std::string_view text) {
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

struct Line {
  std::array<char, 4352> text{};
  size_t size = 0;
};

// "7f00-7f10 r--p 0000 08:01 123   /path/data.mdb": the path, if the address lies within.
std::string_view path_at(const Line& line, uintptr_t address) {
  uintptr_t bounds[2] = {0, 0};
  size_t at = 0;
  for (uintptr_t& bound : bounds) {
    for (; at < line.size && line.text[at] != '-' && line.text[at] != ' '; ++at) {
      const char c = line.text[at];
      bound = bound * 16 + static_cast<uintptr_t>(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    ++at;
  }
  if (address < bounds[0] || address >= bounds[1]) return {};
  const std::string_view text(line.text.data(), line.size);
  const size_t slash = text.find('/');
  return slash == std::string_view::npos ? std::string_view() : text.substr(slash);
}

void on_fault(int signal, siginfo_t* info, void*) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  static Line line;  // a handler's stack may be small; whoever faults second meanwhile waits for the end anyway
  static char buffer[4096];
  line.size = 0;
  for (ssize_t got = 0; maps >= 0 && (got = ::read(maps, buffer, sizeof buffer)) > 0;) {
    for (ssize_t i = 0; i < got; ++i) {
      if (buffer[i] != '\n') {
        if (line.size < line.text.size()) line.text[line.size++] = buffer[i];
        continue;
      }
      const std::string_view path = path_at(line, address);
      if (path.find("/data.mdb") != std::string_view::npos) {
        put(g_program);
        put(": ");
        put(path);
        put(signal == SIGBUS ? " cannot be read: it was cut while it was used, or its disk fails"
                             : " is damaged: it leads out of itself");
        put("; the program stops, and checks the file when it starts again\n");
        ::_exit(kExitDamaged);
      }
      line.size = 0;
    }
  }
  std::signal(signal, SIG_DFL);  // and on: the same instruction faults again
}

}  // namespace

void explain_file_faults(const char* program) {
  g_program = program;
  struct sigaction action {};
  action.sa_sigaction = &on_fault;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGBUS, SIGSEGV}) ::sigaction(signal, &action, nullptr);
}

}  // namespace tributary::runtime
