// SPDX-License-Identifier: Apache-2.0
// HttpCodec: cpp-httplib's request parsing and response writing over bytes in memory. The reactor has read and bounded
// the request before; the library sees only its request line, so that nothing a client sends reaches the parts of the
// library that are not bounded (chunks, multipart, ranges, compression). One codec a thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cloud/http/head.h"
#include "cloud/http/server.h"

namespace tributary::http {

class HttpCodec {
 public:
  // keep_alive_s: what answers tell clients of how long a connection is kept without a request.
  explicit HttpCodec(const Fields& default_headers, int keep_alive_s = 30);
  ~HttpCodec();

  struct Answer {
    int status = 500;
    std::string bytes;  // the whole response, or its head if stream is set
    std::function<void(StreamWriter&)> stream;
  };
  // Parses, calls route, writes. keep_alive: what the response's Connection header says.
  Answer answer(const Head& head, std::string body, std::string remote, bool keep_alive, const Handler& route);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A response without the library: for streams, and for requests refused before there is one.
std::string serialize_head(const Response& response, const Fields& default_headers);

}  // namespace tributary::http
