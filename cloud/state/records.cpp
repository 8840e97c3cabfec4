// SPDX-License-Identifier: Apache-2.0
// The stored records' bytes: see records.h and FORMAT.md.
#include "cloud/state/records.h"

#include <algorithm>

namespace tributary::state {
namespace {

// A label for /metrics: whatever a newer program wrote, it stays short.
std::string_view cut(std::string_view reason) { return reason.substr(0, kReasonBytesMax); }

}  // namespace

std::string_view read_text(ByteReader& in) { return as_text(in.bytes(in.varint())); }

void GatewayRecord::count_rejected(std::string_view reason, uint64_t count) {
  if (count == 0) return;
  auto found = rejected.find(cut(reason));
  if (found == rejected.end()) {
    std::string_view name = rejected.size() < kReasonsMax ? cut(reason) : "other";
    found = rejected.try_emplace(std::string(name), 0).first;
  }
  found->second += count;
}

void GatewayRecord::add_gap(const GatewayGap& gap) {
  gaps.push_back(gap);
  if (gaps.size() > kGapsMax) gaps.pop_front();
}

void GatewayRecord::add_alarm(const GatewayAlarm& alarm) {
  alarms.push_back(alarm);
  if (alarms.size() > kAlarmsMax) alarms.pop_front();
}

void GatewayRecord::add_estimated(EstimatedRange range) {
  std::vector<EstimatedRange> kept;
  for (const EstimatedRange& other : estimated) {
    if (other.to_ns < range.from_ns || other.from_ns > range.to_ns) {
      kept.push_back(other);
    } else {
      range = {std::min(range.from_ns, other.from_ns), std::max(range.to_ns, other.to_ns)};
    }
  }
  const auto before = [](const EstimatedRange& a, const EstimatedRange& b) { return a.from_ns < b.from_ns; };
  kept.insert(std::upper_bound(kept.begin(), kept.end(), range, before), range);
  if (kept.size() > kEstimatedMax) {
    size_t nearest = 1;
    for (size_t i = 2; i < kept.size(); ++i) {
      if (kept[i].from_ns - kept[i - 1].to_ns < kept[nearest].from_ns - kept[nearest - 1].to_ns) nearest = i;
    }
    kept[nearest - 1].to_ns = kept[nearest].to_ns;
    kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(nearest));
  }
  estimated = std::move(kept);
}

std::string GatewayRecord::encode() const {
  std::string bytes;
  Out out(bytes);
  out.text(tenant);
  out.text(gateway);
  out.varint(tenant_no);
  out.zigzag(first_seen_ns);
  out.zigzag(last_seen_ns);
  out.varint(rejected.size());
  for (const auto& [reason, count] : rejected) {
    out.text(reason);
    out.varint(count);
  }
  out.varint(gaps.size());
  for (const GatewayGap& gap : gaps) {
    out.zigzag(gap.from_ns);
    out.zigzag(gap.to_ns);
    out.u8(gap.cause);
  }
  out.varint(alarms.size());
  for (const GatewayAlarm& alarm : alarms) {
    out.u8(static_cast<uint8_t>(alarm.kind));
    out.varint(alarm.epoch);
    out.zigzag(alarm.append_ns);
  }
  // Left out where there is nothing, as records of earlier versions do.
  if (!estimated.empty()) out.varint(estimated.size());
  for (const EstimatedRange& range : estimated) {
    out.zigzag(range.from_ns);
    out.zigzag(range.to_ns);
  }
  return bytes;
}

bool GatewayRecord::decode(std::string_view bytes) {
  *this = {};
  ByteReader in(as_bytes(bytes));
  tenant = read_text(in);
  gateway = read_text(in);
  tenant_no = static_cast<uint32_t>(in.varint());
  first_seen_ns = in.zigzag();
  last_seen_ns = in.zigzag();
  for (uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    std::string reason(read_text(in));
    rejected[reason] = in.varint();
  }
  for (uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    GatewayGap gap;
    gap.from_ns = in.zigzag();
    gap.to_ns = in.zigzag();
    gap.cause = in.u8();
    gaps.push_back(gap);
  }
  for (uint64_t left = in.varint(); left > 0 && in.ok(); --left) {
    GatewayAlarm alarm;
    alarm.kind = static_cast<AlarmKind>(in.u8());
    alarm.epoch = in.varint();
    alarm.append_ns = in.zigzag();
    alarms.push_back(alarm);
  }
  for (uint64_t left = in.remaining() > 0 ? in.varint() : 0; left > 0 && in.ok(); --left) {
    EstimatedRange range;
    range.from_ns = in.zigzag();
    range.to_ns = in.zigzag();
    estimated.push_back(range);
  }
  return in.done();
}

