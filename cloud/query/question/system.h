// SPDX-License-Identifier: Apache-2.0
// What an aggregator tells of itself and of one tenant, for GET /api/v1/system of whichever aggregator was asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cloud/query/question.h"
#include "common/runtime/recoveries.h"

namespace tributary::query {

// What the program knows of itself; of all tenants together, so for operators only.
struct ServiceInfo {
  struct Partition {
    uint32_t partition = 0;
    uint64_t position = 0, end = 0;  // the next record to merge; one past the newest of the log
  };
  std::string service, version, trouble;  // trouble: empty when ready
  std::string durability;                 // of the log: "power" or "process"; empty: not known yet
  int64_t started_ns = 0;
  uint64_t memory_bytes = 0;
  uint64_t records = 0, partials = 0, rejected = 0;  // since the start: records and partials merged, items refused
  std::vector<Partition> partitions;
  std::optional<runtime::LastRecovery> recovery;  // nothing: it had no trouble since its start
};

// Delays are counted in buckets: bucket i holds those in [kLeastMs · 2^(i/4), kLeastMs · 2^((i+1)/4)); what is shorter
// is in the first, what is longer in the last.
struct DelayBuckets {
  static constexpr double kLeastMs = 1;
  static constexpr int kPerOctave = 4;
  static constexpr size_t kCount = 84;  // the last one begins beyond half an hour
};

// Records of one tenant merged in one minute. Delays: {bucket, count}, ascending by bucket.
struct TrafficMinute {
  int64_t start_s = 0;
  uint64_t messages = 0, posts = 0, rejected = 0;
  std::vector<std::pair<uint32_t, uint64_t>> delays;
};

// One aggregator's part; parts of several add up.
struct SystemPart {
  uint64_t readings = 0;  // of the tenant, merged since the beginning
  int64_t since_ns = 0;   // 0: unknown
  std::vector<TrafficMinute> minutes;
  std::optional<ServiceInfo> service;
};
using TellSystem = std::function<Result<SystemPart>(const std::string& tenant, int64_t now_ns)>;

// An aggregator of the cluster, and what it told.
struct SystemMember {
  uint32_t ordinal = 0;
  std::vector<uint32_t> partitions;  // that it owns, ascending
  std::optional<SystemPart> part;
  std::string absence;  // why there is no part: kOtherVersion, kUnreadable, or a word of Peers
};
inline constexpr const char* kOtherVersion = "other_version";  // it answers, but does not know this question
inline constexpr const char* kUnreadable = "unreadable";       // it answers, but cannot read its state

// What each aggregator tells of itself and of one tenant.
struct AskSystem {
  static constexpr uint8_t kOp = 14;
  std::string tenant;
  int64_t now_ns = 0;

  void put(Out& out) const;
  bool get(In& in);
  using Part = std::vector<SystemPart>;  // of one aggregator each
  Result<Part> answer(const Self& self) const;
  static bool sound(const Part& part, const Share& share);
  static void add(Part& all, Part&& more);
  using Answer = Part;
  Result<Answer> conclude(Part&& part, const Coverage&) const { return std::move(part); }
};
void put(Out& out, const SystemPart& part);
bool get(In& in, SystemPart& part);
void put(Out& out, const ServiceInfo& info);
bool get(In& in, ServiceInfo& info);
void put(Out& out, const ServiceInfo::Partition& value);
bool get(In& in, ServiceInfo::Partition& value);
void put(Out& out, const TrafficMinute& minute);
bool get(In& in, TrafficMinute& minute);

}  // namespace tributary::query
