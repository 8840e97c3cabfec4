// SPDX-License-Identifier: Apache-2.0
// Validation of uplink messages: see inspect.h.
#include "cloud/bridge/inspect.h"

#include <algorithm>
#include <cstdio>
#include <limits>

#include "common/base/hex.h"
#include "common/ledger/receiver.h"
#include "common/reading/payload.h"

namespace tributary::bridge {
namespace {

using wire::DecodeError;

// The unsound partial in words; empty where the error is of another kind.
std::string found_in(const message::MessageDecoder& decoder, DecodeError error) {
  const auto& unsound = decoder.unsound();
  const std::string at = "seq " + std::to_string(unsound.seq) + ": a ";
  if (error == DecodeError::kBadSummary) return at + "summary of " + std::to_string(unsound.summary_bytes) + " bytes";
  if (error != DecodeError::kOutsideWindow) return "";
  return at + "reading of " + reading::format_timestamp(unsound.outside_ns) + " in the window of " +
         std::to_string(unsound.width_s) + " s from " + reading::format_timestamp(unsound.start_s * kNanosPerSecond);
}

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
      return size + " beginning " + to_hex(message.first(std::min(message.size(), kShownBytes)));
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

  bool body_read = false;
  if (error == DecodeError::kNone && !too_long) {
    body_read = true;
    error = decoder_.decode_body(message, result.header);
    if (error != DecodeError::kNone) result.fate = Fate::kRejected;
  }
  if (too_long && (result.fate == Fate::kMessage || result.fate == Fate::kRejected)) {
    result.fate = Fate::kRejected;
    error = DecodeError::kTooLong;
  }
  if (error != DecodeError::kNone) {
    result.reason = wire::to_string(error);
    if (body_read) result.found = found_in(decoder_, error);
    if (result.found.empty()) result.found = found_at(error, message, result.header);
    result.expected = expected_instead_of(error);
  } else if (result.fate == Fate::kMessage) {
    reject_future(result, latest_start_s(now_ns, max_future_s_));
  }
  return result;
}

void Inspector::reject_future(Inspection& result, int64_t latest_s) const {
  int64_t newest_s = std::numeric_limits<int64_t>::min(), newest_ns = std::numeric_limits<int64_t>::min();
  for (const message::MessageItem& item : decoder_.items()) {
    if (!message::is_ahead(item, latest_s)) return;
    newest_s = std::max(newest_s, item.start_s);
    newest_ns = std::max(newest_ns, item.last_ns);
  }
  if (decoder_.items().empty()) return;
  result.fate = Fate::kRejected;
  result.reason = "future";
  result.found =
      "a window from " + std::to_string(newest_s) + " s with a reading of " + reading::format_timestamp(newest_ns);
  result.expected = "no window that starts, and no reading, after " + std::to_string(latest_s) + " s";
}

}  // namespace tributary::bridge
