// SPDX-License-Identifier: Apache-2.0
// A real Apache Kafka for tests: one of the process's own, which may be killed, or one that tests share.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "common/runtime/program.h"
#include "tests/support/temp_dir.h"

namespace tributary::test {

class KafkaBroker {
 public:
  struct Options {
    std::vector<std::string> settings;  // NAME=VALUE of the broker
    std::string data;                   // its log.dirs; empty: in the folder
    std::string sasl;                   // USER:PASSWORD of clients at sasl_address()
    std::string shell;                  // run before it in its shell, such as a limit
  };
  // Starts one in a temporary folder.
  KafkaBroker() : KafkaBroker(Options{}) {}
  explicit KafkaBroker(Options options) : options_(std::move(options)) { start(); }
  ~KafkaBroker() { stop(); }
  KafkaBroker(const KafkaBroker&) = delete;
  KafkaBroker& operator=(const KafkaBroker&) = delete;

  // "127.0.0.1:PORT"; stays the same over restarts.
  const std::string& address() const { return address_; }
  const std::string& sasl_address() const { return sasl_address_; }
  const std::string& folder() const { return folder_.path(); }
  pid_t pid() const { return pid_; }

  void start() {
    std::string arguments = "start --dir " + folder_.path();
    if (!options_.data.empty()) arguments += " --data " + options_.data;
    if (!options_.sasl.empty()) arguments += " --sasl " + options_.sasl;
    for (const std::string& setting : options_.settings) arguments += " --set '" + setting + "'";
    const std::string answer = run(arguments, options_.shell);
    if (const size_t at = answer.find("\"sasl\": \""); at != std::string::npos) {
      sasl_address_ = answer.substr(at + 9, answer.find('"', at + 9) - at - 9);
    }
    char address[64] = "";
    int pid = 0;
    const bool told = std::sscanf(answer.c_str(), "{\"address\": \"%63[^\"]\", \"pid\": %d", address, &pid) == 2;
    EXPECT_TRUE(told) << "Kafka did not start: " << answer;
    address_ = address;
    pid_ = pid;
  }
  void stop() {
    if (pid_ > 0) run("stop --dir " + folder_.path());
    pid_ = 0;
  }
  bool alive() const { return pid_ > 0 && ::kill(pid_, 0) == 0 && !is_zombie(pid_); }
  // Forgets a broker that has ended by itself.
  void buried() { pid_ = 0; }
  // As a power switch would, of the process; what the operating system has been given stays.
  void kill_hard() {
    ::kill(pid_, SIGKILL);
    while (::kill(pid_, 0) == 0 && !is_zombie(pid_)) ::usleep(1000);
    pid_ = 0;
  }
  void pause() { ::kill(pid_, SIGSTOP); }
  void go_on() { ::kill(pid_, SIGCONT); }

  // The broker that ctest has started for all tests of this build, or else one for this process alone.
  static const std::string& shared_address() {
    static std::unique_ptr<KafkaBroker> own;
    static std::string address;
    if (address.empty()) {
      std::ifstream kept(TRIBUTARY_KAFKA_DIR "/kafka.json");
      std::stringstream text;
      text << kept.rdbuf();
      const size_t at = text.str().find("\"port\": ");
      const int port = at == std::string::npos ? 0 : std::atoi(text.str().c_str() + at + 8);
      if (port > 0 && is_open(port)) {
        address = "127.0.0.1:" + std::to_string(port);
      } else {
        own = std::make_unique<KafkaBroker>();
        address = own->address();
      }
    }
    return address;
  }
  // A log's URL of its own on the shared broker.
  static std::string fresh_url() {
    char name[32];
    std::snprintf(name, sizeof name, "t%016llx", static_cast<unsigned long long>(runtime::random_bits()));
    return "kafka://" + shared_address() + "/" + name;
  }

 private:
  static std::string run(const std::string& arguments, const std::string& shell = "") {
    const std::string command =
        shell + "/usr/bin/python3 -B " TRIBUTARY_SOURCE "/tools/lib/kafka.py " + arguments + " 2>&1";
    std::string output;
    FILE* pipe = ::popen(command.c_str(), "r");
    char buffer[512];
    while (pipe != nullptr && std::fgets(buffer, sizeof buffer, pipe) != nullptr) output += buffer;
    if (pipe != nullptr) ::pclose(pipe);
    return output;
  }
  static bool is_zombie(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string text;
    std::getline(file, text);
    const size_t at = text.rfind(')');
    return at == std::string::npos || text.compare(at + 2, 1, "Z") == 0;
  }
  static bool is_open(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool open = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    ::close(fd);
    return open;
  }

  TempDir folder_;
  const Options options_;
  std::string address_, sasl_address_;
  pid_t pid_ = 0;
};

}  // namespace tributary::test
