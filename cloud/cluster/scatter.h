// SPDX-License-Identifier: Apache-2.0
// Scatter: one question to each of several aggregators over HTTP, all at the same time, by the thread that asks:
// sockets of our own on an event loop of its own, because every bound must hold whatever the other side does: the time
// for all of it, the bytes of the head and of the body. A connection is kept for the next question.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tributary::cluster {

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

struct Exchange {
  Address address;
  std::string request;  // head and body
  int fd = -1;          // in: a kept connection, or -1; out: one that can be kept, or -1
  std::string body;     // of the answer
  std::string failure;  // why there is none, one word: "refused", "timeout", "closed", "bad_answer", "status_401" …
};

// A loop and nothing else: made once, used for question after question, by one thread at a time.
class Scatter {
 public:
  Scatter();
  ~Scatter();

  // Runs meanwhile once after the questions were sent, then waits until every answer is there, at most timeout_ms
  // longer. A kept connection that turns out to be closed is opened anew, once. Leaks no descriptor.
  void ask(std::vector<Exchange>& all, int timeout_ms, const std::function<void()>& meanwhile);

 private:
  struct Impl;
  const std::unique_ptr<Impl> impl_;
};

struct ResponseHead {
  int status = 0;
  size_t head_bytes = 0;  // the blank line included
  size_t body_bytes = 0;
  bool keeps = true;  // the connection
};
// The head of a response, HTTP/1.1 with a Content-Length. nullopt: not whole yet, or broken (then *broken is set).
std::optional<ResponseHead> parse_response_head(std::string_view bytes, bool* broken);

// The request head of a question of body_bytes. host: "name:port".
std::string request_head(std::string_view host, std::string_view secret, size_t body_bytes);

}  // namespace tributary::cluster
