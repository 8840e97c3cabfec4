// SPDX-License-Identifier: Apache-2.0
// The uplink message: a fixed header and a nanopb-encoded body (proto/tributary.proto), at most 64 KiB. Freestanding:
// the caller gives the buffer. The byte layout is specified in common/wire/FORMAT.md.
//
// A message carries items with consecutive seqs: first_seq, first_seq + 1, … An item is a partial, an opening, a gap,
// or a loss at the gateway. An empty message (count 0) only carries frontier and mark; its first_seq is the next seq.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/time.h"
#include "common/series/label_view.h"

namespace tributary::wire {

inline constexpr size_t kMessageBytesMax = 65536;
inline constexpr size_t kHeaderBytes = 60;
inline constexpr uint8_t kFormatVersion = 1;
inline constexpr uint64_t kSeqMax = (uint64_t{1} << 63) - 1;
// Feature bits a reader must know to merge a message. None beyond version 1 yet; kinds of statistics will take them.
inline constexpr uint32_t kKnownFeatures = 0;

struct Header {
  uint8_t version = kFormatVersion;
  uint32_t required_features = 0;
  uint64_t epoch = 0;      // 64 random bits, not 0
  uint64_t first_seq = 0;  // seqs start at 1
  uint32_t count = 0;
  // When everything up to the last seq (first_seq + count - 1), and all older epochs, are settled, then every reading
  // with a time before frontier_ns that the gateway had accepted by mark_ns is merged or named.
  int64_t frontier_ns = 0;
  int64_t mark_ns = 0;
};

struct SeriesView {
  std::string_view device, metric;
  std::array<LabelView, 8> labels{};
  uint8_t label_count = 0;
  uint8_t kind = 0;  // MetricKind
  bool overflow = false;
};

struct Partial {
  uint32_t series = 0;  // index in the message's own table
  int64_t start_s = 0;
  WidthS width_s = 0;
  bool inherited = false;       // was waiting (or checkpointed) when its epoch began
  bool time_estimated = false;  // dated without a synchronised clock
  Bytes summary;                // stats::Summary, encoded
};

// Seq 1 of every epoch.
struct Opening {
  uint64_t predecessor_epoch = 0;  // 0: none (new or wiped gateway)
  uint64_t predecessor_last_seq = 0;
  std::array<uint8_t, 16> machine_id{};
  int64_t last_durable_ns = 0;  // 0: unknown
};

enum class GapCause : uint8_t { kCrash = 1, kStopped = 2, kOutboxReplaced = 3 };

// Readings that arrived in [from, to) may have been lost before acceptance.
struct Gap {
  int64_t from_ns = 0, to_ns = 0;
  GapCause cause = GapCause::kCrash;
};

// The seq's partial could not be read back at the gateway; window as far as known (width_s 0 and start_s 0 if not).
struct LostAtGateway {
  int64_t start_s = 0;
  WidthS width_s = 0;
};

enum class DecodeError {
  kNone,
  kTooShort,
  kTooLong,  // beyond kMessageBytesMax
  kBadMagic,
  kHeaderChecksum,  // the header's own CRC-32C: nothing in it can be trusted
  kUnknownVersion,  // header readable; must not be acknowledged
  kUnknownFeature,  // header readable; must not be acknowledged
  kBadHeader,       // sound but senseless: epoch 0, seq 0, a count that overflows or that no such body holds; drop it
  kBodyChecksum,    // from here on the header is sound, so the seqs can be settled as rejected
  kBadBody,         // not a body, count differs from the items in it, or an opening that is not seq 1
  kBadSeries,       // index outside the table, bad name, more than 8 labels
  kBadWidth,        // not a window (is_window): width or alignment outside the ladder
  kBadSummary,      // not a canonical summary (checked by the caller's visitor)
  kOutsideWindow,   // its first or last reading lies outside the partial's window (checked by the caller's visitor)
};
const char* to_string(DecodeError error);  // snake_case, fit for a metric label: "body_checksum"

// kNone, or kBadSeries: the same limits and alphabet as check_series in common/reading/series.h, without heap. Only an
// overflow series has no device.
DecodeError check_series_view(const SeriesView& series);

// Builds one message in a caller's buffer. Series and items may be added in turn; a series must come before its items.
// What is added is not checked (check_series_view, is_window): a reader would refuse the whole message.
class MessageBuilder {
 public:
  // REQUIRES: 128 <= buffer.size(); what goes beyond min(buffer.size(), kMessageBytesMax) is refused.
  explicit MessageBuilder(std::span<uint8_t> buffer);
  // The table index, or nothing if there is no room left.
  std::optional<uint32_t> add_series(const SeriesView& series);
  // False, and the message unchanged, if there is no room left.
  bool add(const Partial& partial);
  bool add(const Opening& opening);
  bool add(const Gap& gap);
  bool add(const LostAtGateway& lost);
  uint32_t item_count() const;
  size_t room() const;  // bytes left for series and items
  // Writes the header (its count is replaced by item_count()) and checksums; the finished message.
  // REQUIRES: epoch and first_seq are not 0.
  Bytes finish(Header header);

 private:
  std::span<uint8_t> buffer_;  // cut to kMessageBytesMax
  size_t size_;                // of header and body so far
  uint32_t series_count_ = 0;
  uint32_t item_count_ = 0;
};

// Parses and verifies the header and the body's checksum. header is filled as soon as it is sound (see DecodeError).
DecodeError parse_header(Bytes message, Header& header);

// Receives the body in order, before the rest of it is known to be sound: where that matters, walk the body twice.
// Every view lives as long as the message's bytes.
class BodyVisitor {
 public:
  // Each returns kNone to go on; anything else ends the walk and is read_body's result.
  virtual DecodeError on_series(uint32_t index, const SeriesView& series) = 0;
  virtual DecodeError on_partial(uint64_t seq, const Partial& partial) = 0;
  virtual DecodeError on_opening(uint64_t seq, const Opening& opening) = 0;
  virtual DecodeError on_gap(uint64_t seq, const Gap& gap) = 0;
  virtual DecodeError on_lost(uint64_t seq, const LostAtGateway& lost) = 0;

 protected:
  ~BodyVisitor() = default;
};
// REQUIRES: parse_header gave kNone for the same bytes. Any bytes are survived.
DecodeError read_body(Bytes message, const Header& header, BodyVisitor& visitor);

// The bridge's answer on .../ack: the seqs of one epoch that are in the log (merged or rejected: settled either way).
struct SeqRange {
  uint64_t first = 0, last = 0;  // inclusive
};
inline constexpr size_t kAckRangesMax = 64;
struct Ack {
  uint64_t epoch = 0;
  std::array<SeqRange, kAckRangesMax> ranges{};
  uint32_t range_count = 0;
};
inline constexpr size_t kAckBytesMax = 2048;
size_t encode_ack(const Ack& ack, std::span<uint8_t> out);  // 0 if out is too small
bool decode_ack(Bytes bytes, Ack& ack);                     // false on anything but one ack

}  // namespace tributary::wire
