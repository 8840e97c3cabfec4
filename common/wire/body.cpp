// SPDX-License-Identifier: Apache-2.0
// Reading of a message's body, one field of the Body at a time, without a copy: every string is a view of the message.
// The bytes come from outside: lengths are checked by Fields, names, windows and counts here.
#include <pb_decode.h>

#include "common/wire/fields.h"
#include "common/wire/message.h"
#include "proto/tributary.pb.h"

namespace tributary::wire {
namespace {

bool read_label(Bytes bytes, LabelView& label) {
  Fields fields(bytes);
  uint32_t tag;
  WireType type;
  while (fields.next(tag, type)) {
    switch (tag) {
      case tributary_v1_Label_key_tag:
        fields.text(type, label.key);
        break;
      case tributary_v1_Label_value_tag:
        fields.text(type, label.value);
        break;
      default:
        fields.skip(type);
    }
  }
  return !fields.failed();
}

// For the rare items, whose speed is nothing: nanopb's own decoder.
template <class Message>
bool decode(Bytes bytes, const pb_msgdesc_t* descriptor, Message& message) {
  pb_istream_t stream = pb_istream_from_buffer(bytes.data(), bytes.size());
  return pb_decode(&stream, descriptor, &message);
}

class BodyReader {
 public:
  BodyReader(Bytes body, const Header& header, BodyVisitor& visitor)
      : body_(body), header_(header), visitor_(visitor) {}

  DecodeError read() {
    Fields fields(body_);
    uint32_t tag;
    WireType type;
    while (fields.next(tag, type)) {
      if (tag != tributary_v1_Body_series_tag && tag != tributary_v1_Body_items_tag) {
        fields.skip(type);
        continue;
      }
      Bytes inner;
      if (!fields.bytes(type, inner)) return DecodeError::kBadBody;
      DecodeError error = tag == tributary_v1_Body_series_tag ? read_series(inner) : read_item(inner);
      if (error != DecodeError::kNone) return error;
    }
    return !fields.failed() && item_count_ == header_.count ? DecodeError::kNone : DecodeError::kBadBody;
  }

 private:
  DecodeError read_series(Bytes bytes) {
    SeriesView series;
    uint32_t kind = 0;
    bool too_many = false;
    Fields fields(bytes);
    uint32_t tag;
    WireType type;
    while (fields.next(tag, type)) {
      switch (tag) {
        case tributary_v1_Series_device_tag:
          fields.text(type, series.device);
          break;
        case tributary_v1_Series_metric_tag:
          fields.text(type, series.metric);
          break;
        case tributary_v1_Series_labels_tag: {
          Bytes inner;
          LabelView label;
          if (!fields.bytes(type, inner) || !read_label(inner, label)) return DecodeError::kBadBody;
          too_many = too_many || series.label_count == series.labels.size();
          if (!too_many) series.labels[series.label_count++] = label;
          break;
        }
        case tributary_v1_Series_kind_tag:
          fields.u32(type, kind);
          break;
        case tributary_v1_Series_overflow_tag:
          fields.boolean(type, series.overflow);
          break;
        default:
          fields.skip(type);
      }
    }
    if (fields.failed()) return DecodeError::kBadBody;
    if (too_many || kind > UINT8_MAX) return DecodeError::kBadSeries;
    series.kind = static_cast<uint8_t>(kind);
    if (DecodeError error = check_series_view(series); error != DecodeError::kNone) return error;
    return visitor_.on_series(series_count_++, series);
  }

  DecodeError read_item(Bytes bytes) {
    // No more items than the header counts reach the visitor: their seqs would belong to another message.
    if (item_count_ == header_.count) return DecodeError::kBadBody;
    Fields fields(bytes);
    uint32_t tag;
    WireType type;
    bool found = false;
    while (fields.next(tag, type)) {
      if (tag > tributary_v1_Item_lost_tag) {
        fields.skip(type);
        continue;
      }
      Bytes inner;
      if (found || !fields.bytes(type, inner)) return DecodeError::kBadBody;
      found = true;
      DecodeError error = read_kind(tag, header_.first_seq + item_count_, inner);
      if (error != DecodeError::kNone) return error;
    }
    if (fields.failed() || !found) return DecodeError::kBadBody;
    ++item_count_;
    return DecodeError::kNone;
  }

