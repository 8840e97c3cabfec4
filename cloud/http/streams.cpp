// SPDX-License-Identifier: Apache-2.0
// HttpStreams, see http_streams.h.
#include "cloud/http/streams.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace tributary::http {
namespace {

class SocketWriter final : public StreamWriter {
 public:
  SocketWriter(int fd, int write_ms_max, const std::atomic<bool>& stopping)
      : fd_(fd), write_ms_max_(write_ms_max), stopping_(stopping) {}

  bool write(std::string_view bytes) override {
    const int64_t deadline_ms = mono_ms() + write_ms_max_;
    while (!bytes.empty() && !broken_) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) {
        bytes.remove_prefix(static_cast<size_t>(sent));
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        const int64_t left_ms = deadline_ms - mono_ms();
        pollfd wait{fd_, POLLOUT, 0};
        if (stopping_ || left_ms <= 0 || ::poll(&wait, 1, static_cast<int>(left_ms)) < 0) broken_ = true;
      } else if (errno != EINTR) {
        broken_ = true;
      }
    }
    return !broken_ && !stopping_;
  }

  bool open() const override {
    if (broken_ || stopping_) return false;
    pollfd look{fd_, POLLIN | POLLRDHUP, 0};
    if (::poll(&look, 1, 0) <= 0) return true;
    if ((look.revents & (POLLHUP | POLLERR | POLLRDHUP)) != 0) return false;
    // A client has nothing to say on a stream; what it says is read away, so that it cannot hide its end.
    char nothing[4096];
    return ::recv(fd_, nothing, sizeof(nothing), MSG_DONTWAIT) != 0;
  }

 private:
  int fd_;
  int write_ms_max_;
  const std::atomic<bool>& stopping_;
  bool broken_ = false;
};

}  // namespace

bool HttpStreams::start(std::unique_ptr<Connection>& connection, std::string head,
                        std::function<void(StreamWriter&)> stream, std::function<void()> ended) {
  std::lock_guard lock(mutex_);
  if (count_ >= streams_max_ || stopping_) return false;
  Live& live = streams_.emplace_back();  // a list: it stays where it is
  live.fd = connection->fd;
  // Shared only until the thread has it, so that a thread that cannot be made leaves the connection to the caller.
  auto owned = std::make_shared<std::unique_ptr<Connection>>(std::move(connection));
  try {
    live.thread =
        std::thread([this, &live, owned, head = std::move(head), stream = std::move(stream), ended = std::move(ended)] {
          {
            SocketWriter writer((*owned)->fd, write_ms_max_, stopping_);
            if (writer.write(head)) stream(writer);
          }
          std::lock_guard end(mutex_);
          live.fd = -1;  // before the socket is closed, so that stop() never touches another one of this number
          ::shutdown((*owned)->fd, SHUT_WR);
          owned->reset();
          --count_;
          ended();
        });
  } catch (const std::system_error&) {
    connection = std::move(*owned);
    streams_.pop_back();
    return false;
  }
  ++count_;
  return true;
}

void HttpStreams::reap() {
  std::list<Live> gone;
  {
    std::lock_guard lock(mutex_);
    for (auto it = streams_.begin(); it != streams_.end();) {
      const auto here = it++;
      if (here->fd < 0) gone.splice(gone.end(), streams_, here);  // keeps the element in place
    }
  }
  for (auto& live : gone) live.thread.join();
}

void HttpStreams::stop() {
  std::list<Live> gone;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& live : streams_) {
      if (live.fd >= 0) ::shutdown(live.fd, SHUT_RDWR);
    }
    gone.swap(streams_);
  }
  for (auto& live : gone) live.thread.join();
}

size_t HttpStreams::count() const {
  std::lock_guard lock(mutex_);
  return count_;
}

}  // namespace tributary::http
