// SPDX-License-Identifier: Apache-2.0
// Our programs as children of a benchmark.
#pragma once

#include <fcntl.h>
#include <httplib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "common/base/check.h"
#include "tests/support/broker.h"

namespace tributary::bench {

inline std::filesystem::path programs() { return std::filesystem::read_symlink("/proc/self/exe").parent_path(); }

// One of our programs with its log in a file; ready when it is made, stopped when it goes.
class Program {
 public:
  Program(const std::string& name, const std::string& config, const std::string& log) : log_(log) {
    const std::string program = programs() / name;
    pid_ = fork();
    CHECK(pid_ >= 0);
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      dup2(out, 2);
      setenv("TRIBUTARY_LOG", "info", 1);
      execl(program.c_str(), name.c_str(), "--config", config.c_str(), nullptr);
      _exit(127);
    }
    CHECK(test::eventually([this] { return port() > 0; }));
    CHECK(test::eventually([this] {
      const auto answer = httplib::Client("127.0.0.1", port()).Get("/ready");
      return answer && answer->status == 200;
    }));
  }
  ~Program() {
    ::kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t pid() const { return pid_; }
  int port() const {
    std::ifstream in(log_);
    std::stringstream text;
    text << in.rdbuf();
    const std::string mark = "http://127.0.0.1:";
    const size_t at = text.str().find(mark);
    return at == std::string::npos ? 0 : std::atoi(text.str().c_str() + at + mark.size());
  }

 private:
  const std::string log_;
  pid_t pid_ = 0;
};

// A new key of the tenant demo.
inline std::string make_key(const std::string& keys) {
  const std::string command =
      (programs() / "tributaryctl").string() + " tenant add demo --keys " + keys + " 2>/dev/null";
  FILE* child = popen(command.c_str(), "r");
  char key[256] = "";
  CHECK(child != nullptr && std::fscanf(child, "%255s", key) == 1);
  pclose(child);
  return key;
}

}  // namespace tributary::bench
