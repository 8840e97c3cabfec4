// SPDX-License-Identifier: Apache-2.0
// HttpStreams, see streams.h.
#include "cloud/http/streams.h"

#include <sys/socket.h>

#include <array>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <system_error>
#include <utility>

namespace tributary::http {

using asio::ip::tcp;

// Between a stream's thread and the reactor, which owns the connection meanwhile: the thread only sends on its
// descriptor. Held by whoever still has something to tell or to hear.
class HttpStreams::Link : public std::enable_shared_from_this<HttpStreams::Link> {
 public:
  Link(asio::io_context& io, ConnectionPtr connection)
      : io_(io), connection_(std::move(connection)), fd_(connection_->socket.native_handle()) {}

  int fd() const { return fd_; }
  bool over() const { return over_; }

  // The thread: the reactor begins to look for the client's end.
  void attach() {
    asio::post(io_, [self = shared_from_this()] { self->watch_client(); });
  }
  // The thread: waits until the socket takes something. False: not by then, or it is over.
  bool wait_writable(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    writable_ = false;
    asio::post(io_, [self = shared_from_this()] { self->watch_room(); });
    changed_.wait_until(lock, deadline, [this] { return writable_ || over_; });
    return writable_ && !over_;
  }
  // The thread, at its end.
  void close() {
    asio::post(io_, [self = shared_from_this()] {
      asio::error_code ignored;
      self->connection_->socket.shutdown(tcp::socket::shutdown_send, ignored);
      self->connection_->socket.close(ignored);
    });
  }
  // From any thread: the client has gone, or the server stops.
  void end() {
    {
      std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
  }

 private:
  // The reactor. A client has nothing to say on a stream; what it says is read away, so that it cannot hide its end.
  void watch_client() {
    if (!connection_->socket.is_open()) return;
    connection_->socket.async_wait(tcp::socket::wait_read, [self = shared_from_this()](asio::error_code error) {
      std::array<char, 4096> nothing;
      if (!error) self->connection_->socket.read_some(asio::buffer(nothing), error);
      error&& error != asio::error::would_block ? self->end() : self->watch_client();
    });
  }

  void watch_room() {
    if (!connection_->socket.is_open()) return;
    connection_->socket.async_wait(tcp::socket::wait_write, [self = shared_from_this()](const asio::error_code& error) {
      if (error) return self->end();
      {
        std::lock_guard lock(self->mutex_);
        self->writable_ = true;
      }
      self->changed_.notify_all();
    });
  }

  asio::io_context& io_;
  const ConnectionPtr connection_;
  const int fd_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool writable_ = false;
  std::atomic<bool> over_{false};
};

namespace {

template <class Link>
class SocketWriter final : public StreamWriter {
 public:
  SocketWriter(Link& link, int write_ms_max) : link_(link), write_ms_max_(write_ms_max) {}

  bool write(std::string_view bytes) override {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(write_ms_max_);
    while (!bytes.empty() && open()) {
      const ssize_t sent = ::send(link_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<size_t>(sent));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        broken_ = !link_.wait_writable(deadline);
      } else if (errno != EINTR) {
        broken_ = true;
      }
    }
    return open();
  }

  bool open() const override { return !broken_ && !link_.over(); }

 private:
  Link& link_;
  const int write_ms_max_;
  bool broken_ = false;
};

}  // namespace

bool HttpStreams::start(ConnectionPtr& connection, std::string head, std::function<void(StreamWriter&)> stream,
                        std::function<void()> ended) {
  std::lock_guard lock(mutex_);
  if (count_ >= streams_max_ || stopping_) return false;
  Live& live = streams_.emplace_back();  // a list: it stays where it is
  live.link = std::make_shared<Link>(io_, connection);
  try {
    live.thread = std::thread(
        [this, &live, link = live.link, head = std::move(head), stream = std::move(stream), ended = std::move(ended)] {
          link->attach();
          {
            SocketWriter<Link> writer(*link, write_ms_max_);
            if (writer.write(head)) stream(writer);
          }
          link->close();
          std::lock_guard end(mutex_);
          live.ended = true;
          --count_;
          ended();
        });
  } catch (const std::system_error&) {
    streams_.pop_back();
    return false;
  }
  connection.reset();
  ++count_;
  return true;
}

void HttpStreams::reap() {
  std::list<Live> gone;
  {
    std::lock_guard lock(mutex_);
    for (auto it = streams_.begin(); it != streams_.end();) {
      const auto here = it++;
      if (here->ended) gone.splice(gone.end(), streams_, here);  // keeps the element in place
    }
  }
  for (auto& live : gone) live.thread.join();
}

void HttpStreams::stop() {
  std::list<Live> gone;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& live : streams_) live.link->end();
    gone.swap(streams_);
  }
  for (auto& live : gone) live.thread.join();
}

size_t HttpStreams::count() const {
  std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace tributary::http
