// SPDX-License-Identifier: Apache-2.0
// Traffic, see traffic.h.
#include "cloud/aggregator/traffic.h"

#include <algorithm>
#include <cmath>

#include "cloud/query/question/system.h"
#include "common/base/time.h"
#include "common/wire/message.h"

namespace tributary::api {

using Buckets = query::DelayBuckets;

size_t Traffic::bucket_of(int64_t delay_ns) {
  const double ms = static_cast<double>(delay_ns) / 1e6;
  if (ms <= Buckets::kLeastMs) return 0;
  return std::min(Buckets::kCount - 1, static_cast<size_t>(std::log2(ms / Buckets::kLeastMs) * Buckets::kPerOctave));
}

namespace {

// From when on its readings are on their way: for a message the moment its gateway says, for all else its append.
int64_t begin_of(const log::Record& record) {
  switch (record.kind) {
    case log::RecordKind::kMessage: {
      wire::Header header;
      const bool sound = wire::parse_header(as_bytes(record.payload), header) == wire::DecodeError::kNone;
      return sound && header.mark_ns > 0 ? header.mark_ns : record.append_ns;
    }
    case log::RecordKind::kRejected:
    case log::RecordKind::kStatus:
    case log::RecordKind::kIngest:
    case log::RecordKind::kControl:
      break;
  }
  return record.append_ns;
}

}  // namespace

void Traffic::add(const log::Record& record, int64_t committed_ns) {
  if (!log::row_of(record.kind).carries_message) return;
  const int64_t minute_s = to_seconds_floor(committed_ns) / 60 * 60;
  std::lock_guard lock(mutex_);
  auto found = tenants_.find(record.tenant);
  if (found == tenants_.end()) {
    if (tenants_.size() >= kTenantsMax) {
      tenants_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(record.tenant);
    found = tenants_.try_emplace(record.tenant).first;
    found->second.place = order_.begin();
  } else {
    order_.splice(order_.begin(), order_, found->second.place);
  }
  Minute& minute = found->second.ring[static_cast<size_t>(minute_s / 60 % kMinutes)];
  if (minute.start_s != minute_s) minute = Minute{.start_s = minute_s};
  switch (record.kind) {
    case log::RecordKind::kMessage:
      ++minute.messages;
      break;
    case log::RecordKind::kIngest:
      ++minute.posts;
      break;
    case log::RecordKind::kRejected:
      ++minute.rejected;
      return;  // nothing of it reaches a row, so it has no delay
    case log::RecordKind::kStatus:
    case log::RecordKind::kControl:
      return;
  }
  ++minute.delays[bucket_of(committed_ns - begin_of(record))];
}

std::vector<Traffic::Minute> Traffic::minutes(const std::string& tenant, int64_t now_ns) const {
  const int64_t oldest_s = to_seconds_floor(now_ns) / 60 * 60 - (kMinutes - 1) * 60;
  std::vector<Minute> out;
  std::lock_guard lock(mutex_);
  const auto found = tenants_.find(tenant);
  if (found == tenants_.end()) return out;
  for (const Minute& minute : found->second.ring) {
    if (minute.start_s >= oldest_s && minute.start_s > 0) out.push_back(minute);
  }
  std::sort(out.begin(), out.end(), [](const Minute& a, const Minute& b) { return a.start_s < b.start_s; });
  return out;
}

}  // namespace tributary::api
