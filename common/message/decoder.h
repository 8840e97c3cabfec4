// SPDX-License-Identifier: Apache-2.0
// An uplink message decoded whole and checked before any of it is applied, so that a bad one leaves nothing behind. The
// one rule of what is sound, for the bridge, which may still refuse, and for whoever finds the message in a log.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/series/series.h"
#include "common/stats/summary.h"
#include "common/wire/message.h"

namespace tributary::message {

// kNone if a partial is sound: its window is one, its summary canonical and not empty, and the first and last of its
// readings lie within the window. facts: as far as they were read.
wire::DecodeError judge_partial(const wire::Partial& partial, stats::Summary::Facts& facts);

struct MessageItem {
  enum class Kind : uint8_t { kPartial, kOpening, kGap, kLost };
  Kind kind = Kind::kPartial;
  bool inherited = false;
  uint32_t series = 0;  // of a partial: index in series()
  WidthS width_s = 0;
  int64_t start_s = 0;
  uint64_t seq = 0;
  bool time_estimated = false;
  int64_t first_ns = 0;
  int64_t last_ns = 0;  // of a partial: the time of its newest reading
  Bytes summary;        // of a partial; lives as long as the message's bytes
  size_t detail = 0;    // of an opening or gap: index in openings() or gaps()
};

struct MessageSeries {
  std::string id;  // Series::id()
  MetricKind kind = MetricKind::kGauge;
};

// Whether a partial starts, or has a reading, after latest_s (latest_start_s of when it came). Its window may end
// later: the wide one that holds the present does.
inline bool is_ahead(const MessageItem& item, int64_t latest_s) {
  return item.kind == MessageItem::Kind::kPartial &&
         (item.start_s > latest_s || to_seconds_floor(item.last_ns) > latest_s);
}

// Reused from message to message, so that its buffers are made once.
class MessageDecoder final : private wire::BodyVisitor {
 public:
  // kNone: header and items are whole and every partial is sound. Otherwise header is sound if header_sound().
  wire::DecodeError decode(Bytes message);
  // The body alone. REQUIRES: wire::parse_header gave kNone and this header for the same bytes.
  wire::DecodeError decode_body(Bytes message, const wire::Header& header);

  // The partial that was not sound, after kBadSummary or kOutsideWindow.
  struct Unsound {
    uint64_t seq = 0;
    int64_t start_s = 0;
    WidthS width_s = 0;
    size_t summary_bytes = 0;
    int64_t outside_ns = 0;  // kOutsideWindow: the time of the reading
  };
  const Unsound& unsound() const { return unsound_; }
  bool header_sound() const { return header_sound_; }
  const wire::Header& header() const { return header_; }
  const std::vector<MessageItem>& items() const { return items_; }
  const MessageSeries& series(size_t index) const { return series_[index]; }
  size_t series_count() const { return series_count_; }
  const wire::Opening& opening(const MessageItem& item) const { return openings_[item.detail]; }
  const wire::Gap& gap(const MessageItem& item) const { return gaps_[item.detail]; }

 private:
  void clear();
  wire::DecodeError on_series(uint32_t index, const wire::SeriesView& series) override;
  wire::DecodeError on_partial(uint64_t seq, const wire::Partial& partial) override;
  wire::DecodeError on_opening(uint64_t seq, const wire::Opening& opening) override;
  wire::DecodeError on_gap(uint64_t seq, const wire::Gap& gap) override;
  wire::DecodeError on_lost(uint64_t seq, const wire::LostAtGateway& lost) override;

  Unsound unsound_;
  bool header_sound_ = false;
  wire::Header header_;
  std::vector<MessageItem> items_;
  std::vector<MessageSeries> series_;  // slots are reused: the first series_count_ are this message's
  size_t series_count_ = 0;
  std::vector<wire::Opening> openings_;
  std::vector<wire::Gap> gaps_;
};

}  // namespace tributary::message
