// SPDX-License-Identifier: Apache-2.0
// Reads the embedded log while other processes append: short read transactions, woken by inotify (LMDB writes data.mdb
// with pwrite, the page that makes a commit visible last), so that idling costs nothing and a record is seen at once.
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <thread>

#include "cloud/log/embedded.h"
#include "cloud/log/record.h"

namespace tributary::log {
namespace {

using Clock = std::chrono::steady_clock;

// Wakes when the file changes: an event loop of the reading thread's own. Where inotify is not to be had, wait() is a
// short timer.
class FileWatch {
 public:
  explicit FileWatch(const std::string& file) {
    const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) return;
    asio::error_code error;
    if (::inotify_add_watch(fd, file.c_str(), IN_MODIFY) >= 0) events_.assign(fd, error);
    if (!events_.is_open()) {
      ::close(fd);
      return;
    }
    events_.non_blocking(true, error);
  }
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Forgets changes seen so far. Call before looking at the file, wait() after.
  void drain() {
    std::array<char, 4096> ignored;
    asio::error_code error;
    while (events_.is_open() && events_.read_some(asio::buffer(ignored), error) > 0) {
    }
  }

  void wait(int timeout_ms) {
    // Events can be missed (queue overflow, some network file systems), so no wait is long.
    constexpr int kWatchedMsMax = 250, kUnwatchedMsMax = 5;
    timer_.expires_after(
        std::chrono::milliseconds(std::min(timeout_ms, events_.is_open() ? kWatchedMsMax : kUnwatchedMsMax)));
    timer_.async_wait([this](const asio::error_code& error) {
      asio::error_code ignored;
      if (!error && events_.is_open()) events_.cancel(ignored);
    });
    if (events_.is_open()) {
      events_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [this](const asio::error_code&) { timer_.cancel(); });
    }
    io_.run();
    io_.restart();
  }

 private:
  asio::io_context io_{1};  // one thread at a time runs it
  asio::posix::stream_descriptor events_{io_};
  asio::steady_timer timer_{io_};
};

class EmbeddedReader final : public Reader {
 public:
  explicit EmbeddedReader(std::unique_ptr<Embedded> log) : log_(std::move(log)) {
    for (uint32_t partition = 0; partition < log_->settings().partitions; ++partition) {
      watches_.emplace_back();
    }
  }

  const LogSettings& settings() const override { return log_->settings(); }

  Result<Bounds> bounds(uint32_t partition) override {
    if (Status known = check_partition(partition); !known) return known.error();
    auto txn = log_->env().read();
    if (!txn) return txn.error();
    return bounds_of(*txn, log_->table(partition));
  }

  Result<std::vector<StoredRecord>> read(uint32_t partition, Offset offset, size_t max_records, size_t bytes_max,
                                         int wait_ms) override {
    if (Status known = check_partition(partition); !known) return known.error();
    const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(wait_ms);
    for (;;) {
      FileWatch* watch = watches_[partition].get();
      if (watch != nullptr) watch->drain();
      uint64_t seen_txn_id = 0;
      auto records = read_now(partition, offset, max_records, bytes_max, seen_txn_id);
      if (!records || !records->empty() || max_records == 0) return records;
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) return records;
      if (watch == nullptr) {
        // Made at the first wait: a reader that only ever catches up needs none.
        watches_[partition] = std::make_unique<FileWatch>(log_->path() + "/data.mdb");
        continue;
      }
      // A commit becomes visible to new transactions an instant after its page is written.
      if (log_->env().last_txn_id() != seen_txn_id) {
        std::this_thread::yield();
        continue;
      }
      watch->wait(static_cast<int>(left));
    }
  }

 private:
  Status check_partition(uint32_t partition) const {
    if (partition < settings().partitions) return {};
    return Error{ErrorCode::kInvalid, "found partition " + std::to_string(partition) + ", expected one below " +
                                          std::to_string(settings().partitions)};
  }

  Result<std::vector<StoredRecord>> read_now(uint32_t partition, Offset offset, size_t max_records, size_t bytes_max,
                                             uint64_t& txn_id) {
    auto txn = log_->env().read();
    if (!txn) return txn.error();
    txn_id = mdb_txn_id(txn->raw());
    const store::Table table = log_->table(partition);
    const Bounds bounds = bounds_of(*txn, table);
    if (offset < bounds.begin || offset > bounds.end) {
      return Error{ErrorCode::kNotFound, "offset " + std::to_string(offset) + " of partition " +
                                             std::to_string(partition) + " lies outside the log, which holds " +
                                             std::to_string(bounds.begin) + " to " + std::to_string(bounds.end)};
    }
    std::vector<StoredRecord> out;
    size_t bytes = 0;
    store::Cursor cursor(*txn, table);
    for (bool more = cursor.seek(offset_key(offset)); more && out.size() < max_records && bytes < bytes_max;
         more = cursor.next()) {
      auto record = decode_record(cursor.value());
      if (!record) {
        if (!out.empty()) break;
        return Error{record.error().code, "partition " + std::to_string(partition) + " offset " +
                                              std::to_string(offset_of(cursor.key())) + ": " + record.error().message};
      }
      bytes += cursor.value().size();
      out.push_back({offset_of(cursor.key()), std::move(*record)});
    }
    return out;
  }

  std::unique_ptr<Embedded> log_;
  std::vector<std::unique_ptr<FileWatch>> watches_;  // one a partition, so that readers of two do not steal events
};

}  // namespace

Result<std::unique_ptr<Reader>> open_embedded_reader(const std::string& path, const LogConfig& config) {
  auto log = Embedded::open(path, config, Embedded::Missing::kRefuse);
  if (!log) return log.error();
  return std::unique_ptr<Reader>(std::make_unique<EmbeddedReader>(std::move(*log)));
}

}  // namespace tributary::log
