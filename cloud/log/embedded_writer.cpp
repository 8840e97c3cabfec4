// SPDX-License-Identifier: Apache-2.0
// Appends to the embedded log: one thread writes everything queued as one durable transaction (group commit), so that
// the cost of syncing is shared. When the disk is full the queue waits; it goes on by itself when there is space again.
#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "cloud/log/embedded.h"
#include "cloud/log/record.h"
#include "common/runtime/program.h"

namespace tributary::log {
namespace {

constexpr size_t kBatchRecordsMax = 8192;
constexpr size_t kBatchBytesMax = 8 << 20;
constexpr size_t kTrimsMin = 256;  // a transaction trims at most this many records, or twice what it appends
constexpr auto kRetryInterval = std::chrono::milliseconds(250);
constexpr auto kReaderCheckInterval = std::chrono::seconds(60);

struct Item {
  Record record;
  int64_t asked_ns = 0;  // append_ns as given; the record's own may be moved ahead
  std::chrono::steady_clock::time_point asked_at;
  uint32_t partition = 0;
  size_t bytes = 0;
  Writer::Done done;
};

class EmbeddedWriter final : public Writer {
 public:
  EmbeddedWriter(std::unique_ptr<Embedded> log, std::string path, LogConfig config)
      : log_(std::move(log)), settings_(log_->settings()), path_(std::move(path)), config_(std::move(config)) {
    thread_ = std::thread([this] { run(); });
  }

  ~EmbeddedWriter() override {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    thread_.join();
  }

  Status append(Record record, Done done) override {
    if (Status fits = check_record(record); !fits) return fits;
    Item item;
    item.bytes = record.payload.size() + record.tenant.size() + record.gateway.size() + sizeof(Item);
    item.partition = partition_of(record.tenant, record.gateway, settings_.partitions);
    item.asked_ns = record.append_ns;
    item.asked_at = std::chrono::steady_clock::now();
    item.record = std::move(record);
    item.done = std::move(done);
    {
      std::lock_guard lock(mutex_);
      const bool room =
          unsettled_records_ < config_.queue_records_max && unsettled_bytes_ + item.bytes <= config_.queue_bytes_max;
      if (stopping_ || !room) {
        return Error{ErrorCode::kBusy, trouble_.empty() ? "the log's queue is full" : trouble_};
      }
      unsettled_records_ += 1;
      unsettled_bytes_ += item.bytes;
      queue_.push_back(std::move(item));
    }
    work_.notify_one();
    return {};
  }

  const LogSettings& settings() const override { return settings_; }

  void flush() override {
    std::unique_lock lock(mutex_);
    settled_.wait(lock, [this] { return unsettled_records_ == 0 || !trouble_.empty(); });
  }

  std::string trouble() const override {
    std::lock_guard lock(mutex_);
    return trouble_;
  }

 private:
  void run() {
    std::vector<Item> batch;
    while (take(batch)) {
      settle(batch, commit_patiently(batch));
      batch.clear();
    }
  }

  // Waits for work. False: stopping, and nothing is left.
  bool take(std::vector<Item>& batch) {
    std::unique_lock lock(mutex_);
    work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    size_t bytes = 0;
    while (!queue_.empty() && batch.size() < kBatchRecordsMax && bytes < kBatchBytesMax) {
      bytes += queue_.front().bytes;
      batch.push_back(std::move(queue_.front()));
      queue_.pop_front();
    }
    return !batch.empty();
  }

  // Tries until it succeeds; while stopping, once more and no longer.
  Status commit_patiently(std::vector<Item>& batch) {
    for (;;) {
      Status status = log_ ? Status() : reopen();
      if (status.ok()) status = commit(batch);
      if (status.ok()) {
        set_trouble("");
        return status;
      }
      set_trouble((status.error().code == ErrorCode::kFull ? "disk full: " : "log cannot be written: ") +
                  status.error().message);
      std::unique_lock lock(mutex_);
      if (stopping_) return status;
      work_.wait_for(lock, kRetryInterval, [this] { return stopping_; });
      lock.unlock();
      if (status.error().code == ErrorCode::kFull && log_) {
        // What retention allows to go may make room; an append frees nothing for itself.
        (void)make_room(batch);
      } else {
        // After a failed write LMDB refuses an environment for good: only a new one can recover.
        log_.reset();
      }
    }
  }

  void set_trouble(const std::string& trouble) {
    {
      std::lock_guard lock(mutex_);
      if (trouble == trouble_) return;
      trouble_ = trouble;
    }
    settled_.notify_all();  // flush() does not wait for trouble to pass
    if (trouble.empty()) {
      runtime::log_info(config_.url + ": written again");
    } else {
      runtime::log_error(config_.url + ": " + trouble + "; trying again");
    }
  }

  Status reopen() {
    auto opened = Embedded::open(path_, config_, Embedded::Missing::kRefuse);
    if (!opened) return opened.error();
    if ((*opened)->settings().log_id != settings_.log_id) {
      return Error{ErrorCode::kMismatch, config_.url + " was replaced by another log while it was in use"};
    }
    log_ = std::move(*opened);
    return {};
  }

