// SPDX-License-Identifier: Apache-2.0
// Connection, see connection.h.
#include "cloud/http/connection.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <chrono>

namespace tributary::http {

int64_t mono_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

bool Connection::receive() {
  std::array<char, 65536> buffer;
  asio::error_code error;
  in.append(buffer.data(), socket.read_some(asio::buffer(buffer), error));
  return !error || error == asio::error::would_block || error == asio::error::interrupted;
}

bool Connection::send_some() {
  while (out_at < out.size()) {
    asio::error_code error;
    const size_t sent = socket.write_some(asio::buffer(out) + out_at, error);
    if (error == asio::error::interrupted) continue;
    if (error) return error == asio::error::would_block;
    out_at += sent;
    sent_bytes += sent;
  }
  out.clear();
  out_at = 0;
  return true;
}

uint64_t Connection::taken_bytes() {
  int queued = 0;
  return ::ioctl(socket.native_handle(), SIOCOUTQ, &queued) == 0 ? sent_bytes - static_cast<uint64_t>(queued)
                                                                 : sent_bytes;
}

Connection::Progress Connection::refuse(Refusal why) {
  refusal = std::move(why);
  return Progress::kRefused;
}

Connection::Progress Connection::advance(const HttpConfig& config, int64_t now_ms, const HttpServer::Admit& admit) {
  if (phase == Phase::kIdle) {
    // Some clients send an empty line after a request (RFC 9112, section 2.2).
    while (in.starts_with("\r\n")) in.erase(0, 2);
    if (in.empty()) return Progress::kMore;
    phase = Phase::kHead;
    deadline_ms = now_ms + config.head_ms_max;
    searched = 0;
  }
  if (phase == Phase::kHead) {
    const size_t end = find_head_end(in, searched);
    if (std::min(end, in.size()) > config.head_bytes_max) {
      return refuse({431, "head_too_large", "The request line and headers are too large.",
                     "more than " + std::to_string(config.head_bytes_max) + " bytes",
                     "at most " + std::to_string(config.head_bytes_max) + " bytes"});
    }
    if (end == std::string::npos) {
      // A line feed alone never ends a head here; say so at once instead of waiting for the rest.
      for (size_t at = in.find('\n', searched); at != std::string::npos; at = in.find('\n', at + 1)) {
        if (at == 0 || in[at - 1] != '\r') return refuse({400, "bad_request", "A line does not end in CR LF.", {}, {}});
      }
      searched = in.size();
      return Progress::kMore;
    }
    if (auto why = parse_head(std::string_view(in).substr(0, end), config.headers_max, head))
      return refuse(std::move(*why));
    in.erase(0, end);
    if (head.content_length.value_or(0) > config.body_bytes_max) {
      return refuse({413, "body_too_large", "The body is too large.", std::to_string(*head.content_length) + " bytes",
                     "at most " + std::to_string(config.body_bytes_max) + " bytes"});
    }
    payer.clear();
    if (admit && (head.chunked || head.content_length.value_or(0) > 0)) {
      Request request{.method = head.method, .headers = head.headers, .remote = remote};
      request.path = head.target.substr(0, head.target.find('?'));
      if (auto response = admit(request, payer)) {
        denial = std::move(*response);
        return Progress::kDenied;
      }
    }
    phase = Phase::kBody;
    deadline_ms = now_ms + config.body_ms_max;
    body.clear();
    chunks.reset();
    if (head.chunked) chunks.emplace(config.body_bytes_max);
    continue_due = head.expect_continue && in.empty() && (head.chunked || head.content_length.value_or(0) > 0);
  }
  return advance_body(config);
}

Connection::Progress Connection::advance_body(const HttpConfig& config) {
  if (!chunks) {
    const size_t wanted = head.content_length.value_or(0) - body.size();
    const size_t take = std::min(wanted, in.size());
    body.append(in, 0, take);
    in.erase(0, take);
    return take == wanted ? Progress::kReady : Progress::kMore;
  }
  size_t used = 0;
  const auto verdict = chunks->feed(in, body, used);
  in.erase(0, used);
  switch (verdict) {
    case ChunkDecoder::Verdict::kMore:
      return Progress::kMore;
    case ChunkDecoder::Verdict::kDone:
      return Progress::kReady;
    case ChunkDecoder::Verdict::kBad:
      return refuse({400, "bad_chunks", "The chunked body is broken.", {}, {}});
    case ChunkDecoder::Verdict::kTooLarge:
      break;
  }
  const std::string limit = std::to_string(config.body_bytes_max) + " bytes";
  return refuse({413, "body_too_large", "The body is too large.", "more than " + limit, "at most " + limit});
}

}  // namespace tributary::http
