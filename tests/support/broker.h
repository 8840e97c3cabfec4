// SPDX-License-Identifier: Apache-2.0
// A real Mosquitto for a test: on a free port of the loopback interface, started, killed, frozen and restarted at will.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "common/base/check.h"
#include "tests/support/temp_dir.h"

namespace tributary::test {

// Waits until done() holds; false if it does not within timeout_ms.
inline bool eventually(const std::function<bool()>& done, int timeout_ms = 20'000) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

class Broker {
 public:
  // settings: lines for mosquitto.conf beside the listener's.
  explicit Broker(std::string settings = "allow_anonymous true\n") : settings_(std::move(settings)) {
    port_ = free_port();
    start();
  }
  ~Broker() { kill9(); }
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  int port() const { return port_; }
  std::string url() const { return "tcp://127.0.0.1:" + std::to_string(port_); }

  void start() {
    const std::string config = dir_.write("mosquitto.conf", "listener " + std::to_string(port_) +
                                                                " 127.0.0.1\nmax_queued_messages 0\n"
                                                                // Without a change of user the kernel's promise to end
                                                                // it with its parent holds, should the test abort.
                                                                "user root\nset_tcp_nodelay true\nlog_dest none\n" +
                                                                settings_);
    pid_ = fork();
    CHECK(pid_ >= 0);
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int null = open("/dev/null", O_RDWR);
      dup2(null, 1);
      dup2(null, 2);
      for (const char* path : {"/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"}) {
        execl(path, "mosquitto", "-c", config.c_str(), nullptr);
      }
      _exit(127);
    }
    CHECK(eventually([this] { return accepts(port_); }));
  }
  void kill9() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  // Frozen, it keeps its connections and answers nothing.
  void freeze() { ::kill(pid_, SIGSTOP); }
  void thaw() { ::kill(pid_, SIGCONT); }

 private:
  static sockaddr_in address(int port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(static_cast<uint16_t>(port));
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return out;
  }
  static int free_port() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where = address(0);
    socklen_t size = sizeof where;
    CHECK(bind(fd, reinterpret_cast<sockaddr*>(&where), size) == 0);
    CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size) == 0);
    close(fd);
    return ntohs(where.sin_port);
  }
  static bool accepts(int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where = address(port);
    const bool connected = connect(fd, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0;
    close(fd);
    return connected;
  }

  const std::string settings_;
  TempDir dir_;
  int port_ = 0;
  pid_t pid_ = 0;
};

}  // namespace tributary::test
