// SPDX-License-Identifier: Apache-2.0
// Any bytes sent to the edge's HTTP port: an answer or a wish for more, never both, and never more than once for less.
#include <cstdint>
#include <cstdlib>

#include "edge/run/status_server.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tributary::edge;
  const std::string_view request(reinterpret_cast<const char*>(data), size);
  int asked = 0;
  const auto answer = [&](std::string_view path) {
    ++asked;
    if (path.empty() || path.front() != '/') std::abort();
    return HttpAnswer{200, "text/plain", "ok"};
  };
  const auto got = respond(request, answer);
  if (asked > 1 || (asked == 1 && !got)) std::abort();
  if (got && !got->starts_with("HTTP/1.1 ")) std::abort();
  if (!got && size >= kHttpRequestBytesMax) std::abort();
  return 0;
}
