// SPDX-License-Identifier: Apache-2.0
// What an aggregator tells of itself, as bytes: see system.h.
#include "cloud/query/question/system.h"

#include <algorithm>

#include "cloud/state/levels.h"

namespace tributary::query {
namespace {

constexpr uint64_t kMinutesMax = 256;
constexpr uint64_t kDelaysMax = 1'024;

bool is_time(int64_t time_s) { return time_s >= -kStartMax && time_s <= kStartMax; }

}  // namespace

void AskSystem::put(Out& out) const {
  query::put(out, tenant);
  out.zigzag(now_ns);
}
bool AskSystem::get(In& in) {
  if (!query::get(in, tenant)) return false;
  now_ns = in.zigzag();
  return in.ok();
}

Result<AskSystem::Part> AskSystem::answer(const Self& self) const {
  if (!self.system) return Error{ErrorCode::kUnsupported, "it tells nothing of itself"};
  Result<SystemPart> told = self.system(tenant, now_ns);
  if (!told) return told.error();
  return Part{std::move(told).value()};
}

bool AskSystem::sound(const Part& part, const Share& share) {
  return std::all_of(part.begin(), part.end(), [&](const SystemPart& told) {
    if (!told.service) return true;
    return std::all_of(told.service->partitions.begin(), told.service->partitions.end(), [&](const auto& one) {
      return std::binary_search(share.partitions.begin(), share.partitions.end(), one.partition);
    });
  });
}

void AskSystem::add(Part& all, Part&& more) {
  for (SystemPart& told : more) all.push_back(std::move(told));
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
  return is_time(minute.start_s);
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
  if (!in.text(info.service, kTextBytesMax) || !in.text(info.version, kTextBytesMax) ||
      !in.text(info.trouble, kNoteBytesMax) || !in.text(info.durability, kTextBytesMax)) {
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
  if (!in.text(recovery.kind, kTextBytesMax)) return false;
  recovery.ended_s = in.zigzag();
  return get(in, recovery.seconds) && get(in, recovery.amounts, kListMax) && is_time(recovery.ended_s);
}

void put(Out& out, const SystemPart& part) {
  out.varint(part.readings).zigzag(part.since_ns);
  put(out, part.minutes);
  out.u8(part.service.has_value());
  if (part.service) put(out, *part.service);
}
bool get(In& in, SystemPart& part) {
  part.readings = in.varint();
  part.since_ns = in.zigzag();
  bool there = false;
  part.service.reset();
  if (!get(in, part.minutes, kMinutesMax) || !in.flag(there)) return false;
  return !there || get(in, part.service.emplace());
}

}  // namespace tributary::query