  DecodeError read_kind(uint32_t tag, uint64_t seq, Bytes bytes) {
    switch (tag) {
      case tributary_v1_Item_partial_tag:
        return read_partial(seq, bytes);
      case tributary_v1_Item_opening_tag:
        return read_opening(seq, bytes);
      case tributary_v1_Item_gap_tag:
        return read_gap(seq, bytes);
      case tributary_v1_Item_lost_tag:
        return read_lost(seq, bytes);
      default:
        return DecodeError::kBadBody;
    }
  }

  DecodeError read_partial(uint64_t seq, Bytes bytes) {
    Partial partial;
    Fields fields(bytes);
    uint32_t tag;
    WireType type;
    while (fields.next(tag, type)) {
      switch (tag) {
        case tributary_v1_Partial_series_tag:
          fields.u32(type, partial.series);
          break;
        case tributary_v1_Partial_start_s_tag:
          fields.sint64(type, partial.start_s);
          break;
        case tributary_v1_Partial_width_s_tag:
          fields.u32(type, partial.width_s);
          break;
        case tributary_v1_Partial_inherited_tag:
          fields.boolean(type, partial.inherited);
          break;
        case tributary_v1_Partial_time_estimated_tag:
          fields.boolean(type, partial.time_estimated);
          break;
        case tributary_v1_Partial_summary_tag:
          fields.bytes(type, partial.summary);
          break;
        default:
          fields.skip(type);
      }
    }
    if (fields.failed()) return DecodeError::kBadBody;
    if (partial.series >= series_count_) return DecodeError::kBadSeries;
    if (!is_window(partial.start_s, partial.width_s)) return DecodeError::kBadWidth;
    return visitor_.on_partial(seq, partial);
  }

  DecodeError read_opening(uint64_t seq, Bytes bytes) {
    tributary_v1_Opening message = tributary_v1_Opening_init_zero;
    if (!decode(bytes, tributary_v1_Opening_fields, message) || seq != 1 || message.predecessor_last_seq > kSeqMax) {
      return DecodeError::kBadBody;
    }
    Opening opening{.predecessor_epoch = message.predecessor_epoch,
                    .predecessor_last_seq = message.predecessor_last_seq,
                    .machine_id = {},
                    .last_durable_ns = message.last_durable_ns};
    std::memcpy(opening.machine_id.data(), message.machine_id, sizeof(message.machine_id));
    return visitor_.on_opening(seq, opening);
  }

  DecodeError read_gap(uint64_t seq, Bytes bytes) {
    tributary_v1_Gap message = tributary_v1_Gap_init_zero;
    if (!decode(bytes, tributary_v1_Gap_fields, message) || message.from_ns > message.to_ns ||
        message.cause < static_cast<uint32_t>(GapCause::kCrash) ||
        message.cause > static_cast<uint32_t>(GapCause::kOutboxReplaced)) {
      return DecodeError::kBadBody;
    }
    return visitor_.on_gap(seq, {message.from_ns, message.to_ns, static_cast<GapCause>(message.cause)});
  }

  DecodeError read_lost(uint64_t seq, Bytes bytes) {
    tributary_v1_LostAtGateway message = tributary_v1_LostAtGateway_init_zero;
    if (!decode(bytes, tributary_v1_LostAtGateway_fields, message)) return DecodeError::kBadBody;
    if (!is_window(message.start_s, message.width_s)) return DecodeError::kBadWidth;
    return visitor_.on_lost(seq, {message.start_s, message.width_s});
  }

  Bytes body_;
  const Header& header_;
  BodyVisitor& visitor_;
  uint32_t series_count_ = 0;
  uint32_t item_count_ = 0;
};

}  // namespace

DecodeError read_body(Bytes message, const Header& header, BodyVisitor& visitor) {
  if (message.size() < kHeaderBytes) return DecodeError::kTooShort;
  return BodyReader(message.subspan(kHeaderBytes), header, visitor).read();
}

}  // namespace tributary::wire
