// SPDX-License-Identifier: Apache-2.0
// The head of a request and the chunked coding, see http_head.h.
#include "cloud/http/head.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace tributary::http {
namespace {

constexpr size_t kTargetBytesMax = 8000;  // cpp-httplib's own limit is 8192
constexpr size_t kChunkOverheadBytesMax = 16 * 1024;

bool is_token(std::string_view text) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

Refusal bad(std::string detail, std::string_view found = {}, std::string expected = {}) {
  return Refusal{400, "bad_request", std::move(detail), std::string(found.substr(0, 80)), std::move(expected)};
}

// Clients send the absolute form to proxies, and some to everybody (RFC 9112, section 3.2.2): the authority is then
// what Host would say.
void take_authority(std::string& target, std::string& authority) {
  const std::string scheme = lower(std::string_view(target).substr(0, 8));
  const size_t begin = scheme == "https://" ? 8 : scheme.starts_with("http://") ? 7 : 0;
  if (begin == 0) return;
  const size_t end = std::min(target.find_first_of("/?", begin), target.size());
  if (end == begin) return;
  authority = target.substr(begin, end - begin);
  target.erase(0, end);
  if (!target.starts_with('/')) target.insert(0, 1, '/');
}

std::optional<Refusal> parse_request_line(std::string_view line, Head& head, std::string& authority) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first)
    return bad("The request line is broken.", line, "METHOD /path HTTP/1.1");
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(head.method)) return bad("The request line is broken.", line, "METHOD /path HTTP/1.1");
  if (version.size() != 8 || version.substr(0, 5) != "HTTP/")
    return bad("The HTTP version is broken.", version, "HTTP/1.1");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return Refusal{505, "bad_version", "This server speaks HTTP/1.1.", std::string(version), "HTTP/1.1"};
  }
  head.minor_version = version == "HTTP/1.1" ? 1 : 0;
  if (head.target.size() > kTargetBytesMax) {
    return Refusal{414, "target_too_long", "The request target is too long.",
                   std::to_string(head.target.size()) + " bytes", "at most " + std::to_string(kTargetBytesMax)};
  }
  take_authority(head.target, authority);
  const bool visible =
      std::all_of(head.target.begin(), head.target.end(), [](char c) { return c > 0x20 && c != 0x7F; });
  if (head.target.empty() || head.target.front() != '/' || !visible) {
    return bad("The request target is broken.", head.target, "a path that begins with '/', percent-encoded");
  }
  constexpr std::array<std::string_view, 9> kMethods = {"GET",    "HEAD",    "POST",  "PUT",  "PATCH",
                                                        "DELETE", "OPTIONS", "TRACE", "QUERY"};
  if (std::find(kMethods.begin(), kMethods.end(), head.method) == kMethods.end()) {
    return Refusal{501, "unknown_method", "The method is not known here.", head.method.substr(0, 80),
                   "GET, HEAD, POST or DELETE"};
  }
  return std::nullopt;
}

