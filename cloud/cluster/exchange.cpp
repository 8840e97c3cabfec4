// SPDX-License-Identifier: Apache-2.0
// Questions over HTTP, see exchange.h.
#include "cloud/cluster/exchange.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>
#include <utility>

#include "cloud/cluster/wire.h"

namespace tributary::cluster {
namespace {

constexpr size_t kHeadBytesMax = 16 * 1024;

int64_t mono_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

// One exchange under way.
class Run {
 public:
  explicit Run(Exchange& exchange) : exchange_(exchange), fd_(std::exchange(exchange.fd, -1)), kept_(fd_ >= 0) {
    exchange_.body.clear();
    exchange_.failure.clear();
    if (!kept_) open();
  }
  ~Run() { close(); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  bool done() const { return done_; }
  int fd() const { return fd_; }
  short events() const { return connecting_ || sent_ < exchange_.request.size() ? POLLIN | POLLOUT : POLLIN; }

  // Does what can be done without waiting.
  void step() {
    while (!done_ && advance()) {
    }
  }

  void fail(std::string why) {
    exchange_.failure = std::move(why);
    exchange_.body.clear();
    done_ = true;
    close();
  }

 private:
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  void open() {
    fd_ = ::socket(exchange_.address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) return fail("no_socket");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    const auto* address = reinterpret_cast<const sockaddr*>(&exchange_.address.storage);
    if (::connect(fd_, address, exchange_.address.size) == 0) return;
    if (errno != EINPROGRESS) return fail("refused");
    connecting_ = true;
  }

  // A connection that was kept may have been closed by the other side in between: that says nothing about it.
  bool lost(const char* why) {
    if (!kept_ || !bytes_.empty()) {
      fail(why);
      return false;
    }
    kept_ = false;
    sent_ = 0;
    close();
    open();
    return !done_;
  }

  bool advance() {
    if (connecting_) {
      pollfd one{fd_, POLLOUT, 0};
      if (::poll(&one, 1, 0) <= 0) return false;
      int error = 0;
      socklen_t size = sizeof(error);
      if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        fail("refused");
        return false;
      }
      connecting_ = false;
    }
    if (sent_ < exchange_.request.size()) {
      const ssize_t sent =
          ::send(fd_, exchange_.request.data() + sent_, exchange_.request.size() - sent_, MSG_NOSIGNAL);
      if (sent > 0) {
        sent_ += static_cast<size_t>(sent);
        return true;
      }
      if (errno == EINTR) return true;
      // What the other side says to an unfinished request is read: it may say why.
      if (errno != EAGAIN && errno != EWOULDBLOCK) return lost("closed");
    }
    char buffer[65536];
    const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
    if (got < 0) {
      if (errno == EINTR) return true;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
      return lost("closed");
    }
    if (got == 0) return lost("closed");
    bytes_.append(buffer, static_cast<size_t>(got));
    return take();
  }

  // True: go on reading.
  bool take() {
    if (!head_) {
      bool broken = false;
      head_ = parse_response_head(bytes_, &broken);
      if (broken) {
        fail("bad_answer");
        return false;
      }
      if (!head_) return true;
      if (head_->status != 200) {
        fail("status_" + std::to_string(head_->status));
        return false;
      }
    }
    const size_t whole = head_->head_bytes + head_->body_bytes;
    if (bytes_.size() < whole) return true;
    if (bytes_.size() > whole) {
      fail("bad_answer");
      return false;
    }
    exchange_.body = bytes_.substr(head_->head_bytes);
    done_ = true;
    if (head_->keeps && sent_ == exchange_.request.size()) exchange_.fd = std::exchange(fd_, -1);
    return false;
  }

  Exchange& exchange_;
  int fd_;
  bool kept_;
  bool connecting_ = false;
  bool done_ = false;
  size_t sent_ = 0;
  std::string bytes_;
  std::optional<ResponseHead> head_;
};

}  // namespace

void exchange(std::vector<Exchange>& all, int timeout_ms, const std::function<void()>& meanwhile) {
  std::vector<std::unique_ptr<Run>> runs;
  for (Exchange& one : all) {
    runs.push_back(std::make_unique<Run>(one));
    runs.back()->step();
  }
  if (meanwhile) meanwhile();
  const int64_t deadline_ms = mono_ms() + timeout_ms;
  std::vector<pollfd> polled;
  while (true) {
    polled.clear();
    for (const auto& run : runs) {
      if (!run->done()) polled.push_back({run->fd(), run->events(), 0});
    }
    if (polled.empty()) return;
    const int64_t left_ms = deadline_ms - mono_ms();
    if (left_ms <= 0) break;
    ::poll(polled.data(), polled.size(), static_cast<int>(left_ms));
    for (const auto& run : runs) run->step();
  }
  for (const auto& run : runs) {
    if (!run->done()) run->fail("timeout");
  }
}

std::optional<ResponseHead> parse_response_head(std::string_view bytes, bool* broken) {
  *broken = false;
  const size_t end = bytes.substr(0, kHeadBytesMax).find("\r\n\r\n");
  if (end == std::string_view::npos) {
    *broken = bytes.size() >= kHeadBytesMax;
    return std::nullopt;
  }
  *broken = true;
  ResponseHead head;
  head.head_bytes = end + 4;
  constexpr std::string_view kStart = "HTTP/1.1 ";
  if (!bytes.starts_with(kStart)) return std::nullopt;
  const char* digits = bytes.data() + kStart.size();
  const auto status = std::from_chars(digits, bytes.data() + end, head.status);
  if (status.ec != std::errc() || status.ptr != digits + 3) return std::nullopt;
  bool sized = false;
  std::string_view rest = bytes.substr(0, end + 2);
  rest.remove_prefix(rest.find("\r\n") + 2);
  while (!rest.empty()) {
    const size_t line_end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, line_end);
    rest.remove_prefix(line_end + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view name = line.substr(0, colon);
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    if (same_word(name, "content-length")) {
      const auto size = std::from_chars(value.data(), value.data() + value.size(), head.body_bytes);
      if (sized || size.ec != std::errc() || size.ptr != value.data() + value.size()) return std::nullopt;
      if (head.body_bytes > kAnswerBytesMax) return std::nullopt;
      sized = true;
    } else if (same_word(name, "transfer-encoding")) {
      return std::nullopt;
    } else if (same_word(name, "connection") && same_word(value, "close")) {
      head.keeps = false;
    }
  }
  if (!sized) return std::nullopt;
  *broken = false;
  return head;
}

std::string request_head(std::string_view host, std::string_view secret, size_t body_bytes) {
  std::string head = "POST ";
  head.append(kPath).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  head.append(kSecretHeader).append(": ").append(secret).append("\r\n");
  head.append("Content-Type: application/octet-stream\r\nContent-Length: ").append(std::to_string(body_bytes));
  return head.append("\r\n\r\n");
}

}  // namespace tributary::cluster