std::string SeriesInfo::encode() const {
  std::string bytes;
  Out out(bytes);
  out.varint(tenant_no);
  out.u8(fleet ? 1 : 0);
  out.u8(static_cast<uint8_t>(kind));
  out.text(id);
  return bytes;
}

bool SeriesInfo::decode(std::string_view bytes) {
  ByteReader in(as_bytes(bytes));
  tenant_no = static_cast<uint32_t>(in.varint());
  fleet = in.u8() != 0;
  const auto known = kind_from(in.u8());
  id = read_text(in);
  if (!in.done() || !known) return false;
  kind = *known;
  return true;
}

std::string ChangeRecord::encode() const {
  std::string bytes;
  bytes.reserve(16 + rows.size() * 8);
  Out out(bytes);
  out.zigzag(clock_ns);
  out.varint(rows.size());
  ChangedRow last;
  for (const ChangedRow& row : rows) {
    out.zigzag(static_cast<int64_t>(row.series_no) - static_cast<int64_t>(last.series_no));
    out.zigzag(row.start_s - last.start_s);
    out.varint(row.width_s);
    last = row;
  }
  return bytes;
}

bool decode_change_head(std::string_view bytes, int64_t& clock_ns, uint64_t& rows) {
  ByteReader in(as_bytes(bytes));
  clock_ns = in.zigzag();
  rows = in.varint();
  return in.ok();
}

bool ChangeRecord::decode(std::string_view bytes) {
  rows.clear();
  ByteReader in(as_bytes(bytes));
  clock_ns = in.zigzag();
  uint64_t count = in.varint();
  ChangedRow row;
  for (; count > 0 && in.ok(); --count) {
    row.series_no = static_cast<uint32_t>(static_cast<int64_t>(row.series_no) + in.zigzag());
    row.start_s += in.zigzag();
    row.width_s = static_cast<WidthS>(in.varint());
    if (in.ok()) rows.push_back(row);
  }
  return in.done();
}

std::string ParkedPartial::encode() const {
  std::string bytes;
  Out out(bytes);
  out.text(reason);
  out.text(tenant);
  out.text(gateway);
  out.varint(epoch);
  out.varint(seq);
  out.text(series_id);
  out.zigzag(start_s);
  out.varint(width_s);
  out.text(summary);
  return bytes;
}

bool ParkedPartial::decode(std::string_view bytes) {
  ByteReader in(as_bytes(bytes));
  reason = read_text(in);
  tenant = read_text(in);
  gateway = read_text(in);
  epoch = in.varint();
  seq = in.varint();
  series_id = read_text(in);
  start_s = in.zigzag();
  width_s = static_cast<WidthS>(in.varint());
  summary = read_text(in);
  return in.done();
}

std::string LogGap::encode() const {
  std::string bytes;
  Out out(bytes);
  out.varint(to_offset);
  out.zigzag(noticed_ns);
  out.text(cause);
  return bytes;
}

bool LogGap::decode(std::string_view bytes) {
  ByteReader in(as_bytes(bytes));
  to_offset = in.varint();
  noticed_ns = in.zigzag();
  cause = read_text(in);
  return in.done();
}

std::string StatusRecord::encode() const {
  std::string bytes;
  Out out(bytes);
  out.zigzag(append_ns);
  out.text(json);
  return bytes;
}

bool StatusRecord::decode(std::string_view bytes) {
  ByteReader in(as_bytes(bytes));
  append_ns = in.zigzag();
  json = read_text(in);
  return in.done();
}

}  // namespace tributary::state