// What the headers say about the connection and the body.
std::optional<Refusal> interpret(Head& head) {
  bool host = false;
  head.keep_alive = head.minor_version == 1;
  for (const auto& [name, value] : head.headers) {
    if (name == "host") {
      if (host) return bad("Two Host headers.", value, "one");
      host = true;
    } else if (name == "content-length") {
      uint64_t length = 0;
      const char* end = value.data() + value.size();
      const auto parsed = std::from_chars(value.data(), end, length);
      if (value.empty() || parsed.ec != std::errc() || parsed.ptr != end || head.content_length.has_value()) {
        return bad("Content-Length is broken.", value, "one whole number");
      }
      head.content_length = length;
    } else if (name == "transfer-encoding") {
      if (lower(value) != "chunked" || head.chunked || head.minor_version == 0) {
        return Refusal{501, "unknown_transfer_encoding", "The transfer encoding is not known here.",
                       value.substr(0, 80), "chunked"};
      }
      head.chunked = true;
    } else if (name == "content-encoding") {
      if (lower(value) != "identity") {
        return Refusal{415, "unknown_content_encoding", "Bodies must not be compressed.", value.substr(0, 80),
                       "identity"};
      }
    } else if (name == "connection") {
      const std::string options = lower(value);
      if (options.find("close") != std::string::npos) head.keep_alive = false;
      if (head.minor_version == 0 && options.find("keep-alive") != std::string::npos) head.keep_alive = true;
    } else if (name == "expect") {
      if (lower(value) != "100-continue") return bad("The expectation is not known here.", value, "100-continue");
      head.expect_continue = head.minor_version == 1;
    }
  }
  if (head.chunked && head.content_length)
    return bad("Content-Length and Transfer-Encoding together.", {}, "one of them");
  if (!host && head.minor_version == 1) return bad("The Host header is missing.", {}, "Host");
  return std::nullopt;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

size_t find_head_end(std::string_view bytes, size_t from) {
  const size_t at = bytes.find("\r\n\r\n", from < 3 ? 0 : from - 3);
  return at == std::string_view::npos ? at : at + 4;
}

std::optional<Refusal> parse_head(std::string_view bytes, size_t headers_max, Head& head) {
  head = Head{};
  size_t at = bytes.find("\r\n");
  if (at == std::string_view::npos) return bad("The request line is broken.", bytes, "METHOD /path HTTP/1.1");
  std::string authority;
  if (auto refusal = parse_request_line(bytes.substr(0, at), head, authority)) return refusal;
  for (at += 2; at < bytes.size();) {
    const size_t end = bytes.find("\r\n", at);
    if (end == std::string_view::npos) return bad("A header line is broken.", bytes.substr(at), "Name: value");
    const std::string_view line = bytes.substr(at, end - at);
    at = end + 2;
    if (line.empty()) break;
    if (head.headers.size() == headers_max) {
      return Refusal{431, "too_many_headers", "Too many headers.", "more than " + std::to_string(headers_max),
                     "at most " + std::to_string(headers_max)};
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
      return bad("A header line is broken.", line, "Name: value");
    const std::string_view value = trimmed(line.substr(colon + 1));
    const bool clean = std::none_of(value.begin(), value.end(),
                                    [](char c) { return (static_cast<uint8_t>(c) < 0x20 && c != '\t') || c == 0x7F; });
    if (!clean) return bad("A header value holds control characters.", line.substr(0, colon), "visible characters");
    head.headers.emplace_back(lower(line.substr(0, colon)), value);
  }
  if (auto refusal = interpret(head)) return refusal;
  for (auto& [name, value] : head.headers) {
    if (name == "host" && !authority.empty()) value = authority;
  }
  return std::nullopt;
}

// A byte of the line with a chunk's size. kMore: go on.
ChunkDecoder::Verdict ChunkDecoder::in_size_line(char c, size_t body_bytes) {
  switch (at_) {
    case At::kSize:
      if (const int digit = hex_digit(c); digit >= 0) {
        size_ = size_ * 16 + static_cast<uint64_t>(digit);
        return ++digits_ > 8 ? Verdict::kTooLarge : Verdict::kMore;
      }
      if (digits_ == 0) return Verdict::kBad;
      [[fallthrough]];
    case At::kSizeBlank:  // some pad the size; nothing but an extension or the end of the line may follow
      if (c != '\r' && c != ';' && c != ' ' && c != '\t') return Verdict::kBad;
      if (c != '\r') at_ = c == ';' ? At::kExtension : At::kSizeBlank;
      break;
    case At::kExtension:
      if (c == '\n') return Verdict::kBad;
      break;
    default:  // kSizeEnd
      if (c != '\n') return Verdict::kBad;
      if (size_ > body_bytes_max_ - body_bytes) return Verdict::kTooLarge;
      at_ = size_ == 0 ? At::kTrailer : At::kData;
      return Verdict::kMore;
  }
  if (c == '\r') {
    at_ = At::kSizeEnd;
    return Verdict::kMore;
  }
  return ++overhead_bytes_ > kChunkOverheadBytesMax ? Verdict::kBad : Verdict::kMore;
}

// A byte after a chunk or after the last one. Trailers are read and forgotten; a line feed alone ends none.
ChunkDecoder::Verdict ChunkDecoder::after_data(char c) {
  const auto end_of_line = [&](At next) {
    if (c != '\n') return Verdict::kBad;
    at_ = next;
    return next == At::kDone ? Verdict::kDone : Verdict::kMore;
  };
  switch (at_) {
    case At::kDataReturn:
      if (c != '\r') return Verdict::kBad;
      at_ = At::kDataEnd;
      return Verdict::kMore;
    case At::kDataEnd:
      digits_ = 0;
      return end_of_line(At::kSize);
    case At::kTrailerEnd:
      return end_of_line(At::kTrailer);
    case At::kLastEnd:
      return end_of_line(At::kDone);
    default:  // kTrailer, at the start of a line; kTrailerLine
      break;
  }
  if (c == '\n' || ++overhead_bytes_ > kChunkOverheadBytesMax) return Verdict::kBad;
  at_ = c != '\r' ? At::kTrailerLine : at_ == At::kTrailer ? At::kLastEnd : At::kTrailerEnd;
  return Verdict::kMore;
}

ChunkDecoder::Verdict ChunkDecoder::feed(std::string_view bytes, std::string& body, size_t& used) {
  used = 0;
  while (used < bytes.size() && at_ != At::kDone) {
    if (at_ == At::kData) {
      const size_t take = std::min<uint64_t>(size_, bytes.size() - used);
      body.append(bytes.substr(used, take));
      size_ -= take;
      used += take;
      if (size_ == 0) at_ = At::kDataReturn;
      continue;
    }
    const char c = bytes[used];
    const Verdict verdict = at_ < At::kData ? in_size_line(c, body.size()) : after_data(c);
    if (verdict == Verdict::kBad || verdict == Verdict::kTooLarge) return verdict;
    ++used;
  }
  return at_ == At::kDone ? Verdict::kDone : Verdict::kMore;
}

}  // namespace tributary::http
