// SPDX-License-Identifier: Apache-2.0
// The log between bridge and aggregator: partitions of records in order, durable when appended. One interface, two
// implementations, chosen by URL: lmdb:///path (embedded) and kafka://host:9092. Keyed with Kafka's murmur2
// partitioner; the partition count and a random log id are stored with the log, for its life.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cloud/log/record_kinds.h"
#include "common/runtime/result.h"

namespace tributary::log {

struct Record {
  RecordKind kind = RecordKind::kMessage;
  std::string tenant;
  std::string gateway;          // kIngest: the device (the key is tenant/device)
  std::string reason;           // kRejected
  std::string idempotency_key;  // kIngest; empty: none
  int64_t append_ns = 0;  // wall clock of the bridge when appended: the aggregator's clock. Never goes back within
                          // a partition (Kafka: of one writer; readers take the greatest)
  uint64_t log_id = 0;    // filled by the log
  std::string payload;
};

using Offset = uint64_t;  // 0, 1, 2 … within a partition

struct LogSettings {
  uint64_t log_id = 0;
  uint32_t partitions = 1;
  std::string durability;  // "power" or "process"; "unknown" while the log has not been found
};

// The partition of a key: murmur2 as in Kafka's DefaultPartitioner, (hash & 0x7fffffff) % partitions.
uint32_t partition_of(std::string_view tenant, std::string_view gateway_or_device, uint32_t partitions);

class Writer {
 public:
  // Appends in order of the calls a partition; done runs once, on the log's thread, when the record is durable or was
  // refused. The queue is bounded: kBusy at once when full (kInvalid: a field is too long); then done is not called.
  // Thread-safe.
  using Done = std::function<void(const Status&)>;
  virtual ~Writer() = default;
  virtual Status append(Record record, Done done) = 0;
  virtual const LogSettings& settings() const = 0;
  // Waits until everything appended is settled, or the log is in trouble (what is queued then stays queued).
  // Destroying a writer flushes; what cannot be written is refused: every done is called exactly once.
  virtual void flush() = 0;
  // Empty when well; otherwise one sentence for /ready ("disk full: …").
  virtual std::string trouble() const = 0;
};

struct Bounds {
  Offset begin = 0;  // the oldest kept
  Offset end = 0;    // one past the newest
};

struct StoredRecord {
  Offset offset = 0;
  Record record;
  // Not empty: no record of this log stands at [offset, hole_end), and why: "foreign" (something else wrote there),
  // "other_log", "damaged", "no_record". Kafka only; whoever merges names it as a log gap.
  std::string hole;
  Offset hole_end = 0;
};

// Thread-safe for different partitions; one thread at a time reads a partition.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual const LogSettings& settings() const = 0;
  virtual Result<Bounds> bounds(uint32_t partition) = 0;
  // Up to max_records (and about bytes_max) records from offset on, waiting up to wait_ms for the first. Empty: none
  // came. kNotFound: offset below begin (trimmed) or above end (the log is shorter than it was). kCorrupt names the
  // offset of a record that cannot be read, kUnsupported one of a newer version; those before it are returned first.
  // kMismatch: the log is gone or another one.
  virtual Result<std::vector<StoredRecord>> read(uint32_t partition, Offset offset, size_t max_records,
                                                 size_t bytes_max, int wait_ms) = 0;
};

struct LogConfig {
  std::string url;
  // Set: must equal the stored one (kMismatch names both). Used when the log is made; then the default is 1, of
  // Kafka 16.
  std::optional<uint32_t> partitions;
  // Oldest records beyond either limit are trimmed while appending; the newest of a partition always stays. The bytes
  // are shared equally by the partitions.
  int64_t retention_ms = 7LL * 24 * 3600 * 1000;
  uint64_t retention_bytes = 4ULL << 30;
  uint64_t queue_records_max = 16384;
  uint64_t queue_bytes_max = 64ULL << 20;
  uint64_t map_bytes_max = 1ULL << 40;  // embedded: the file never grows beyond; full is then like a full disk
  bool sync = true;                     // false only in tests
  int64_t restamp_ms = 10'000;          // embedded: a record that waited so long to be written gets the later append_ns
  int64_t check_ms_max = 60'000;        // embedded: its file is walked when it is opened, for so long at most
  // Kafka only: librdkafka's properties as configured (TLS, SASL, compression …; may hold passwords), and the replicas
  // of topics that are made (0: three, or as many as there are brokers).
  std::map<std::string, std::string> kafka;
  int replicas = 0;
};

// Makes the log if it is missing (writer) or waits for nothing (reader: kNotFound if missing). Errors name the URL.
// With Kafka's brokers away a writer comes up all the same, in trouble, and goes on by itself; a reader is kIo.
Result<std::unique_ptr<Writer>> open_writer(const LogConfig& config);
Result<std::unique_ptr<Reader>> open_reader(const LogConfig& config);

}  // namespace tributary::log
