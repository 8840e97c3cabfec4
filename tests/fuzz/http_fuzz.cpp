// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as an HTTP request: head, chunked body, and the query parameters of a request that parses. The
// chunked coding says the same in whatever pieces it comes.
#include <string>

#include "cloud/api/params.h"
#include "cloud/http/codec.h"
#include "cloud/http/head.h"
#include "common/base/check.h"

namespace {

using namespace tributary;

constexpr size_t kBodyBytesMax = 4096;

void read_chunks(std::string_view bytes) {
  std::string whole;
  size_t whole_used = 0;
  http::ChunkDecoder decoder(kBodyBytesMax);
  auto verdict = decoder.feed(bytes, whole, whole_used);
  CHECK(whole_used <= bytes.size() && whole.size() <= kBodyBytesMax);

  std::string body;
  size_t taken = 0;
  http::ChunkDecoder bytewise(kBodyBytesMax);
  auto last = http::ChunkDecoder::Verdict::kMore;
  while (taken < bytes.size() && last == http::ChunkDecoder::Verdict::kMore) {
    size_t used = 0;
    last = bytewise.feed(bytes.substr(taken, 1), body, used);
    taken += used;
    if (used == 0) break;
  }
  if (verdict == http::ChunkDecoder::Verdict::kDone || last == http::ChunkDecoder::Verdict::kDone) {
    CHECK(verdict == last && body == whole && taken == whole_used);
  }
}

http::Response ask(const http::Request& request) {
  api::Params params(request);
  constexpr int64_t kNowNs = 1767225600000000000;
  params.selection("tenant");
  params.range(kNowNs);
  params.list("stats");
  params.flag("live");
  params.choice("format", {"json", "csv"});
  if (auto step = params.text("step")) api::parse_duration_s(*step);
  params.finish();
  return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const http::Fields default_headers;  // the codec keeps a reference
  static http::HttpCodec codec(default_headers);
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_chunks(bytes);
  size_t end = http::find_head_end(bytes, 0);
  if (end == std::string_view::npos) return 0;
  CHECK(end <= bytes.size());
  http::Head head;
  if (auto refusal = http::parse_head(bytes.substr(0, end), 100, head)) {
    CHECK(refusal->status >= 400 && refusal->status < 600);
    return 0;
  }
  CHECK(!(head.chunked && head.content_length));
  codec.answer(head, std::string(bytes.substr(end)), "127.0.0.1:1", true, ask);
  return 0;
}
