// SPDX-License-Identifier: Apache-2.0
// RawClient: a socket that says exactly what a test wants, also what no proper client would.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>

namespace tributary::http {

class RawClient {
 public:
  explicit RawClient(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool connected() const { return connected_; }
  int fd() const { return fd_; }

  // False when the server no longer takes it.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  // Reads until done(all so far) or the server closes or the time is up.
  template <class Done>
  const std::string& read_until(Done done, int timeout_ms = 10'000) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (!done(seen_) && !closed_) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now()).count();
      pollfd wait{fd_, POLLIN, 0};
      if (left <= 0 || ::poll(&wait, 1, static_cast<int>(left)) <= 0) break;
      char buffer[65536];
      const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
      if (got <= 0) {
        closed_ = true;
      } else {
        seen_.append(buffer, static_cast<size_t>(got));
      }
    }
    return seen_;
  }
  const std::string& read_to_end(int timeout_ms = 10'000) {
    return read_until([](const std::string&) { return false; }, timeout_ms);
  }
  // One whole response with Content-Length; it is taken out of what was read.
  std::string read_response(int timeout_ms = 10'000) {
    size_t size = 0;
    read_until(
        [&size](const std::string& seen) {
          const size_t head = seen.find("\r\n\r\n");
          if (head == std::string::npos) return false;
          const size_t at = seen.find("Content-Length: ");
          size = head + 4 + (at < head ? std::stoul(seen.substr(at + 16)) : 0);
          return seen.size() >= size;
        },
        timeout_ms);
    std::string response = seen_.substr(0, size);
    seen_.erase(0, size);
    return response;
  }
  bool closed() const { return closed_; }
  const std::string& seen() const { return seen_; }

 private:
  int fd_;
  bool connected_ = false, closed_ = false;
  std::string seen_;
};

inline int status_of(const std::string& response) {
  return response.size() < 12 ? 0 : std::stoi(response.substr(9, 3));
}
inline std::string body_of(const std::string& response) {
  const size_t at = response.find("\r\n\r\n");
  return at == std::string::npos ? "" : response.substr(at + 4);
}

}  // namespace tributary::http
