// SPDX-License-Identifier: Apache-2.0
// What many questions carry, as bytes: see codec.h.
#include "cloud/query/codec.h"

#include <array>
#include <bit>
#include <cmath>

#include "cloud/state/levels.h"
#include "common/base/check.h"

namespace tributary::query {

Error too_large() {
  return {ErrorCode::kFull, "the answer would be longer than " + std::to_string(kAnswerBytesMax >> 20) + " MiB"};
}

std::string encoded_summary(const stats::Summary& summary) {
  std::array<uint8_t, stats::kSummaryBytesMax> bytes;
  const size_t size = summary.encode(bytes);
  CHECK(size > 0);
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

bool get_summary(In& in, std::string& summary) {
  if (!in.text(summary, stats::kSummaryBytesMax)) return false;
  stats::Summary::Facts facts;
  return stats::Summary::inspect(as_bytes(summary), facts);
}

void put(Out& out, const std::string& value) { out.text(value); }
bool get(In& in, std::string& value) { return in.text(value, kNoteBytesMax); }

void put(Out& out, double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  out.fixed32(static_cast<uint32_t>(bits));
  out.fixed32(static_cast<uint32_t>(bits >> 32));
}
bool get(In& in, double& value) {
  uint64_t bits = in.fixed32();
  bits |= uint64_t{in.fixed32()} << 32;
  value = std::bit_cast<double>(bits);
  return in.ok() && std::isfinite(value);
}

void put(Out& out, const std::optional<int64_t>& value) {
  out.u8(value.has_value());
  if (value) out.zigzag(*value);
}
bool get(In& in, std::optional<int64_t>& value) {
  bool there = false;
  value.reset();
  if (!in.flag(there)) return false;
  if (there) value = in.zigzag();
  return in.ok();
}

void put(Out& out, const std::pair<uint32_t, uint64_t>& value) { out.varint(value.first).varint(value.second); }
bool get(In& in, std::pair<uint32_t, uint64_t>& value) {
  value.first = in.u32();
  value.second = in.varint();
  return in.ok();
}

void put(Out& out, const std::pair<std::string, uint64_t>& value) { out.text(value.first).varint(value.second); }
bool get(In& in, std::pair<std::string, uint64_t>& value) {
  if (!in.text(value.first, kTextBytesMax)) return false;
  value.second = in.varint();
  return in.ok();
}

void put(Out& out, const std::map<std::string, uint64_t>& counts) {
  out.varint(counts.size());
  for (const auto& [reason, count] : counts) out.text(reason).varint(count);
}
bool get(In& in, std::map<std::string, uint64_t>& counts) {
  const uint64_t size = in.varint();
  counts.clear();
  if (!in.ok() || size > in.remaining()) return false;
  for (uint64_t i = 0; i < size; ++i) {
    std::string reason;
    if (!in.text(reason, kTextBytesMax)) return false;
    counts[reason] += in.varint();
  }
  return in.ok();
}

void put(Out& out, const Label& label) { out.text(label.key).text(label.value); }
bool get(In& in, Label& label) { return in.text(label.key, kNoteBytesMax) && in.text(label.value, kNoteBytesMax); }

void put(Out& out, const Series& series) { out.text(series.id()).u8(static_cast<uint8_t>(series.kind)); }
bool get(In& in, Series& series) {
  std::string id;
  if (!in.text(id, kTextBytesMax)) return false;
  const auto kind = kind_from(in.u8());
  Result<Series> read = series_from_id(id);
  if (!in.ok() || !read || !kind) return false;
  series = std::move(read).value();
  series.kind = *kind;
  return true;
}

void put(Out& out, const Row& row) { out.zigzag(row.start_s).varint(row.width_s); }
bool get(In& in, Row& row) {
  row.start_s = in.zigzag();
  row.width_s = in.u32();
  return in.ok() && row.start_s >= -kStartMax && row.start_s <= kStartMax - static_cast<int64_t>(row.width_s);
}

void put(Out& out, const std::optional<Row>& row) {
  out.u8(row.has_value());
  if (row) put(out, *row);
}
bool get(In& in, std::optional<Row>& row) {
  bool there = false;
  row.reset();
  if (!in.flag(there)) return false;
  return !there || get(in, row.emplace());
}

void put(Out& out, const RowKey& key) {
  put(out, key.series);
  put(out, key.row);
}
bool get(In& in, RowKey& key) { return get(in, key.series) && get(in, key.row); }

void put(Out& out, const Selection& selection) {
  out.text(selection.tenant).text(selection.metric);
  put(out, selection.devices);
  put(out, selection.labels);
}
bool get(In& in, Selection& selection) {
  return in.text(selection.tenant, kNoteBytesMax) && in.text(selection.metric, kNoteBytesMax) &&
         get(in, selection.devices, kListMax) && get(in, selection.labels, kListMax);
}

void put(Out& out, const Range& range) {
  put(out, range.from_ns);
  put(out, range.to_ns);
}
bool get(In& in, Range& range) { return get(in, range.from_ns) && get(in, range.to_ns); }

void put(Out& out, const NamePage& page) { out.text(page.after).varint(page.max); }
bool get(In& in, NamePage& page) {
  if (!in.text(page.after, kNoteBytesMax)) return false;
  page.max = in.varint();
  return in.ok();
}

void put(Out& out, const PartitionPlace& place) { out.varint(place.state_id).varint(place.revision); }
bool get(In& in, PartitionPlace& place) {
  place.state_id = in.varint();
  place.revision = in.varint();
  return in.ok();
}

void put(Out& out, const GapNote& gap) { out.text(gap.gateway).zigzag(gap.from_ns).zigzag(gap.to_ns).text(gap.cause); }
bool get(In& in, GapNote& gap) {
  if (!in.text(gap.gateway, kTextBytesMax)) return false;
  gap.from_ns = in.zigzag();
  gap.to_ns = in.zigzag();
  return in.text(gap.cause, kNoteBytesMax);
}

void put(Out& out, const EstimatedNote& note) { out.text(note.gateway).zigzag(note.from_ns).zigzag(note.to_ns); }
bool get(In& in, EstimatedNote& note) {
  if (!in.text(note.gateway, kTextBytesMax)) return false;
  note.from_ns = in.zigzag();
  note.to_ns = in.zigzag();
  return in.ok();
}

void put(Out& out, const LostNote& lost) {
  out.text(lost.gateway).varint(lost.epoch).varint(lost.first_seq).varint(lost.last_seq).text(lost.cause);
}
bool get(In& in, LostNote& lost) {
  if (!in.text(lost.gateway, kTextBytesMax)) return false;
  lost.epoch = in.varint();
  lost.first_seq = in.varint();
  lost.last_seq = in.varint();
  return in.text(lost.cause, kNoteBytesMax);
}

}  // namespace tributary::query
