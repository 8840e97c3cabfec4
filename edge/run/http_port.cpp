// SPDX-License-Identifier: Apache-2.0
// Sockets without waiting, and the little of HTTP/1.1 that a scraper needs: see http_port.h.
#include "edge/run/http_port.h"

#include <netdb.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

namespace tributary::edge {
namespace {

struct StatusText {
  int status;
  const char* text;
};
constexpr StatusText kStatusTexts[] = {{200, "OK"},
                                       {400, "Bad Request"},
                                       {404, "Not Found"},
                                       {405, "Method Not Allowed"},
                                       {431, "Request Header Fields Too Large"},
                                       {503, "Service Unavailable"},
                                       {505, "HTTP Version Not Supported"}};

std::string write_answer(const HttpAnswer& answer, bool with_body) {
  const char* text = "Unknown";
  for (const StatusText& one : kStatusTexts) {
    if (one.status == answer.status) text = one.text;
  }
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " " + text +
                    "\r\nContent-Type: " + answer.content_type +
                    "\r\nContent-Length: " + std::to_string(answer.body.size()) +
                    "\r\nConnection: close\r\nCache-Control: no-store\r\n";
  if (answer.status == 405) out += "Allow: GET, HEAD\r\n";
  out += "\r\n";
  if (with_body) out += answer.body;
  return out;
}

std::string refuse(int status, const char* why) {
  return write_answer({status, "text/plain; charset=utf-8", std::string(why) + "\n"}, true);
}

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::optional<std::string> respond(std::string_view request, const HttpPort::Answer& answer) {
  const size_t end = request.find("\r\n\r\n");
  if (end == std::string_view::npos || end + 4 > kHttpRequestBytesMax) {
    if (request.size() >= kHttpRequestBytesMax) return refuse(431, "expected a request of at most 4096 bytes");
    return std::nullopt;
  }
  const std::string_view line = request.substr(0, request.find("\r\n"));
  const size_t first = line.find(' ');
  const size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return refuse(400, "expected METHOD TARGET HTTP/1.1");
  const std::string_view method = line.substr(0, first), version = line.substr(second + 1);
  std::string_view target = line.substr(first + 1, second - first - 1);
  if (!is_token(method) || !is_token(target) || target.front() != '/' || !version.starts_with("HTTP/")) {
    return refuse(400, "expected METHOD TARGET HTTP/1.1");
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return refuse(505, "expected HTTP/1.1");
  if (method != "GET" && method != "HEAD") return refuse(405, "expected GET");
  return write_answer(answer(target.substr(0, target.find('?'))), method == "GET");
}

Result<std::unique_ptr<HttpPort>> HttpPort::open(const HttpPortConfig& config, Answer answer) {
  const std::string where = config.host + ":" + std::to_string(config.port);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(config.host.c_str(), std::to_string(config.port).c_str(), &hints, &found) != 0) {
    return Error{ErrorCode::kInvalid, "http: found host \"" + config.host + "\", expected an address like 127.0.0.1"};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> address(found, &::freeaddrinfo);
  const auto failed = [&](const char* what) {
    return Error{errno == EADDRINUSE ? ErrorCode::kBusy : ErrorCode::kIo,
                 std::string("http: cannot ") + what + " " + where + ": " + std::strerror(errno)};
  };
  std::unique_ptr<HttpPort> port(new HttpPort(std::move(answer)));
  port->listener_ = ::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (port->listener_ < 0) return failed("make a socket for");
  const int on = 1;
  ::setsockopt(port->listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(port->listener_, address->ai_addr, address->ai_addrlen) != 0) return failed("bind to");
  if (::listen(port->listener_, kConnectionsMax) != 0) return failed("listen on");
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(port->listener_, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return failed("listen on");
  char number[8] = "0";
  ::getnameinfo(reinterpret_cast<const sockaddr*>(&bound), size, nullptr, 0, number, sizeof number, NI_NUMERICSERV);
  port->port_ = static_cast<uint16_t>(std::stoul(number));
  port->epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  if (port->epoll_ < 0) return failed("watch");
  port->listen_to_new(true);
  return port;
}

HttpPort::~HttpPort() {
  for (Connection& connection : connections_) {
    if (connection.fd >= 0) ::close(connection.fd);
  }
  if (listener_ >= 0) ::close(listener_);
  if (epoll_ >= 0) ::close(epoll_);
}

// While all connections are taken, more wait in the system's queue.
void HttpPort::listen_to_new(bool on) {
  if (on == listening_) return;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = kConnectionsMax;
  if (::epoll_ctl(epoll_, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener_, &event) == 0) listening_ = on;
}

void HttpPort::accept_all(Instant now) {
  for (size_t i = 0; i < connections_.size(); ++i) {
    Connection& connection = connections_[i];
    if (connection.fd >= 0) continue;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    connection = {};
    connection.fd = fd;
    connection.deadline_ns = now.mono_ns + kPatienceNs;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP;
    event.data.u32 = static_cast<uint32_t>(i);
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) close(connection);
  }
  listen_to_new(false);
}

void HttpPort::close(Connection& connection) {
  ::close(connection.fd);  // leaves the epoll set with it
  connection = {};
  listen_to_new(true);
}

void HttpPort::work(Connection& connection) {
  if (!connection.answered) {
    char buffer[1024];
    for (;;) {
      const ssize_t got = ::recv(connection.fd, buffer, sizeof buffer, 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (got <= 0) return close(connection);
      connection.in.append(buffer, static_cast<size_t>(got));
      if (auto out = respond(connection.in, answer_)) {
        connection.out = std::move(*out);
        connection.answered = true;
        break;
      }
    }
    if (!connection.answered) return;
  }
  while (connection.sent < connection.out.size()) {
    const ssize_t put = ::send(connection.fd, connection.out.data() + connection.sent,
                               connection.out.size() - connection.sent, MSG_NOSIGNAL);
    if (put < 0 && (errno == EAGAIN || errno == EINTR)) {
      epoll_event event{};
      event.events = EPOLLOUT;
      event.data.u32 = static_cast<uint32_t>(&connection - connections_.data());
      ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
      return;
    }
    if (put <= 0) return close(connection);
    connection.sent += static_cast<size_t>(put);
  }
  // What is unread when a socket closes would make the system throw the answer away: it is read first, and no more.
  char rest[4096];
  ::shutdown(connection.fd, SHUT_WR);
  while (::recv(connection.fd, rest, sizeof rest, 0) == static_cast<ssize_t>(sizeof rest)) {
    if ((connection.sent += sizeof rest) > (1U << 20)) break;
  }
  close(connection);
}

void HttpPort::serve(Instant now) {
  epoll_event events[kConnectionsMax + 1];
  const int count = ::epoll_wait(epoll_, events, kConnectionsMax + 1, 0);
  bool new_ones = false;
  for (int i = 0; i < count; ++i) {
    const uint32_t index = events[i].data.u32;
    if (index >= kConnectionsMax) {
      new_ones = true;
    } else if (connections_[index].fd >= 0) {
      work(connections_[index]);
    }
  }
  for (Connection& connection : connections_) {
    if (connection.fd >= 0 && now.mono_ns >= connection.deadline_ns) close(connection);
  }
  if (new_ones) accept_all(now);
}

int64_t HttpPort::due_ns() const {
  int64_t due_ns = std::numeric_limits<int64_t>::max();
  for (const Connection& connection : connections_) {
    if (connection.fd >= 0) due_ns = std::min(due_ns, connection.deadline_ns);
  }
  return due_ns;
}

}  // namespace tributary::edge