  struct Tail {
    Offset next = 0;
    int64_t append_ns = 0;
    bool known = false;
  };

  Status commit(std::vector<Item>& batch) {
    check_readers_now_and_then();
    restamp(batch);
    return log_->env().write([&](store::Txn& txn) {
      std::vector<Tail> tails(settings_.partitions);
      int64_t newest_ns = 0;
      for (Item& item : batch) {
        Tail& tail = tails[item.partition];
        if (!tail.known) tail = find_tail(txn, item.partition);
        item.record.log_id = settings_.log_id;
        item.record.append_ns = std::max(item.asked_ns, tail.append_ns);
        txn.append(log_->table(item.partition), offset_key(tail.next), encode_record(item.record));
        tail.next += 1;
        tail.append_ns = item.record.append_ns;
        newest_ns = std::max(newest_ns, tail.append_ns);
      }
      trim(txn, newest_ns, std::max(kTrimsMin, 2 * batch.size()));
      return true;
    });
  }

  // What waited long for a disk is appended now, not when it was asked: else the first record after a long trouble
  // would be older than retention, and go before anyone could read it. It also lets retention make room while we wait.
  void restamp(std::vector<Item>& batch) const {
    const auto now = std::chrono::steady_clock::now();
    for (Item& item : batch) {
      const auto waited = now - item.asked_at;
      if (waited < std::chrono::milliseconds(config_.restamp_ms)) continue;
      item.asked_ns += std::chrono::duration_cast<std::chrono::nanoseconds>(waited).count();
      item.asked_at = now;
    }
  }

  Status make_room(std::vector<Item>& batch) {
    restamp(batch);
    int64_t newest_ns = 0;
    for (const Item& item : batch) newest_ns = std::max(newest_ns, item.asked_ns);
    return log_->env().write([&](store::Txn& txn) { return trim(txn, newest_ns, kTrimsMin) > 0; });
  }

  Tail find_tail(const store::Txn& txn, uint32_t partition) const {
    store::Cursor cursor(txn, log_->table(partition));
    Tail tail;
    tail.known = true;
    if (!cursor.last()) return tail;
    tail.next = offset_of(cursor.key()) + 1;
    tail.append_ns = peek_append_ns(cursor.value()).value_or(0);
    return tail;
  }

  // Removes the oldest records beyond age or bytes, trims_max of them at most, never a partition's last one.
  size_t trim(store::Txn& txn, int64_t newest_ns, size_t trims_max) {
    const int64_t oldest_ns = newest_ns - config_.retention_ms * 1'000'000;
    const uint64_t bytes_max = config_.retention_bytes / settings_.partitions;
    size_t trimmed = 0;
    for (uint32_t partition = 0; partition < settings_.partitions; ++partition) {
      const store::Table table = log_->table(partition);
      store::Cursor cursor(txn, table);
      while (trimmed < trims_max && cursor.first()) {
        MDB_stat stat{};
        CHECK(mdb_stat(txn.raw(), table, &stat) == MDB_SUCCESS);
        const uint64_t bytes = (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * stat.ms_psize;
        const auto append_ns = peek_append_ns(cursor.value());
        const bool old = append_ns && *append_ns < oldest_ns;
        if (stat.ms_entries <= 1 || (!old && bytes <= bytes_max)) break;
        cursor.erase();
        ++trimmed;
      }
    }
    return trimmed;
  }

  void check_readers_now_and_then() {
    // A killed reader would keep pages from being used again.
    const auto now = std::chrono::steady_clock::now();
    if (now < next_reader_check_) return;
    next_reader_check_ = now + kReaderCheckInterval;
    log_->env().check_readers();
  }

  void settle(std::vector<Item>& batch, const Status& status) {
    size_t bytes = 0;
    for (Item& item : batch) {
      if (item.done) item.done(status);
      bytes += item.bytes;
    }
    {
      std::lock_guard lock(mutex_);
      unsettled_records_ -= batch.size();
      unsettled_bytes_ -= bytes;
    }
    settled_.notify_all();
  }

  std::unique_ptr<Embedded> log_;  // nothing while it is being opened again; used by the thread only
  const LogSettings settings_;
  const std::string path_;
  const LogConfig config_;
  std::chrono::steady_clock::time_point next_reader_check_{};

  mutable std::mutex mutex_;
  std::condition_variable work_, settled_;
  std::deque<Item> queue_;
  uint64_t unsettled_records_ = 0, unsettled_bytes_ = 0;  // queued or being written
  std::string trouble_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Writer>> open_embedded_writer(const std::string& path, const LogConfig& config) {
  auto log = Embedded::open(path, config, Embedded::Missing::kMake);
  if (!log) return log.error();
  return std::unique_ptr<Writer>(std::make_unique<EmbeddedWriter>(std::move(*log), path, config));
}

}  // namespace tributary::log
