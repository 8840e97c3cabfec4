// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as what arrives at the bridge over MQTT: the message, also with checksums that fit, and its
// topic.
#include "cloud/bridge/inspect.h"
#include "cloud/bridge/topic.h"
#include "common/base/check.h"
#include "tests/fuzz/seal.h"

namespace {

using namespace tributary;

// What an aggregator relies on in a message that was let through.
class Checker final : public wire::BodyVisitor {
 public:
  wire::DecodeError on_series(uint32_t, const wire::SeriesView&) override { return wire::DecodeError::kNone; }
  wire::DecodeError on_partial(uint64_t, const wire::Partial& partial) override {
    stats::Summary::Facts facts;
    CHECK(stats::Summary::inspect(partial.summary, facts) && !facts.empty);
    CHECK(facts.count == 0 || (in_window(facts.first.time_ns, partial.start_s, partial.width_s) &&
                               in_window(facts.last.time_ns, partial.start_s, partial.width_s)));
    return wire::DecodeError::kNone;
  }
  wire::DecodeError on_opening(uint64_t, const wire::Opening&) override { return wire::DecodeError::kNone; }
  wire::DecodeError on_gap(uint64_t, const wire::Gap&) override { return wire::DecodeError::kNone; }
  wire::DecodeError on_lost(uint64_t, const wire::LostAtGateway&) override { return wire::DecodeError::kNone; }
};

void inspect(Bytes message) {
  constexpr int64_t kNowNs = 1767225600000000000;
  static bridge::Inspector inspector(600);
  bridge::Inspection found = inspector.inspect(message, kNowNs);
  if (found.fate == bridge::Fate::kMessage || found.fate == bridge::Fate::kRejected) {
    CHECK(found.header.epoch != 0 && found.header.first_seq != 0);
  }
  CHECK((found.fate == bridge::Fate::kMessage) == found.reason.empty());
  if (found.fate == bridge::Fate::kMessage) {
    Checker checker;
    CHECK(wire::read_body(message, found.header, checker) == wire::DecodeError::kNone);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes bytes(data, size);
  inspect(bytes);
  if (size >= 2 && size < wire::kMessageBytesMax - wire::kHeaderBytes) {
    inspect(fuzz::seal_message({.epoch = 1, .first_seq = 1u + (data[1] & 1), .count = data[0]}, bytes.subspan(2)));
  }
  if (auto topic = bridge::parse_topic(as_text(bytes))) {
    CHECK(is_topic_name(topic->tenant) && is_topic_name(topic->gateway));
  }
  return 0;
}
