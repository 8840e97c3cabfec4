// SPDX-License-Identifier: Apache-2.0
// Questions and answers as bytes: see wire.h.
#include "cloud/cluster/wire.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "cloud/query/codec.h"
#include "cloud/state/levels.h"

namespace tributary::cluster {
namespace {

constexpr uint32_t kQuestionMagic = 0x51425254;  // "TRBQ"
constexpr uint32_t kAnswerMagic = 0x41425254;    // "TRBA"
constexpr uint8_t kVersion = 2;
constexpr size_t kNameBytesMax = 512;  // gateways, devices, groups: each has a stricter limit where it is made
constexpr size_t kListMax = 16'384;    // devices of a selection
constexpr size_t kNoteBytesMax = 32'768;
constexpr size_t kStatusBytesMax = 1 << 20;
constexpr uint8_t kLabelsKept = 64;  // common labels of a device
constexpr uint64_t kMinutesMax = 256;
constexpr uint64_t kDelaysMax = 1'024;

using query::Row;

void put(Out& out, const Label& label) { out.text(label.key).text(label.value); }
bool get(In& in, Label& label) { return in.text(label.key, kNoteBytesMax) && in.text(label.value, kNoteBytesMax); }

void put(Out& out, const std::string& text) { out.text(text); }
bool get(In& in, std::string& text) { return in.text(text, kNoteBytesMax); }

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

void put(Out& out, const Row& row) { out.zigzag(row.start_s).varint(row.width_s); }
// Both ends of every row have nanoseconds.
bool get(In& in, Row& row) {
  row.start_s = in.zigzag();
  row.width_s = in.u32();
  return in.ok() && row.start_s >= -state::kStartMax &&
         row.start_s <= state::kStartMax - static_cast<int64_t>(row.width_s);
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

void put(Out& out, const query::PartitionPlace& place) { out.varint(place.state_id).varint(place.revision); }
bool get(In& in, query::PartitionPlace& place) {
  place.state_id = in.varint();
  place.revision = in.varint();
  return in.ok();
}

void put(Out& out, const Series& series) { out.text(series.id()).u8(static_cast<uint8_t>(series.kind)); }
bool get(In& in, Series& series) {
  std::string id;
  if (!in.text(id, kNameBytesMax)) return false;
  const uint8_t kind = in.u8();
  Result<Series> read = series_from_id(id);
  if (!in.ok() || !read || kind > static_cast<uint8_t>(MetricKind::kCounter)) return false;
  series = std::move(read).value();
  series.kind = static_cast<MetricKind>(kind);
  return true;
}

void put(Out& out, const query::RowKey& key) {
  put(out, key.series);
  put(out, key.row);
}
bool get(In& in, query::RowKey& key) { return get(in, key.series) && get(in, key.row); }

void put(Out& out, const query::Change& change) {
  out.varint(change.revision);
  put(out, change.series);
  put(out, change.row);
}
bool get(In& in, query::Change& change) {
  change.revision = in.varint();
  return get(in, change.series) && get(in, change.row);
}

// What lists hold, and stands below.
void put(Out& out, const query::GapNote& value);
bool get(In& in, query::GapNote& value);
void put(Out& out, const query::EstimatedNote& value);
bool get(In& in, query::EstimatedNote& value);
void put(Out& out, const query::LostNote& value);
bool get(In& in, query::LostNote& value);
void put(Out& out, const query::LogGapNote& value);
bool get(In& in, query::LogGapNote& value);
void put(Out& out, const query::GatewayNote& value);
bool get(In& in, query::GatewayNote& value);
void put(Out& out, const query::MetricInfo& value);
bool get(In& in, query::MetricInfo& value);
void put(Out& out, const query::DeviceInfo& value);
bool get(In& in, query::DeviceInfo& value);
void put(Out& out, const query::GatewayInfo& value);
void put(Out& out, const query::LastReading& value);
bool get(In& in, query::LastReading& value);
bool get(In& in, query::GatewayInfo& value);
void put(Out& out, const ServiceInfo::Partition& value);
bool get(In& in, ServiceInfo::Partition& value);
void put(Out& out, const TrafficMinute& value);
bool get(In& in, TrafficMinute& value);
void put(Out& out, const std::pair<uint32_t, uint64_t>& value);
bool get(In& in, std::pair<uint32_t, uint64_t>& value);
void put(Out& out, const std::pair<std::string, uint64_t>& value);
bool get(In& in, std::pair<std::string, uint64_t>& value);

template <class T>
void put(Out& out, const std::vector<T>& list) {
  out.varint(list.size());
  for (const T& one : list) put(out, one);
}
// Every element has at least a byte, so a count can claim no more memory than was sent.
template <class T>
bool get(In& in, std::vector<T>& list, uint64_t count_max = std::numeric_limits<uint64_t>::max()) {
  const uint64_t count = in.varint();
  list.clear();
  if (!in.ok() || count > count_max || count > in.remaining()) return false;
  for (uint64_t i = 0; i < count; ++i) {
    if (!get(in, list.emplace_back())) return false;
  }
  return true;
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
    if (!in.text(reason, kNameBytesMax)) return false;
    counts[reason] += in.varint();
  }
  return in.ok();
}

void put(Out& out, const query::GapNote& gap) {
  out.text(gap.gateway).zigzag(gap.from_ns).zigzag(gap.to_ns).text(gap.cause);
}
bool get(In& in, query::GapNote& gap) {
  if (!in.text(gap.gateway, kNameBytesMax)) return false;
  gap.from_ns = in.zigzag();
  gap.to_ns = in.zigzag();
  return in.text(gap.cause, kNoteBytesMax);
}

void put(Out& out, const query::EstimatedNote& note) { out.text(note.gateway).zigzag(note.from_ns).zigzag(note.to_ns); }
bool get(In& in, query::EstimatedNote& note) {
  if (!in.text(note.gateway, kNameBytesMax)) return false;
  note.from_ns = in.zigzag();
  note.to_ns = in.zigzag();
  return in.ok();
}

void put(Out& out, const query::LostNote& lost) {
  out.text(lost.gateway).varint(lost.epoch).varint(lost.first_seq).varint(lost.last_seq).text(lost.cause);
}
bool get(In& in, query::LostNote& lost) {
  if (!in.text(lost.gateway, kNameBytesMax)) return false;
  lost.epoch = in.varint();
  lost.first_seq = in.varint();
  lost.last_seq = in.varint();
  return in.text(lost.cause, kNoteBytesMax);
}

void put(Out& out, const query::LogGapNote& gap) {
  out.varint(gap.partition).varint(gap.from_offset).varint(gap.to_offset).text(gap.cause);
}
bool get(In& in, query::LogGapNote& gap) {
  gap.partition = in.u32();
  gap.from_offset = in.varint();
  gap.to_offset = in.varint();
  return in.text(gap.cause, kNoteBytesMax);
}

void put(Out& out, const query::GatewayNote& note) {
  out.text(note.gateway).zigzag(note.frontier_ns).zigzag(note.mark_ns).zigzag(note.last_seen_ns);
  out.zigzag(note.first_seen_ns).u8(note.retired).u8(note.overflow).text(note.absence).varint(note.parked);
  put(out, note.gaps);
  put(out, note.estimated);
  put(out, note.lost);
  put(out, note.rejected);
}
bool get(In& in, query::GatewayNote& note) {
  if (!in.text(note.gateway, kNameBytesMax)) return false;
  note.frontier_ns = in.zigzag();
  note.mark_ns = in.zigzag();
  note.last_seen_ns = in.zigzag();
  note.first_seen_ns = in.zigzag();
  if (!in.flag(note.retired) || !in.flag(note.overflow) || !in.text(note.absence, kNameBytesMax)) return false;
  note.parked = in.varint();
  return get(in, note.gaps) && get(in, note.estimated) && get(in, note.lost) && get(in, note.rejected);
}

void put(Out& out, const query::MetricInfo& metric) {
  out.text(metric.name).u8(static_cast<uint8_t>(metric.kind)).zigzag(metric.last_seen_ns).varint(metric.series);
  put(out, metric.units);
}
bool get(In& in, query::MetricInfo& metric) {
  if (!in.text(metric.name, kNameBytesMax)) return false;
  const uint8_t kind = in.u8();
  if (kind > static_cast<uint8_t>(MetricKind::kCounter)) return false;
  metric.kind = static_cast<MetricKind>(kind);
  metric.last_seen_ns = in.zigzag();
  metric.series = in.varint();
  if (!get(in, metric.units)) return false;
  metric.unit = metric.units.size() == 1 ? metric.units.front() : "";
  return true;
}

void put(Out& out, const query::DeviceInfo& device) {
  out.text(device.device).zigzag(device.last_seen_ns);
  put(out, device.labels);
  put(out, device.gateways);
  put(out, device.metrics);
}
bool get(In& in, query::DeviceInfo& device) {
  if (!in.text(device.device, kNameBytesMax)) return false;
  device.last_seen_ns = in.zigzag();
  return get(in, device.labels, kLabelsKept) && get(in, device.gateways) && get(in, device.metrics);
}

void put(Out& out, const query::GatewayInfo& info) {
  out.text(info.gateway).text(info.state).text(info.version);
  out.zigzag(info.frontier_ns).zigzag(info.mark_ns).zigzag(info.last_seen_ns).zigzag(info.first_seen_ns);
  out.varint(info.devices).text(info.status_json).varint(info.parked);
  put(out, info.gaps);
  put(out, info.lost);
  put(out, info.rejected);
  put(out, info.alarms);
}
bool get(In& in, query::GatewayInfo& info) {
  if (!in.text(info.gateway, kNameBytesMax) || !in.text(info.state, kNameBytesMax) ||
      !in.text(info.version, kNoteBytesMax)) {
    return false;
  }
  info.frontier_ns = in.zigzag();
  info.mark_ns = in.zigzag();
  info.last_seen_ns = in.zigzag();
  info.first_seen_ns = in.zigzag();
  info.devices = in.varint();
  if (!in.text(info.status_json, kStatusBytesMax)) return false;
  info.parked = in.varint();
  return get(in, info.gaps) && get(in, info.lost) && get(in, info.rejected) && get(in, info.alarms);
}

bool get_summary(In& in, std::string& summary) {
  if (!in.text(summary, stats::kSummaryBytesMax)) return false;
  stats::Summary::Facts facts;
  return stats::Summary::inspect(as_bytes(summary), facts);
}

void put(Out& out, const HeadBody& body) {
  out.varint(body.log_id);
  put(out, body.place);
}
bool get(In& in, HeadBody& body) {
  body.log_id = in.varint();
  return get(in, body.place, kPartitionsMax);
}
void put(Out& out, const MetricsBody& body) { put(out, body.metrics); }
bool get(In& in, MetricsBody& body) { return get(in, body.metrics); }
void put(Out& out, const DevicesBody& body) { put(out, body.devices); }
bool get(In& in, DevicesBody& body) { return get(in, body.devices); }
void put(Out& out, const GatewaysBody& body) { put(out, body.gateways); }
bool get(In& in, GatewaysBody& body) { return get(in, body.gateways); }
void put(Out& out, const KnownBody& body) { out.u8(body.known); }
bool get(In& in, KnownBody& body) { return in.flag(body.known); }
void put(Out& out, const SummaryBody& body) { out.varint(body.unfit_s).text(body.summary); }
bool get(In& in, SummaryBody& body) {
  body.unfit_s = in.u32();
  return get_summary(in, body.summary);
}

// A group's name stands before its first row only.
void put(Out& out, const SeriesBody& body) {
  out.varint(body.facts.unfit_s).varint(body.facts.rows).varint(body.rows.size());
  const std::string* group = nullptr;
  for (const SeriesRow& row : body.rows) {
    const bool next = group == nullptr || *group != row.group;
    out.u8(static_cast<uint8_t>(next | (row.summary.empty() ? 2 : 0)));
    if (next) out.text(row.group);
    group = &row.group;
    put(out, row.row);
    if (!row.summary.empty()) out.text(row.summary);
  }
}
bool get(In& in, SeriesBody& body) {
  body.facts.unfit_s = in.u32();
  body.facts.rows = in.varint();
  const uint64_t count = in.varint();
  body.rows.clear();
  if (!in.ok() || count > kRowsMax || count > in.remaining() || count > body.facts.rows) return false;
  for (uint64_t i = 0; i < count; ++i) {
    const uint8_t how = in.u8();
    if (how > 3 || (i == 0 && (how & 1) == 0)) return false;
    SeriesRow row;
    if ((how & 1) != 0) {
      if (!in.text(row.group, kNameBytesMax)) return false;
    } else {
      row.group = body.rows.back().group;
    }
    if (!get(in, row.row)) return false;
    if ((how & 2) == 0 && !get_summary(in, row.summary)) return false;
    body.rows.push_back(std::move(row));
  }
  return true;
}

void put(Out& out, const NewestBody& body) {
  out.u8(body.part.any);
  put(out, body.part.narrow);
  put(out, body.part.wide);
  put(out, body.part.coarse);
}
bool get(In& in, NewestBody& body) {
  query::NewestPart& part = body.part;
  if (!in.flag(part.any) || !get(in, part.narrow) || !get(in, part.wide) || !get(in, part.coarse)) return false;
  return !part.narrow || (*part.narrow >= -state::kStartMax && *part.narrow <= state::kStartMax);
}

void put(Out& out, const CompletenessBody& body) {
  out.varint(body.part.partitions);
  put(out, body.part.gateways);
  put(out, body.part.log_gaps);
}
bool get(In& in, CompletenessBody& body) {
  body.part.partitions = in.u32();
  return get(in, body.part.gateways) && get(in, body.part.log_gaps);
}

void put(Out& out, const ChangesBody& body) {
  put(out, body.upto);
  put(out, body.changes);
}
bool get(In& in, ChangesBody& body) { return get(in, body.upto, kPartitionsMax) && get(in, body.changes); }

void put(Out& out, const RowsBody& body) {
  out.varint(body.rows.size());
  for (const auto& [number, summary] : body.rows) out.varint(number).text(summary);
}
bool get(In& in, RowsBody& body) {
  const uint64_t count = in.varint();
  body.rows.clear();
  if (!in.ok() || count > kRowsMax || count > in.remaining()) return false;
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t number = in.varint();
    if (!in.ok() || (i > 0 && number <= body.rows.back().first)) return false;
    if (!get_summary(in, body.rows.emplace_back(number, "").second)) return false;
  }
  return true;
}

void put(Out& out, double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  out.fixed32(static_cast<uint32_t>(bits)).fixed32(static_cast<uint32_t>(bits >> 32));
}
// False: not a number, or infinite.
bool get(In& in, double& value) {
  uint64_t bits = in.fixed32();
  bits |= uint64_t{in.fixed32()} << 32;
  value = std::bit_cast<double>(bits);
  return in.ok() && std::isfinite(value);
}

void put(Out& out, const query::LastReading& reading) {
  put(out, reading.series);
  out.zigzag(reading.time_ns);
  put(out, reading.value);
  put(out, reading.open_rows);
}
bool get(In& in, query::LastReading& reading) {
  if (!get(in, reading.series)) return false;
  reading.time_ns = in.zigzag();
  constexpr uint64_t kOpenRowsMax = 4'096;
  return get(in, reading.value) && get(in, reading.open_rows, kOpenRowsMax);
}
void put(Out& out, const LastBody& body) { put(out, body.readings); }
bool get(In& in, LastBody& body) { return get(in, body.readings, kRowsMax); }

void put(Out& out, const std::pair<uint32_t, uint64_t>& value) { out.varint(value.first).varint(value.second); }
bool get(In& in, std::pair<uint32_t, uint64_t>& value) {
  value.first = in.u32();
  value.second = in.varint();
  return in.ok();
}
void put(Out& out, const std::pair<std::string, uint64_t>& value) { out.text(value.first).varint(value.second); }
bool get(In& in, std::pair<std::string, uint64_t>& value) {
  if (!in.text(value.first, kNameBytesMax)) return false;
  value.second = in.varint();
  return in.ok();
}
void put(Out& out, const ServiceInfo::Partition& value) {
  out.varint(value.partition).varint(value.position).varint(value.end);
}
bool get(In& in, ServiceInfo::Partition& value) {
  value.partition = in.u32();
  value.position = in.varint();
  value.end = in.varint();
  return in.ok() && value.end >= value.position;
}
void put(Out& out, const TrafficMinute& minute) {
  out.zigzag(minute.start_s).varint(minute.messages).varint(minute.posts).varint(minute.rejected);
  put(out, minute.delays);
}
bool get(In& in, TrafficMinute& minute) {
  minute.start_s = in.zigzag();
  minute.messages = in.varint();
  minute.posts = in.varint();
  minute.rejected = in.varint();
  if (!get(in, minute.delays, kDelaysMax)) return false;
  const auto& delays = minute.delays;
  for (size_t i = 1; i < delays.size(); ++i) {
    if (delays[i].first <= delays[i - 1].first) return false;
  }
  return minute.start_s >= -state::kStartMax && minute.start_s <= state::kStartMax;
}
void put(Out& out, const ServiceInfo& info) {
  out.text(info.service).text(info.version).text(info.trouble.substr(0, kNoteBytesMax)).text(info.durability);
  out.zigzag(info.started_ns).varint(info.memory_bytes);
  out.varint(info.records).varint(info.partials).varint(info.rejected);
  put(out, info.partitions);
  out.u8(info.recovery.has_value());
  if (!info.recovery) return;
  out.text(info.recovery->kind).zigzag(info.recovery->ended_s);
  put(out, info.recovery->seconds);
  put(out, info.recovery->amounts);
}
bool get(In& in, ServiceInfo& info) {
  if (!in.text(info.service, kNameBytesMax) || !in.text(info.version, kNameBytesMax) ||
      !in.text(info.trouble, kNoteBytesMax) || !in.text(info.durability, kNameBytesMax)) {
    return false;
  }
  info.started_ns = in.zigzag();
  info.memory_bytes = in.varint();
  info.records = in.varint();
  info.partials = in.varint();
  info.rejected = in.varint();
  bool there = false;
  info.recovery.reset();
  if (!get(in, info.partitions, kPartitionsMax) || !in.flag(there)) return false;
  if (!there) return true;
  runtime::LastRecovery& recovery = info.recovery.emplace();
  if (!in.text(recovery.kind, kNameBytesMax)) return false;
  recovery.ended_s = in.zigzag();
  return get(in, recovery.seconds) && get(in, recovery.amounts, kListMax) && recovery.ended_s >= -state::kStartMax &&
         recovery.ended_s <= state::kStartMax;
}
void put(Out& out, const SystemBody& body) {
  const SystemPart& part = body.part;
  out.varint(part.readings).zigzag(part.since_ns);
  put(out, part.minutes);
  out.u8(part.service.has_value());
  if (part.service) put(out, *part.service);
}
bool get(In& in, SystemBody& body) {
  SystemPart& part = body.part;
  part.readings = in.varint();
  part.since_ns = in.zigzag();
  bool there = false;
  part.service.reset();
  if (!get(in, part.minutes, kMinutesMax) || !in.flag(there)) return false;
  return !there || get(in, part.service.emplace());
}

void put(Out& out, const AnswerHead& head) {
  out.fixed32(kAnswerMagic).u8(kVersion).varint(head.replicas).varint(head.partitions).varint(head.ordinal);
}

}  // namespace

