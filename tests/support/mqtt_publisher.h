// SPDX-License-Identifier: Apache-2.0
// An MQTT publisher on a bare socket, so that sending costs next to nothing; PUBACKs are read and thrown away.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "common/base/check.h"

namespace tributary::test {

class MqttPublisher {
 public:
  explicit MqttPublisher(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<uint16_t>(port));
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(fd_, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
    const int one = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    write_all(std::string("\x10\x0f\0\x04MQTT\x04\x02\0\0\0\x03pub", 17));
    char connack[4];
    CHECK(recv(fd_, connack, sizeof connack, MSG_WAITALL) == 4 && connack[3] == 0);
  }
  ~MqttPublisher() {
    shutdown(fd_, SHUT_WR);
    if (acks_.joinable()) acks_.join();
    close(fd_);
  }
  MqttPublisher(const MqttPublisher&) = delete;
  MqttPublisher& operator=(const MqttPublisher&) = delete;

  void discard_acks() {
    acks_ = std::thread([this] {
      char buffer[4096];
      while (recv(fd_, buffer, sizeof buffer, 0) > 0) {
      }
    });
  }
  // id: from 1 on, for QoS 1.
  static std::string packet(const std::string& topic, const std::string& payload, int qos, uint16_t id) {
    const size_t size = 2 + topic.size() + payload.size() + (qos > 0 ? 2 : 0);
    CHECK(size < size_t{1} << 21);
    std::string out(1, static_cast<char>(0x30 | qos << 1));
    for (size_t left = size; out.size() == 1 || left > 0; left >>= 7) {
      out += static_cast<char>((left & 0x7f) | (left >= 128 ? 0x80 : 0));
    }
    out += static_cast<char>(topic.size() >> 8);
    out += static_cast<char>(topic.size());
    out += topic;
    if (qos > 0) out += {static_cast<char>(id >> 8), static_cast<char>(id)};
    return out + payload;
  }
  void write_all(const std::string& bytes) const {
    for (size_t at = 0; at < bytes.size();) {
      const ssize_t wrote = send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
      CHECK(wrote > 0);
      at += static_cast<size_t>(wrote);
    }
  }

 private:
  int fd_;
  std::thread acks_;
};

}  // namespace tributary::test
