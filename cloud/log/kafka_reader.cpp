// SPDX-License-Identifier: Apache-2.0
// Reads the log over Kafka: one consumer without a group, each partition from the position its caller names. What is no
// record of this log is named as a hole, so that nothing foreign is merged and nothing foreign stops a partition.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "cloud/log/kafka.h"
#include "cloud/log/kafka_handle.h"
#include "cloud/log/record.h"

namespace tributary::log {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int kBoundsMsMax = 3000;
constexpr int kFetchMsMax = 3000;  // for records, or for the answer that there are none
constexpr auto kLookInterval = 2000ms, kLookIntervalInTrouble = 500ms;
constexpr int kLookMsMax = 2000;
constexpr size_t kFetchRecordsMax = 1024;
// librdkafka 2.0.2 stops fetching when a partition's queue is full, and looks again only after a second, though the
// queue may have been emptied long before. So a queue holds a second's work, where that many partitions leave the
// memory.
constexpr size_t kQueuesKib = 128 << 10, kQueueKibMin = 8 << 10, kQueueKibMax = 32 << 10;

int left_ms(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return std::max<int>(0, static_cast<int>(left));
}

// The header that every record of ours carries.
bool is_marked(const rd_kafka_message_t& got, uint64_t log_id) {
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&got, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  const void* value = nullptr;
  size_t size = 0;
  if (rd_kafka_header_get_last(headers, kLogIdHeader, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) return false;
  return std::string_view(static_cast<const char*>(value), size) == log_id_text(log_id);
}

class KafkaReader final : public Reader {
 public:
  KafkaReader(KafkaLog log, LogSettings settings, std::unique_ptr<KafkaClient> client)
      : log_(std::move(log)), settings_(std::move(settings)), client_(std::move(client)) {}

  ~KafkaReader() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    woken_.notify_all();
    if (thread_.joinable()) thread_.join();
    for (Partition& one : partitions_) one.stop();
    partitions_.clear();
  }

  Status start() {
    const size_t queue_kib =
        std::clamp(kQueuesKib / std::max<size_t>(settings_.partitions, 1), kQueueKibMin, kQueueKibMax);
    auto conf = make_conf(log_.kafka, {{"enable.auto.commit", "false"},
                                       {"auto.offset.reset", "error"},
                                       {"enable.partition.eof", "true"},
                                       {"isolation.level", "read_uncommitted"},
                                       {"fetch.wait.max.ms", "10"},
                                       {"fetch.error.backoff.ms", "100"},
                                       {"queued.min.messages", "100000"},
                                       {"queued.max.messages.kbytes", std::to_string(queue_kib)}});
    if (!conf) return conf.error();
    rd_kafka_conf_set_opaque(conf->get(), this);
    rd_kafka_conf_set_error_cb(conf->get(), [](rd_kafka_t*, int code, const char* reason, void* opaque) {
      static_cast<KafkaReader*>(opaque)->complaint_.note(static_cast<rd_kafka_resp_err_t>(code), reason);
    });
    char why[512];
    handle_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), why, sizeof why));
    if (!handle_) return Error{ErrorCode::kInvalid, std::string("log.kafka: ") + why};
    (void)conf->release();
    for (uint32_t number = 0; number < settings_.partitions; ++number) {
      Partition& one = partitions_.emplace_back();
      one.number = static_cast<int32_t>(number);
      one.topic.reset(rd_kafka_topic_new(handle_.get(), log_.records_topic.c_str(), nullptr));
    }
    thread_ = std::thread([this] { run(); });
    return {};
  }

  const LogSettings& settings() const override { return settings_; }

  Result<Bounds> bounds(uint32_t partition) override {
    if (Status known = check_partition(partition); !known) return known.error();
    if (auto trouble = this->trouble(ErrorCode::kMismatch)) return *trouble;
    return client_->bounds(log_.records_topic, partition, kBoundsMsMax);
  }

  Result<std::vector<StoredRecord>> read(uint32_t partition, Offset offset, size_t max_records, size_t bytes_max,
                                         int wait_ms) override {
    if (Status known = check_partition(partition); !known) return known.error();
    Partition& one = partitions_[partition];
    if (auto trouble = this->trouble(ErrorCode::kMismatch)) {
      one.stop();
      return *trouble;
    }
    if (one.started && one.epoch != epoch_) one.stop();
    if (!one.started || one.next != offset) {
      if (Status placed = place(one, offset); !placed) return placed.error();
    }
    std::vector<StoredRecord> out;
    if (max_records == 0) return out;
    const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(wait_ms);
    if (one.at_end && one.fetched.empty() && wait_ms == 0) {
      // Without waiting nothing new would ever be seen.
      auto bounds = client_->bounds(log_.records_topic, partition, kBoundsMsMax);
      if (!bounds) return bounds.error();
      if (bounds->end > offset) one.at_end = false;
    }
    const Clock::time_point fetch_deadline = Clock::now() + std::chrono::milliseconds(kFetchMsMax);
    while (one.fetched.empty()) {
      const int patience = one.at_end ? left_ms(deadline) : left_ms(std::max(deadline, fetch_deadline));
      if (Status fetched = fetch(one, std::min(patience, kFetchMsMax), max_records); !fetched) {
        one.stop();
        return fetched.error();
      }
      if (!one.fetched.empty()) break;
      if (auto trouble = this->trouble(ErrorCode::kIo)) return *trouble;
      if (one.at_end && left_ms(deadline) == 0) return out;
      if (!one.at_end && left_ms(fetch_deadline) == 0) {
        one.stop();
        return kafka_error(log_.kafka, RD_KAFKA_RESP_ERR__TIMED_OUT, complaint_);
      }
    }
    return take(one, std::move(out), max_records, bytes_max);
  }

 private:
  struct Partition {
    Partition() = default;
    Partition(Partition&&) = default;

    void stop() {
      fetched.clear();
      at = 0;
      at_end = false;
      if (started) rd_kafka_consume_stop(topic.get(), number);
      started = false;
    }

    int32_t number = 0;
    KafkaTopicHandle topic;
    bool started = false;
    Offset next = 0;      // the position the caller has come to
    bool at_end = false;  // Kafka has said that there is nothing more
    uint64_t epoch = 0;
    std::vector<KafkaFetched> fetched;  // from `at` on not yet given to the caller
    size_t at = 0;
  };

  Status check_partition(uint32_t partition) const {
    if (partition < settings_.partitions) return {};
    return Error{ErrorCode::kInvalid, "found partition " + std::to_string(partition) + ", expected one below " +
                                          std::to_string(settings_.partitions)};
  }

  Status place(Partition& one, Offset offset) {
    one.stop();
    auto bounds = client_->bounds(log_.records_topic, static_cast<uint32_t>(one.number), kBoundsMsMax);
    if (!bounds) return bounds.error();
    if (offset < bounds->begin || offset > bounds->end) {
      return Error{ErrorCode::kNotFound, "offset " + std::to_string(offset) + " of partition " +
                                             std::to_string(one.number) + " lies outside the log, which holds " +
                                             std::to_string(bounds->begin) + " to " + std::to_string(bounds->end)};
    }
    if (rd_kafka_consume_start(one.topic.get(), one.number, static_cast<int64_t>(offset)) != 0) {
      return kafka_error(log_.kafka, rd_kafka_last_error(), complaint_);
    }
    one.started = true;
    one.next = offset;
    one.epoch = epoch_;
    return {};
  }

  // Waits for the first, takes what is there.
  Status fetch(Partition& one, int wait_ms, size_t max_records) {
    one.fetched.clear();
    one.at = 0;
    rd_kafka_message_t* got[kFetchRecordsMax];
    ssize_t count = rd_kafka_consume_batch(one.topic.get(), one.number, wait_ms, got, 1);
    if (count > 0) {
      const size_t room = std::min(max_records, kFetchRecordsMax) - 1;
      const ssize_t more = room > 0 ? rd_kafka_consume_batch(one.topic.get(), one.number, 0, got + 1, room) : 0;
      count += std::max<ssize_t>(more, 0);
    }
    Status status;
    for (ssize_t i = 0; i < count; ++i) {
      KafkaFetched message(got[i]);
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        one.at_end = false;
        if (status.ok()) one.fetched.push_back(std::move(message));
      } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        one.at_end = true;
      } else if (status.ok()) {
        status = problem(one, *message);
      }
    }
    return status;
  }

  Error problem(const Partition& one, const rd_kafka_message_t& message) {
    const bool outside =
        message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET || message.err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
    if (outside) {
      return {ErrorCode::kNotFound, "offset " + std::to_string(one.next) + " of partition " +
                                        std::to_string(one.number) + " lies outside the log"};
    }
    Error error = kafka_error(log_.kafka, message.err, complaint_);
    if (error.code == ErrorCode::kNotFound) error.code = ErrorCode::kIo;  // kNotFound is about positions
    return error;
  }

  Result<std::vector<StoredRecord>> take(Partition& one, std::vector<StoredRecord> out, size_t max_records,
                                         size_t bytes_max) {
    size_t bytes = 0;
    for (; one.at < one.fetched.size() && out.size() < max_records && bytes < bytes_max; ++one.at) {
      const rd_kafka_message_t& got = *one.fetched[one.at];
      const auto offset = static_cast<Offset>(got.offset);
      if (offset < one.next) continue;
      if (offset > one.next) add_hole(out, one.next, offset, "no_record");
      one.next = offset;
      const std::string_view value(static_cast<const char*>(got.payload), got.payload == nullptr ? 0 : got.len);
      auto record = decode_record(value);
      if (record.ok() && record->log_id == settings_.log_id) {
        out.push_back({offset, std::move(*record)});
      } else if (record.ok()) {
        add_hole(out, offset, offset + 1, "other_log");
      } else if (!is_marked(got, settings_.log_id)) {
        add_hole(out, offset, offset + 1, "foreign");
      } else if (record.error().code == ErrorCode::kUnsupported) {
        // Ours, of a newer version: it waits for a reader that knows it.
        if (!out.empty()) break;
        return Error{ErrorCode::kUnsupported, "partition " + std::to_string(one.number) + " offset " +
                                                  std::to_string(offset) + ": " + record.error().message};
      } else {
        add_hole(out, offset, offset + 1, "damaged");
      }
      one.next = offset + 1;
      bytes += value.size();
    }
    if (one.at == one.fetched.size()) {
      one.fetched.clear();
      one.at = 0;
    }
    return out;
  }

  static void add_hole(std::vector<StoredRecord>& out, Offset from, Offset to, const char* why) {
    if (!out.empty() && out.back().hole == why && out.back().hole_end == from) {
      out.back().hole_end = to;
      return;
    }
    StoredRecord hole;
    hole.offset = from;
    hole.hole = why;
    hole.hole_end = to;
    out.push_back(std::move(hole));
  }

  void run() {
    bool well = true;
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        woken_.wait_for(lock, std::chrono::milliseconds(well ? kLookInterval : kLookIntervalInTrouble),
                        [this] { return stopping_; });
        if (stopping_) return;
      }
      rd_kafka_poll(handle_.get(), 0);  // brings complaints
      Status same = verify_kafka_log(*client_, log_, settings_, kLookMsMax);
      std::lock_guard lock(mutex_);
      if (same.ok() && !well) {
        ++epoch_;  // positions are looked at anew
        complaint_.forget();
      }
      well = same.ok();
      trouble_ = same.ok() ? std::optional<Error>() : same.error();
    }
  }

  // The trouble of the moment, if it is of this kind.
  std::optional<Error> trouble(ErrorCode kind) const {
    std::lock_guard lock(mutex_);
    return trouble_ && (trouble_->code == kind) ? trouble_ : std::nullopt;
  }

  const KafkaLog log_;
  const LogSettings settings_;
  std::unique_ptr<KafkaClient> client_;
  LastComplaint complaint_;
  KafkaConsumer handle_;
  std::vector<Partition> partitions_;
  std::atomic<uint64_t> epoch_{0};

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  std::optional<Error> trouble_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Reader>> open_kafka_reader(const LogConfig& config) {
  auto log = kafka_log(config);
  if (!log) return log.error();
  auto client = KafkaClient::open(log->kafka);
  if (!client) return client.error();
  auto settings = settle_kafka_log(**client, *log, config, false);
  if (!settings) return settings.error();
  auto reader = std::make_unique<KafkaReader>(std::move(*log), std::move(*settings), std::move(*client));
  if (Status started = reader->start(); !started) return started.error();
  return std::unique_ptr<Reader>(std::move(reader));
}

}  // namespace tributary::log