std::string encode(const Question& question) {
  Out out;
  out.fixed32(kQuestionMagic).u8(kVersion);
  out.varint(question.replicas).varint(question.partitions).varint(question.ordinal);
  out.u8(static_cast<uint8_t>(question.op)).varint(question.wait_ms);
  out.text(question.selection.tenant).text(question.selection.metric);
  put(out, question.selection.devices);
  put(out, question.selection.labels);
  put(out, question.range.from_ns);
  put(out, question.range.to_ns);
  out.zigzag(question.now_ns).varint(question.width_s).text(question.by).varint(question.max);
  put(out, question.choice.row);
  out.u8(question.choice.narrow);
  put(out, question.place);
  put(out, question.keys);
  return out.take();
}

bool decode(Bytes bytes, Question& question) {
  In in(bytes);
  if (in.fixed32() != kQuestionMagic || in.u8() != kVersion) return false;
  question.replicas = in.u32();
  question.partitions = in.u32();
  question.ordinal = in.u32();
  const uint8_t op = in.u8();
  question.wait_ms = in.u32();
  if (!in.ok() || op == 0 || op > kOps) return false;
  question.op = static_cast<Op>(op);
  if (!in.text(question.selection.tenant, kNoteBytesMax) || !in.text(question.selection.metric, kNoteBytesMax) ||
      !get(in, question.selection.devices, kListMax) || !get(in, question.selection.labels, kListMax) ||
      !get(in, question.range.from_ns) || !get(in, question.range.to_ns)) {
    return false;
  }
  question.now_ns = in.zigzag();
  question.width_s = in.u32();
  if (!in.text(question.by, kNoteBytesMax)) return false;
  question.max = in.varint();
  return get(in, question.choice.row) && in.flag(question.choice.narrow) && get(in, question.place, kPartitionsMax) &&
         get(in, question.keys, kRowsMax) && question.max <= kRowsMax && in.done();
}

