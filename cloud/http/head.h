// SPDX-License-Identifier: Apache-2.0
// The head of an HTTP/1.1 request (RFC 9112), parsed strictly, and the chunked coding of bodies. Pure: bytes in,
// verdict out. What two readers could understand differently (two lengths, a length and chunks, folded lines) is
// refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/http/server.h"

namespace tributary::http {

struct Head {
  std::string method, target;  // the target of an absolute one without scheme and authority
  int minor_version = 1;       // of HTTP/1.x
  Fields headers;              // names in lower case, values without surrounding blanks
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expect_continue = false;
};

// Why a request was refused before any handler saw it. reason is the label in /metrics.
struct Refusal {
  int status = 400;
  const char* reason = "bad_request";
  std::string detail, found, expected;
};

// The size of the head with its empty line, or npos if that has not come yet. Resume the search with from.
size_t find_head_end(std::string_view bytes, size_t from);

// Parses bytes, a head with its empty line. nullopt: head is filled.
std::optional<Refusal> parse_head(std::string_view bytes, size_t headers_max, Head& head);

// Takes the chunked coding apart, in any pieces. Keeps nothing but the body.
class ChunkDecoder {
 public:
  enum class Verdict { kMore, kDone, kBad, kTooLarge };
  explicit ChunkDecoder(size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}
  // Takes from the front of bytes, appends to body; used says how much was taken (what follows kDone is the next
  // request's).
  Verdict feed(std::string_view bytes, std::string& body, size_t& used);

 private:
  enum class At {
    kSize,
    kSizeBlank,
    kExtension,
    kSizeEnd,
    kData,
    kDataReturn,
    kDataEnd,
    kTrailer,
    kTrailerLine,
    kTrailerEnd,
    kLastEnd,
    kDone
  };
  Verdict in_size_line(char c, size_t body_bytes);
  Verdict after_data(char c);

  size_t body_bytes_max_;
  At at_ = At::kSize;
  uint64_t size_ = 0;
  int digits_ = 0;
  size_t overhead_bytes_ = 0;  // of extensions and trailers, bounded
};

}  // namespace tributary::http
