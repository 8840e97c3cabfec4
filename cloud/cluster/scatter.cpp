// SPDX-License-Identifier: Apache-2.0
// Questions over HTTP on Asio, see scatter.h.
#include "cloud/cluster/scatter.h"

#include <algorithm>
#include <array>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cctype>
#include <charconv>
#include <cstring>
#include <utility>

#include "cloud/cluster/wire.h"

namespace tributary::cluster {
namespace {

using asio::ip::tcp;

constexpr size_t kHeadBytesMax = 16 * 1024;

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

tcp::endpoint endpoint_of(const Address& address) {
  tcp::endpoint endpoint;
  endpoint.resize(address.size);
  std::memcpy(endpoint.data(), &address.storage, address.size);
  return endpoint;
}

// One exchange under way. What the socket has to tell comes as handlers; they hold the run, and one of an earlier
// connection (round) tells nothing.
class Run : public std::enable_shared_from_this<Run> {
 public:
  Run(asio::io_context& io, Exchange& exchange, std::function<void()> ended)
      : exchange_(exchange), ended_(std::move(ended)), socket_(io), endpoint_(endpoint_of(exchange.address)) {
    exchange_.body.clear();
    exchange_.failure.clear();
  }

  bool done() const { return done_; }

  // Sends what can be sent without waiting.
  void start() {
    const int fd = std::exchange(exchange_.fd, -1);
    if (fd < 0) return open();
    asio::error_code error;
    kept_ = true;
    socket_.assign(endpoint_.protocol(), fd, error);
    if (error) return fail("no_socket");
    talk();
  }

  void fail(const std::string& why) {
    exchange_.failure = why;
    exchange_.body.clear();
    end();
  }

 private:
  using Wait = tcp::socket::wait_type;

  void end() {
    done_ = true;
    close();
    ended_();
  }

  void close() {
    ++round_;
    asio::error_code ignored;
    socket_.close(ignored);
  }

  void open() {
    asio::error_code error;
    socket_.open(endpoint_.protocol(), error);
    if (error) return fail("no_socket");
    socket_.set_option(tcp::no_delay(true), error);
    socket_.async_connect(endpoint_, [self = shared_from_this(), round = round_](const asio::error_code& failed) {
      if (self->round_ != round) return;
      if (failed) return self->fail("refused");
      self->talk();
    });
  }

  // A connection that was kept may have been closed by the other side in between: that says nothing about it.
  void lost() {
    if (!kept_ || !bytes_.empty()) return fail("closed");
    kept_ = false;
    sent_ = 0;
    close();
    open();
  }

  void talk() {
    asio::error_code error;
    socket_.non_blocking(true, error);
    if (error) return fail("no_socket");
    const uint32_t round = round_;
    send();
    // What the other side says to an unfinished request is read: it may say why.
    if (round == round_) wait(Wait::wait_read);
  }

  void wait(Wait what) {
    socket_.async_wait(what, [self = shared_from_this(), round = round_, what](const asio::error_code& error) {
      if (self->round_ != round) return;
      if (error) return self->lost();
      what == Wait::wait_write ? self->send() : self->receive();
    });
  }

  void send() {
    while (sent_ < exchange_.request.size()) {
      asio::error_code error;
      sent_ += socket_.write_some(asio::buffer(exchange_.request) + sent_, error);
      if (error == asio::error::would_block) return wait(Wait::wait_write);
      if (error && error != asio::error::interrupted) return lost();
    }
  }

  void receive() {
    std::array<char, 65536> buffer;
    while (true) {
      asio::error_code error;
      const size_t got = socket_.read_some(asio::buffer(buffer), error);
      if (error == asio::error::would_block) return wait(Wait::wait_read);
      if (error == asio::error::interrupted) continue;
      if (error) return lost();
      bytes_.append(buffer.data(), got);
      if (!take()) return;
    }
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
    if (head_->keeps && sent_ == exchange_.request.size()) {
      ++round_;
      asio::error_code error;
      const auto fd = socket_.release(error);
      if (!error) exchange_.fd = fd;
    }
    end();
    return false;
  }

  Exchange& exchange_;
  const std::function<void()> ended_;
  tcp::socket socket_;
  const tcp::endpoint endpoint_;
  uint32_t round_ = 0;
  bool kept_ = false, done_ = false;
  size_t sent_ = 0;
  std::string bytes_;
  std::optional<ResponseHead> head_;
};

}  // namespace

struct Scatter::Impl {
  asio::io_context io{1};  // one thread at a time runs it
};

Scatter::Scatter() : impl_(std::make_unique<Impl>()) {}

Scatter::~Scatter() = default;

void Scatter::ask(std::vector<Exchange>& all, int timeout_ms, const std::function<void()>& meanwhile) {
  asio::io_context& io = impl_->io;
  asio::steady_timer deadline(io);
  size_t left = all.size();
  std::vector<std::shared_ptr<Run>> runs;
  for (Exchange& one : all) {
    runs.push_back(std::make_shared<Run>(io, one, [&] {
      if (--left == 0) deadline.cancel();
    }));
    runs.back()->start();
  }
  if (meanwhile) {
    // Two rounds without waiting: what is connected by then has its question.
    asio::post(io, [&io] { asio::post(io, [&io] { io.stop(); }); });
    io.run();
    io.restart();
    meanwhile();
  }
  if (left > 0) {
    deadline.expires_after(std::chrono::milliseconds(timeout_ms));
    deadline.async_wait([&](const asio::error_code& error) {
      if (error) return;
      for (const auto& run : runs) {
        if (!run->done()) run->fail("timeout");
      }
    });
  }
  // Ends when nothing is under way any more, the handlers of closed sockets included.
  io.run();
  io.restart();
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
