// SPDX-License-Identifier: Apache-2.0
// Ingest: the body of POST /api/v1/data turned into records for the log. Pure: no sockets, no clock.
//
// A record is one uplink message of epoch 1 from seq 1 on, without frontier and mark: its place in the log is its
// identity. One request gives one record a partition; a large one is cut into parts of kReadingsAPart readings, by
// their order in the body alone, so that a repeated request is cut alike and each part's key (the request's, and the
// part's number) finds its first copy.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/log/log.h"
#include "common/base/time.h"
#include "common/series/series.h"

namespace tributary::bridge {

inline constexpr size_t kReadingsAPart = 128;  // so many always fit a message
inline constexpr size_t kIdempotencyKeyBytesMax = 200;

struct IngestConfig {
  WidthS base_width_s = 10;
  int64_t max_future_s = 600;
  int64_t min_time_s = 0;  // readings dated further before their arrival are refused (too_old); 0: none is. The
                           // program's configuration says a year
  size_t body_bytes_max = 1 << 20;
  std::map<std::string, std::string, std::less<>> unit_by_metric;  // becomes the label unit
  std::map<std::string, MetricKind, std::less<>> kind_by_metric;   // counter: the values posted are increments
};

struct IngestRequest {
  std::string tenant;
  std::string body;
  std::string idempotency_key;  // empty: none
  std::string digest = {};      // of the body (body_digest), with a key
};

struct IngestResult {
  std::vector<log::Record> records;
  uint64_t accepted = 0;                     // readings in the records
  std::map<std::string, uint64_t> rejected;  // reason → count
  std::map<std::string, uint64_t> left_out;  // reason → fields that are no readings
  std::string found, expected;               // of the first rejection
};

// True if text may be an idempotency key: 1 to kIdempotencyKeyBytesMax visible ASCII characters.
bool is_idempotency_key(std::string_view text);

// Any body is survived.
IngestResult make_records(const IngestConfig& config, const IngestRequest& request, uint32_t partitions, Instant now);

}  // namespace tributary::bridge