std::string encode_error(const AnswerHead& head, const Error& error) {
  Out out;
  put(out, head);
  out.u8(static_cast<uint8_t>(static_cast<uint8_t>(error.code) + 1)).text(error.message.substr(0, kNoteBytesMax));
  return out.take();
}

template <class Body>
std::string encode_answer(const AnswerHead& head, const Body& body) {
  Out out;
  put(out, head);
  out.u8(0);
  put(out, body);
  return out.take();
}

template <class Body>
bool decode_answer(Bytes bytes, AnswerHead& head, std::optional<Error>& error, Body& body) {
  body = Body{};
  error.reset();
  In in(bytes);
  if (in.fixed32() != kAnswerMagic || in.u8() != kVersion) return false;
  head.replicas = in.u32();
  head.partitions = in.u32();
  head.ordinal = in.u32();
  const uint8_t status = in.u8();
  if (!in.ok()) return false;
  if (status == 0) return get(in, body) && in.done();
  if (status > static_cast<uint8_t>(ErrorCode::kUnsupported) + 1) return false;
  error.emplace().code = static_cast<ErrorCode>(status - 1);
  return in.text(error->message, kNoteBytesMax) && in.done();
}

#define TRIBUTARY_BODY(Body)                                          \
  template std::string encode_answer(const AnswerHead&, const Body&); \
  template bool decode_answer(Bytes, AnswerHead&, std::optional<Error>&, Body&);
TRIBUTARY_BODY(HeadBody)
TRIBUTARY_BODY(MetricsBody)
TRIBUTARY_BODY(DevicesBody)
TRIBUTARY_BODY(GatewaysBody)
TRIBUTARY_BODY(KnownBody)
TRIBUTARY_BODY(SummaryBody)
TRIBUTARY_BODY(SeriesBody)
TRIBUTARY_BODY(NewestBody)
TRIBUTARY_BODY(CompletenessBody)
TRIBUTARY_BODY(ChangesBody)
TRIBUTARY_BODY(RowsBody)
TRIBUTARY_BODY(LastBody)
TRIBUTARY_BODY(SystemBody)
#undef TRIBUTARY_BODY

std::string encoded_summary(const stats::Summary& summary) {
  std::array<uint8_t, stats::kSummaryBytesMax> bytes;
  const size_t size = summary.encode(bytes);
  CHECK(size > 0);
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

}  // namespace tributary::cluster
