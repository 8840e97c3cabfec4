// SPDX-License-Identifier: Apache-2.0
// Decoding a message whole: see message.h. The bridge has checked it before; what differs since then, or came another
// way into the log, must still not stop the aggregator.
#include "cloud/merge/message.h"

#include "cloud/state/levels.h"
#include "common/stats/summary.h"

namespace tributary::merge {

wire::DecodeError MessageDecoder::decode(Bytes message) {
  items_.clear();
  openings_.clear();
  gaps_.clear();
  series_count_ = 0;
  header_ = {};
  wire::DecodeError error = wire::parse_header(message, header_);
  header_sound_ = error == wire::DecodeError::kNone || error == wire::DecodeError::kBodyChecksum ||
                  error == wire::DecodeError::kUnknownVersion || error == wire::DecodeError::kUnknownFeature;
  // A header of a newer version is read as far as it is like ours.
  header_sound_ = header_sound_ && header_.epoch != 0 && header_.first_seq != 0 && header_.first_seq <= wire::kSeqMax &&
                  header_.count < wire::kMessageBytesMax;
  if (error != wire::DecodeError::kNone) return error;
  return wire::read_body(message, header_, *this);
}

// The names were checked by the reader of the body (wire::check_series_view). The id is put together here, as
// Series::id() does, because a message names hundreds of series and all but the first time they are known by it.
wire::DecodeError MessageDecoder::on_series(uint32_t index, const wire::SeriesView& view) {
  if (index != series_count_) return wire::DecodeError::kBadSeries;
  if (series_.size() == series_count_) series_.emplace_back();
  MessageSeries& slot = series_[series_count_++];
  std::string& id = slot.id;
  id.assign(view.device).push_back('\0');
  id.append(view.metric).push_back('\0');
  for (size_t i = 0; i < view.label_count; ++i) {
    id.append(view.labels[i].key).push_back('\0');
    id.append(view.labels[i].value).push_back('\0');
  }
  if (view.overflow) id.push_back('\x01');
  slot.kind = view.kind == 1 ? MetricKind::kCounter : MetricKind::kGauge;
  return wire::DecodeError::kNone;
}

wire::DecodeError MessageDecoder::on_partial(uint64_t seq, const wire::Partial& partial) {
  if (partial.series >= series_count_) return wire::DecodeError::kBadSeries;
  if (!is_width(partial.width_s) || partial.start_s < -state::kStartMax || partial.start_s > state::kStartMax ||
      window_start_s(partial.start_s, partial.width_s) != partial.start_s) {
    return wire::DecodeError::kBadWidth;
  }
  stats::Summary::Facts facts;
  if (!stats::Summary::inspect(partial.summary, facts) || facts.empty) return wire::DecodeError::kBadSummary;
  if (facts.count > 0 && (!in_window(facts.first.time_ns, partial.start_s, partial.width_s) ||
                          !in_window(facts.last.time_ns, partial.start_s, partial.width_s))) {
    return wire::DecodeError::kOutsideWindow;
  }
  MessageItem item;
  item.kind = MessageItem::Kind::kPartial;
  item.inherited = partial.inherited;
  item.series = partial.series;
  item.width_s = partial.width_s;
  item.start_s = partial.start_s;
  item.seq = seq;
  item.time_estimated = partial.time_estimated;
  item.first_ns = facts.count > 0 ? facts.first.time_ns : item.start_s * kNanosPerSecond;
  // Without a numeric part no reading says its time.
  item.last_ns = facts.count > 0 ? facts.last.time_ns : item.start_s * kNanosPerSecond;
  item.summary = partial.summary;
  items_.push_back(item);
  return wire::DecodeError::kNone;
}

wire::DecodeError MessageDecoder::on_opening(uint64_t seq, const wire::Opening& opening) {
  if (seq != 1) return wire::DecodeError::kBadBody;
  MessageItem item;
  item.kind = MessageItem::Kind::kOpening;
  item.seq = seq;
  item.detail = openings_.size();
  openings_.push_back(opening);
  items_.push_back(item);
  return wire::DecodeError::kNone;
}

wire::DecodeError MessageDecoder::on_gap(uint64_t seq, const wire::Gap& gap) {
  MessageItem item;
  item.kind = MessageItem::Kind::kGap;
  item.seq = seq;
  item.detail = gaps_.size();
  gaps_.push_back(gap);
  items_.push_back(item);
  return wire::DecodeError::kNone;
}

wire::DecodeError MessageDecoder::on_lost(uint64_t seq, const wire::LostAtGateway& lost) {
  MessageItem item;
  item.kind = MessageItem::Kind::kLost;
  item.seq = seq;
  item.start_s = lost.start_s;
  item.width_s = lost.width_s;
  items_.push_back(item);
  return wire::DecodeError::kNone;
}

}  // namespace tributary::merge
