// SPDX-License-Identifier: Apache-2.0
// The message's fixed header, read and written, and the building of messages. The layout is in common/wire/FORMAT.md.
#include "common/wire/message.h"

#include <pb_encode.h>

#include "common/base/bugs.h"
#include "common/base/check.h"
#include "common/base/crc32c.h"
#include "common/wire/header.h"
#include "proto/tributary.pb.h"

namespace tributary::wire {
namespace {

// Writes the string_view that *arg points to; nothing if it is empty, as proto3 has it.
bool write_text(pb_ostream_t* stream, const pb_field_t* field, void* const* arg) {
  const auto& text = *static_cast<const std::string_view*>(*arg);
  if (text.empty()) return true;
  return pb_encode_tag_for_field(stream, field) &&
         pb_encode_string(stream, reinterpret_cast<const pb_byte_t*>(text.data()), text.size());
}

bool write_bytes(pb_ostream_t* stream, const pb_field_t* field, void* const* arg) {
  const auto& bytes = *static_cast<const Bytes*>(*arg);
  if (bytes.empty()) return true;
  return pb_encode_tag_for_field(stream, field) && pb_encode_string(stream, bytes.data(), bytes.size());
}

template <class T>
pb_callback_t writer(bool (*write)(pb_ostream_t*, const pb_field_t*, void* const*), const T& from) {
  pb_callback_t callback{};
  callback.funcs.encode = write;
  callback.arg = const_cast<void*>(static_cast<const void*>(&from));  // nanopb's argument is not const; never written
  return callback;
}

bool write_labels(pb_ostream_t* stream, const pb_field_t* field, void* const* arg) {
  const auto& series = *static_cast<const SeriesView*>(*arg);
  for (const LabelView& label : std::span(series.labels).first(series.label_count)) {
    tributary_v1_Label message = tributary_v1_Label_init_zero;
    message.key = writer(write_text, label.key);
    message.value = writer(write_text, label.value);
    if (!pb_encode_tag_for_field(stream, field) || !pb_encode_submessage(stream, tributary_v1_Label_fields, &message)) {
      return false;
    }
  }
  return true;
}

// Appends one item, its kind's message within an Item within the Body's items. 0: it does not fit.
size_t append_item(std::span<uint8_t> room, uint32_t kind_tag, const pb_msgdesc_t* fields, const void* message) {
  pb_ostream_t sizer = PB_OSTREAM_SIZING;
  if (!pb_encode(&sizer, fields, message)) return 0;
  size_t inner_bytes = sizer.bytes_written;
  pb_ostream_t item_sizer = PB_OSTREAM_SIZING;
  if (!pb_encode_tag(&item_sizer, PB_WT_STRING, kind_tag) || !pb_encode_varint(&item_sizer, inner_bytes)) return 0;
  pb_ostream_t stream = pb_ostream_from_buffer(room.data(), room.size());
  bool fits = pb_encode_tag(&stream, PB_WT_STRING, tributary_v1_Body_items_tag) &&
              pb_encode_varint(&stream, item_sizer.bytes_written + inner_bytes) &&
              pb_encode_tag(&stream, PB_WT_STRING, kind_tag) && pb_encode_varint(&stream, inner_bytes) &&
              pb_encode(&stream, fields, message);
  return fits ? stream.bytes_written : 0;
}

}  // namespace

const char* to_string(DecodeError error) {
  switch (error) {
    case DecodeError::kNone:
      return "none";
    case DecodeError::kTooShort:
      return "too_short";
    case DecodeError::kTooLong:
      return "too_long";
    case DecodeError::kBadMagic:
      return "bad_magic";
    case DecodeError::kHeaderChecksum:
      return "header_checksum";
    case DecodeError::kUnknownVersion:
      return "unknown_version";
    case DecodeError::kUnknownFeature:
      return "unknown_feature";
    case DecodeError::kBodyChecksum:
      return "body_checksum";
    case DecodeError::kBadHeader:
      return "bad_header";
    case DecodeError::kBadBody:
      return "bad_body";
    case DecodeError::kBadSeries:
      return "bad_series";
    case DecodeError::kBadWidth:
      return "bad_width";
    case DecodeError::kBadSummary:
      return "bad_summary";
    case DecodeError::kOutsideWindow:
      return "outside_window";
  }
  return "unknown";
}

MessageBuilder::MessageBuilder(std::span<uint8_t> buffer)
    : buffer_(buffer.first(buffer.size() < kMessageBytesMax ? buffer.size() : kMessageBytesMax)), size_(kHeaderBytes) {
  CHECK(buffer.size() >= 128);
}

uint32_t MessageBuilder::item_count() const { return item_count_; }

size_t MessageBuilder::room() const { return buffer_.size() - size_; }

std::optional<uint32_t> MessageBuilder::add_series(const SeriesView& series) {
  CHECK(series.label_count <= series.labels.size());
  tributary_v1_Series message = tributary_v1_Series_init_zero;
  message.device = writer(write_text, series.device);
  message.metric = writer(write_text, series.metric);
  message.labels = writer(write_labels, series);
  message.kind = series.kind;
  message.overflow = series.overflow;
  pb_ostream_t stream = pb_ostream_from_buffer(buffer_.data() + size_, room());
  if (!pb_encode_tag(&stream, PB_WT_STRING, tributary_v1_Body_series_tag) ||
      !pb_encode_submessage(&stream, tributary_v1_Series_fields, &message)) {
    return std::nullopt;
  }
  size_ += stream.bytes_written;
  return series_count_++;
}

bool MessageBuilder::add(const Partial& partial) {
  tributary_v1_Partial message = tributary_v1_Partial_init_zero;
  message.series = partial.series;
  message.start_s = partial.start_s;
  message.width_s = partial.width_s;
  message.inherited = partial.inherited;
  message.time_estimated = partial.time_estimated;
  message.summary = writer(write_bytes, partial.summary);
  size_t bytes =
      append_item(buffer_.subspan(size_), tributary_v1_Item_partial_tag, tributary_v1_Partial_fields, &message);
  size_ += bytes;
  item_count_ += bytes > 0 ? 1 : 0;
  return bytes > 0;
}

bool MessageBuilder::add(const Opening& opening) {
  tributary_v1_Opening message = tributary_v1_Opening_init_zero;
  message.predecessor_epoch = opening.predecessor_epoch;
  message.predecessor_last_seq = opening.predecessor_last_seq;
  std::memcpy(message.machine_id, opening.machine_id.data(), sizeof(message.machine_id));
  message.last_durable_ns = opening.last_durable_ns;
  size_t bytes =
      append_item(buffer_.subspan(size_), tributary_v1_Item_opening_tag, tributary_v1_Opening_fields, &message);
  size_ += bytes;
  item_count_ += bytes > 0 ? 1 : 0;
  return bytes > 0;
}

bool MessageBuilder::add(const Gap& gap) {
  tributary_v1_Gap message = tributary_v1_Gap_init_zero;
  message.from_ns = gap.from_ns;
  message.to_ns = gap.to_ns;
  message.cause = static_cast<uint32_t>(gap.cause);
  size_t bytes = append_item(buffer_.subspan(size_), tributary_v1_Item_gap_tag, tributary_v1_Gap_fields, &message);
  size_ += bytes;
  item_count_ += bytes > 0 ? 1 : 0;
  return bytes > 0;
}

bool MessageBuilder::add(const LostAtGateway& lost) {
  tributary_v1_LostAtGateway message = tributary_v1_LostAtGateway_init_zero;
  message.start_s = lost.start_s;
  message.width_s = lost.width_s;
  size_t bytes =
      append_item(buffer_.subspan(size_), tributary_v1_Item_lost_tag, tributary_v1_LostAtGateway_fields, &message);
  size_ += bytes;
  item_count_ += bytes > 0 ? 1 : 0;
  return bytes > 0;
}

Bytes MessageBuilder::finish(Header header) {
  CHECK(header.epoch != 0 && header.first_seq != 0);
  Bytes body = buffer_.subspan(kHeaderBytes, size_ - kHeaderBytes);
  ByteWriter writer(buffer_.first(kHeaderBytes));
  writer.u32(kMagic);
  writer.u8(header.version);
  writer.u8(0);
  writer.u16(0);
  writer.u32(header.required_features);
  writer.u32(item_count_);
  writer.u64(header.epoch);
  writer.u64(header.first_seq);
  writer.i64(header.frontier_ns);
  writer.i64(header.mark_ns);
  writer.u32(static_cast<uint32_t>(body.size()));
  writer.u32(crc32c(body));
  writer.u32(crc32c(writer.written()));
  CHECK(writer.ok() && writer.size() == kHeaderBytes);
  return buffer_.first(size_);
}

DecodeError parse_header(Bytes message, Header& header) {
  if (message.size() < kHeaderBytes) return DecodeError::kTooShort;
  if (message.size() > kMessageBytesMax) return DecodeError::kTooLong;
  ByteReader reader(message.first(kHeaderBytes));
  if (reader.u32() != kMagic) return DecodeError::kBadMagic;
  Header read;
  read.version = reader.u8();
  bool reserved_zero = reader.u8() == 0;
  reserved_zero = reader.u16() == 0 && reserved_zero;
  read.required_features = reader.u32();
  read.count = reader.u32();
  read.epoch = reader.u64();
  read.first_seq = reader.u64();
  read.frontier_ns = reader.i64();
  read.mark_ns = reader.i64();
  uint32_t body_bytes = reader.u32();
  uint32_t body_crc = reader.u32();
  if (reader.u32() != crc32c(message.first(kHeaderBytes - sizeof(uint32_t)))) return DecodeError::kHeaderChecksum;
  header = read;
  if (header.version != kFormatVersion) return DecodeError::kUnknownVersion;
  if ((header.required_features & ~kKnownFeatures) != 0) return DecodeError::kUnknownFeature;
  // A count that no body of this size can hold is refused before it can settle seqs that never were.
  if (!reserved_zero || header.epoch == 0 || header.first_seq == 0 || header.first_seq > kSeqMax ||
      header.count > kSeqMax - header.first_seq || header.count > body_bytes / kItemBytesMin ||
      body_bytes > kMessageBytesMax - kHeaderBytes) {
    return DecodeError::kBadHeader;
  }
  Bytes body = message.subspan(kHeaderBytes);
  if (body.size() != body_bytes || (crc32c(body) != body_crc && !bug("wire_crc_unchecked")))
    return DecodeError::kBodyChecksum;
  return DecodeError::kNone;
}

}  // namespace tributary::wire
