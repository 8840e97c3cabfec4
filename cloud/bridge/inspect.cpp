// SPDX-License-Identifier: Apache-2.0
// Validation of uplink messages: see inspect.h.
#include "cloud/bridge/inspect.h"

#include <algorithm>
#include <cstdio>
#include <limits>

#include "common/ledger/receiver.h"
#include "common/reading/payload.h"

namespace tributary::bridge {
namespace {

using wire::DecodeError;

std::string hex(Bytes bytes) {
  std::string out;
  char text[4];
  for (const uint8_t byte : bytes) {
    std::snprintf(text, sizeof text, "%02x", byte);
    out += text;
  }
  return out;
}

// Walks the body and verifies what the wire format leaves to its reader: summaries, the times in them, and the future.
class Verifier final : public wire::BodyVisitor {
 public:
  Verifier(stats::Summary& summary, int64_t latest_start_s) : summary_(summary), latest_start_s_(latest_start_s) {}

  DecodeError on_series(uint32_t, const wire::SeriesView&) override { return DecodeError::kNone; }

  DecodeError on_partial(uint64_t seq, const wire::Partial& partial) override {
    if (!summary_.decode(partial.summary) || summary_.empty()) {
      found = "seq " + std::to_string(seq) + ": a summary of " + std::to_string(partial.summary.size()) + " bytes";
      return DecodeError::kBadSummary;
    }
    const stats::Numeric<double>& numeric = summary_.numeric();
    if (numeric.count() > 0) {
      for (const int64_t time_ns : {numeric.first().time_ns, numeric.last().time_ns}) {
        if (in_window(time_ns, partial.start_s, partial.width_s)) continue;
        found = "seq " + std::to_string(seq) + ": a reading of " + reading::format_timestamp(time_ns) +
                " in the window of " + std::to_string(partial.width_s) + " s from " +
                reading::format_timestamp(partial.start_s * kNanosPerSecond);
        return DecodeError::kOutsideWindow;
      }
    }
    ++items;
    if (partial.start_s > latest_start_s_) {
      ++future_partials;
      future_start_s = std::max(future_start_s, partial.start_s);
    }
    return DecodeError::kNone;
  }

  DecodeError on_opening(uint64_t, const wire::Opening&) override { return other_item(); }
  DecodeError on_gap(uint64_t, const wire::Gap&) override { return other_item(); }
  DecodeError on_lost(uint64_t, const wire::LostAtGateway&) override { return other_item(); }

  uint64_t items = 0, future_partials = 0;
  int64_t future_start_s = std::numeric_limits<int64_t>::min();
  std::string found;

 private:
  DecodeError other_item() {
    ++items;
    return DecodeError::kNone;
  }

  stats::Summary& summary_;
  const int64_t latest_start_s_;
};

const char* expected_instead_of(DecodeError error) {
  switch (error) {
    case DecodeError::kTooShort:
      return "a whole message header";
    case DecodeError::kTooLong:
      return "at most 65536 bytes";
    case DecodeError::kBadMagic:
      return "the magic bytes of a Tributary message";
    case DecodeError::kHeaderChecksum:
      return "a header whose checksum fits";
    case DecodeError::kUnknownVersion:
      return "version 1";
    case DecodeError::kUnknownFeature:
      return "no feature beyond version 1";
    case DecodeError::kBodyChecksum:
      return "a body whose checksum fits";
    case DecodeError::kBadHeader:
      return "an epoch, a first seq and a count that make sense";
    case DecodeError::kBadBody:
      return "a body with as many items as the header says";
    case DecodeError::kBadSeries:
      return "a series within the limits";
    case DecodeError::kBadWidth:
      return "a width of the ladder and a start aligned to it";
    case DecodeError::kBadSummary:
      return "a canonical summary of at least one reading";
    case DecodeError::kOutsideWindow:
      return "readings within their window";
    case DecodeError::kNone:
      break;
  }
  return "a message";
}

std::string found_at(DecodeError error, Bytes message, const wire::Header& header) {
  constexpr size_t kShownBytes = 8;
  const std::string size = std::to_string(message.size()) + " bytes";
  switch (error) {
    case DecodeError::kUnknownVersion:
      return "version " + std::to_string(header.version);
    case DecodeError::kUnknownFeature: {
      char text[16];
      std::snprintf(text, sizeof text, "0x%08x", header.required_features);
      return std::string("features ") + text;
    }
    case DecodeError::kBadHeader:
      return "epoch " + std::to_string(header.epoch) + ", first seq " + std::to_string(header.first_seq) + ", count " +
             std::to_string(header.count);
    case DecodeError::kTooShort:
    case DecodeError::kBadMagic:
      return size + " beginning " + hex(message.first(std::min(message.size(), kShownBytes)));
    default:
      return size;
  }
}

// What a header's error means for the message.
Fate fate_of(DecodeError error) {
  switch (error) {
    case DecodeError::kNone:
      return Fate::kMessage;
    case DecodeError::kUnknownVersion:
    case DecodeError::kUnknownFeature:
      return Fate::kUnknown;
    case DecodeError::kTooShort:
    case DecodeError::kTooLong:
    case DecodeError::kBadMagic:
    case DecodeError::kHeaderChecksum:
    case DecodeError::kBadHeader:
      return Fate::kUseless;
    default:
      return Fate::kRejected;
  }
}

}  // namespace

Inspection Inspector::inspect(Bytes message, int64_t now_ns) {
  Inspection result;
  const bool too_long = message.size() > wire::kMessageBytesMax;
  // An oversized message may still have a sound header, whose seqs can be settled.
  const Bytes looked_at = message.first(std::min(message.size(), wire::kMessageBytesMax));
  DecodeError error = wire::parse_header(looked_at, result.header);
  // A gateway has at most kSpanMax seqs under way: it cannot have sent more in one message.
  const bool sound = fate_of(error) == Fate::kMessage || fate_of(error) == Fate::kRejected;
  if (sound && result.header.count > ledger::kSpanMax) error = DecodeError::kBadHeader;
  result.fate = fate_of(error);

  Verifier verifier(summary_, to_seconds_floor(now_ns) + max_future_s_);
  if (error == DecodeError::kNone && !too_long) {
    error = wire::read_body(message, result.header, verifier);
    if (error != DecodeError::kNone) result.fate = Fate::kRejected;
  }
  if (too_long && (result.fate == Fate::kMessage || result.fate == Fate::kRejected)) {
    result.fate = Fate::kRejected;
    error = DecodeError::kTooLong;
  }
  if (error != DecodeError::kNone) {
    result.reason = wire::to_string(error);
    result.found = verifier.found.empty() ? found_at(error, message, result.header) : verifier.found;
    result.expected = expected_instead_of(error);
  } else if (verifier.future_partials > 0 && verifier.future_partials == verifier.items) {
    result.fate = Fate::kRejected;
    result.reason = "future";
    result.found = "a window from " + std::to_string(verifier.future_start_s) + " s";
    result.expected = "none that starts after " + std::to_string(to_seconds_floor(now_ns) + max_future_s_) + " s";
  }
  return result;
}

}  // namespace tributary::bridge
