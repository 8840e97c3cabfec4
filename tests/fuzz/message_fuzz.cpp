// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as an uplink message, and as the body of one whose checksums fit. What is accepted is built
// anew from what was read, reads the same again, and is then the same byte for byte.
#include <memory>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/stats/summary.h"
#include "common/wire/message.h"
#include "tests/fuzz/seal.h"

namespace {

using namespace tributary;

// Builds a message of what it is shown.
class Rebuilder final : public wire::BodyVisitor {
 public:
  Rebuilder() : buffer_(wire::kMessageBytesMax), builder_(buffer_) {}
  std::vector<uint8_t> finish(const wire::Header& header) {
    Bytes bytes = builder_.finish(header);
    return {bytes.begin(), bytes.end()};
  }

  wire::DecodeError on_series(uint32_t index, const wire::SeriesView& series) override {
    CHECK(wire::check_series_view(series) == wire::DecodeError::kNone);
    auto added = builder_.add_series(series);
    CHECK(added && *added == index);
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_partial(uint64_t, const wire::Partial& partial) override {
    CHECK(is_window(partial.start_s, partial.width_s));
    static stats::Summary summary;
    if (summary.decode(partial.summary)) {
      std::vector<uint8_t> again(stats::kSummaryBytesMax);
      again.resize(summary.encode(again));
      CHECK(std::vector<uint8_t>(partial.summary.begin(), partial.summary.end()) == again);
    }
    CHECK(builder_.add(partial));
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_opening(uint64_t seq, const wire::Opening& opening) override {
    CHECK(seq == 1 && builder_.add(opening));
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_gap(uint64_t, const wire::Gap& gap) override {
    CHECK(gap.from_ns <= gap.to_ns && builder_.add(gap));
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_lost(uint64_t, const wire::LostAtGateway& lost) override {
    CHECK(is_window(lost.start_s, lost.width_s) && builder_.add(lost));
    return wire::DecodeError::kNone;
  }

 private:
  std::vector<uint8_t> buffer_;
  wire::MessageBuilder builder_;
};

// The message built anew, or nothing if it was refused.
std::vector<uint8_t> rebuild(Bytes message) {
  wire::Header header;
  if (wire::parse_header(message, header) != wire::DecodeError::kNone) return {};
  CHECK(header.epoch != 0 && header.first_seq != 0 && header.first_seq + header.count <= wire::kSeqMax);
  Rebuilder rebuilder;
  if (wire::read_body(message, header, rebuilder) != wire::DecodeError::kNone) return {};
  return rebuilder.finish(header);
}

void run(Bytes message) {
  std::vector<uint8_t> once = rebuild(message);
  if (once.empty()) return;
  CHECK(rebuild(once) == once);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes bytes(data, size);
  run(bytes);
  // The builder writes the machine id even where the fuzzer left it out, so a full message might not fit again.
  if (size < 2 || size > wire::kMessageBytesMax - wire::kHeaderBytes - 32) return 0;
  wire::Header header{.epoch = 1, .first_seq = 1u + (data[1] & 1), .count = data[0]};
  run(fuzz::seal_message(header, bytes.subspan(2)));
  return 0;
}
