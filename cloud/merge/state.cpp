// SPDX-License-Identifier: Apache-2.0
// State: opening one partition's environment, and the transactions of its single writer.
#include "cloud/merge/state.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <mutex>
#include <random>

#include "cloud/merge/batch.h"
#include "cloud/merge/impl.h"
#include "cloud/state/digest.h"
#include "cloud/state/records.h"
#include "common/base/bugs.h"
#include "common/runtime/program.h"
#include "common/store/file_check.h"

namespace tributary::merge {
namespace {

// Address space, not disk; more is taken when it is used up.
constexpr uint64_t kMapBytesAtFirst = 16ULL << 30;

constexpr int64_t kForEverMs = 365LL * 86400 * 1000;
constexpr const char* kNoteName = "log_id";

std::string encode_u64(uint64_t value) { return std::string(Key().u64(value).view()); }

Result<uint64_t> read_u64(const store::Txn& txn, const Tables& tables, std::string_view name) {
  std::optional<std::string_view> bytes = txn.get(tables.meta, name);
  if (!bytes || bytes->size() != 8) {
    return Error{ErrorCode::kCorrupt, "the state's meta table holds no \"" + std::string(name) + "\""};
  }
  return KeyReader(*bytes).u64();
}

class StateImpl final : public State {
 public:
  explicit StateImpl(const StateConfig& config) : config_(config) {}

  Status open() {
    store::EnvConfig env;
    env.path = config_.path;
    env.map_bytes = std::min(config_.map_bytes, kMapBytesAtFirst);
    env.map_bytes_max = config_.map_bytes;
    env.sync = config_.sync;
    env.exclusive = true;
    env.sealed = true;
    // A run that ended since it met damage wants everything looked at.
    const std::string check_all = config_.path + "/" + store::kCheckAllName;
    std::error_code ignored;
    const int64_t ms_max = std::filesystem::exists(check_all, ignored) ? kForEverMs : config_.check_ms_max;
    auto checked = store::check_file_within(config_.path, ms_max);
    if (!checked) return checked.error();
    Result<std::unique_ptr<store::Env>> opened = store::Env::open(env);
    if (!opened) return opened.error();
    impl_.env = std::move(*opened);
    const auto values = impl_.env->check_values(ms_max);
    if (!values) return values.error();
    if (!checked->complete || !values->complete) {
      runtime::log_warn(config_.path + ": checked for " + std::to_string(ms_max / 1000) + " s; " +
                        std::to_string(checked->bytes >> 20) + " MiB of pages and " +
                        std::to_string(values->bytes >> 20) + " MiB of values are sound, the rest was not looked at");
    }
    std::filesystem::remove(check_all, ignored);
    impl_.partition = config_.partition;
    Result<Tables> tables = open_tables(*impl_.env);
    if (!tables) return tables.error();
    impl_.tables = *tables;
    if (Status made = make_if_new(); !made.ok()) return made;
    return load();
  }

  log::Offset position() const override { return revision_.load(std::memory_order_acquire); }
  uint64_t log_id() const override { return log_id_.load(std::memory_order_acquire); }
  int64_t clock_ns() const override { return clock_ns_.load(std::memory_order_acquire); }
  uint64_t state_id() const override { return state_id_; }
  const MergeCounters& counters() const override { return counters_; }
  const Impl& impl() const override { return impl_; }

  Status adopt_log(uint64_t log_id) override {
    std::lock_guard lock(writer_);
    if (log_id == log_id_.load()) return {};
    if (log_id_.load() != 0) {
      return Error{ErrorCode::kMismatch, "the state in " + config_.path + " belongs to log " +
                                             std::to_string(log_id_.load()) + ", found log " + std::to_string(log_id)};
    }
    Status done = impl_.env->write([&](store::Txn& txn) {
      txn.put(impl_.tables.meta, "log_id", encode_u64(log_id));
      return true;
    });
    if (!done.ok()) return done;
    log_id_.store(log_id, std::memory_order_release);
    note_log_id();
    return {};
  }

  Status merge(const std::vector<log::StoredRecord>& batch) override {
    if (batch.empty()) return {};
    std::lock_guard lock(writer_);
    if (Status fits = check_batch(batch); !fits.ok()) return fits;
    BatchCounts counts;
    Head head;
    memory_.rows.clear();
    int attempts = 0;
    Status done = impl_.env->write([&](store::Txn& txn) {
      // A second run begins anew: what the first one learned of was never written.
      if (attempts++ > 0) memory_.clear();
      Result<Head> stored = read_head(txn, impl_.tables);
      CHECK(stored.ok());
      Batch work(txn, impl_.tables, config_, memory_, *stored);
      for (const log::StoredRecord& record : batch) work.apply(record);
      work.finish();
      counts = work.counts();
      head = work.head();
      return true;
    });
    if (!done.ok()) {
      memory_.clear();
      return done;
    }
    if (bug("position_apart")) done = write_head(head);
    memory_.catalog.bound();
    add(counts);
    clock_ns_.store(head.clock_ns, std::memory_order_release);
    publish(head.position);
    return {};
  }

  Status skip_to(log::Offset offset, const std::string& cause, int64_t now_ns) override {
    std::lock_guard lock(writer_);
    const uint64_t from = position();
    if (offset < from) {
      return Error{ErrorCode::kInvalid, "cannot skip back from offset " + std::to_string(from) + " to " +
                                            std::to_string(offset) + ": what was merged would be merged again"};
    }
    if (offset == from) return {};
    Status done = impl_.env->write([&](store::Txn& txn) {
      Result<Head> head = read_head(txn, impl_.tables);
      CHECK(head.ok());
      head->position = offset;
      LogGap gap{.to_offset = offset, .noticed_ns = now_ns, .cause = cause};
      if (!bug("log_gap_silent")) txn.put(impl_.tables.log_gaps, Key().u64(from), gap.encode());
      txn.put(impl_.tables.meta, "head", encode_head(*head));
      return true;
    });
    if (done.ok()) publish(offset);
    return done;
  }

  Status set_retired(const std::string& tenant, const std::string& gateway, bool retired) override {
    std::lock_guard lock(writer_);
    bool found = false;
    Status done = impl_.env->write([&](store::Txn& txn) {
      const Tables& tables = impl_.tables;
      std::optional<std::string_view> tenant_no = txn.get(tables.tenants, tenant);
      if (!tenant_no || gateway.size() > kNameBytesMax) return false;
      const uint32_t number = KeyReader(*tenant_no).u32();
      std::optional<std::string_view> no = txn.get(tables.gateway_names, Key().u32(number).text(gateway));
      if (!no) return false;
      found = true;
      const std::string key(*no);
      if (retired) {
        txn.put(tables.retired, key, std::string_view{});
      } else {
        txn.erase(tables.retired, key);
      }
      return true;
    });
    if (!done.ok()) return done;
    if (!found) return Error{ErrorCode::kNotFound, "no gateway " + gateway + " is known"};
    return {};
  }

  uint64_t wait_revision(uint64_t after, int timeout_ms) const override {
    std::unique_lock lock(wait_);
    changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return revision_.load() > after; });
    return revision_.load();
  }

  std::string digest() const override { return digest_of(*impl_.env, impl_.tables); }

 private:
  Status make_if_new() {
    bool exists = false;
    {
      Result<store::Txn> txn = impl_.env->read();
      if (!txn) return txn.error();
      exists = txn->get(impl_.tables.meta, "format").has_value();
    }
    if (exists) return {};
    std::random_device random;
    const uint64_t id = (static_cast<uint64_t>(random()) << 32 | random()) | 1;
    return impl_.env->write([&](store::Txn& txn) {
      const store::Table meta = impl_.tables.meta;
      txn.put(meta, "format", encode_u64(kStateFormat));
      txn.put(meta, "partition", encode_u64(config_.partition));
      txn.put(meta, "state_id", encode_u64(id));
      txn.put(meta, "log_id", encode_u64(0));
      txn.put(meta, "head", encode_head(Head{}));
      return true;
    });
  }

  Status load() {
    Result<store::Txn> txn = impl_.env->read();
    if (!txn) return txn.error();
    const Tables& tables = impl_.tables;
    Result<uint64_t> format = read_u64(*txn, tables, "format");
    if (!format) return format.error();
    if (*format != kStateFormat) {
      return Error{ErrorCode::kUnsupported, "the state in " + config_.path + " has format " + std::to_string(*format) +
                                                ", expected " + std::to_string(kStateFormat)};
    }
    Result<uint64_t> partition = read_u64(*txn, tables, "partition");
    if (!partition) return partition.error();
    if (*partition != config_.partition) {
      return Error{ErrorCode::kMismatch, "the state in " + config_.path + " is of partition " +
                                             std::to_string(*partition) + ", configured is partition " +
                                             std::to_string(config_.partition)};
    }
    Result<uint64_t> state_id = read_u64(*txn, tables, "state_id");
    if (!state_id) return state_id.error();
    state_id_ = *state_id;
    Result<uint64_t> log_id = read_u64(*txn, tables, "log_id");
    if (!log_id) return log_id.error();
    log_id_ = *log_id;
    if (noted_log_id(config_.path) != *log_id) note_log_id();
    Result<Head> head = read_head(*txn, tables);
    if (!head) return head.error();
    revision_ = head->position;
    clock_ns_ = head->clock_ns;
    return {};
  }

  Status check_batch(const std::vector<log::StoredRecord>& batch) const {
    uint64_t expected = position();
    for (const log::StoredRecord& stored : batch) {
      if (stored.offset != expected) {
        return Error{ErrorCode::kInvalid, "found record " + std::to_string(stored.offset) + ", expected " +
                                              std::to_string(expected) + " next"};
      }
      ++expected;
      const uint64_t log_id = log_id_.load();
      if (log_id != 0 && stored.record.log_id != 0 && stored.record.log_id != log_id) {
        return Error{ErrorCode::kMismatch, "record " + std::to_string(stored.offset) + " is of log " +
                                               std::to_string(stored.record.log_id) + ", the state belongs to log " +
                                               std::to_string(log_id)};
      }
    }
    return {};
  }

  // As a transaction of its own: for the bug "position_apart" only.
  Status write_head(const Head& head) {
    return impl_.env->write([&](store::Txn& txn) {
      txn.put(impl_.tables.meta, "head", encode_head(head));
      return true;
    });
  }

  void add(const BatchCounts& counts) {
    counters_.records_total += counts.records;
    counters_.partials_merged_total += counts.merged;
    counters_.duplicates_total += counts.duplicates;
    counters_.parked_total += counts.parked;
    counters_.rejected_total += counts.rejected;
    counters_.late_partials_total += counts.late;
    counters_.lost_total += counts.lost;
    counters_.dead_letters_total += counts.dead_letters;
    counters_.batches_total += 1;
  }

  // Where it can be read though the state itself cannot; without it a damaged state is not rebuilt.
  void note_log_id() const {
    const std::string file = config_.path + "/" + kNoteName, fresh = file + ".new";
    {
      std::ofstream out(fresh, std::ios::trunc);
      out << std::hex << std::setw(16) << std::setfill('0') << log_id_.load() << "\n";
    }
    std::error_code ignored;
    std::filesystem::rename(fresh, file, ignored);
  }

  void publish(uint64_t revision) {
    {
      std::lock_guard lock(wait_);
      revision_.store(revision, std::memory_order_release);
    }
    changed_.notify_all();
  }

  const StateConfig config_;
  Impl impl_;
  uint64_t state_id_ = 0;
  std::atomic<uint64_t> log_id_{0}, revision_{0};
  std::atomic<int64_t> clock_ns_{0};
  std::mutex writer_;
  BatchMemory memory_;
  MergeCounters counters_;
  mutable std::mutex wait_;
  mutable std::condition_variable changed_;
};

}  // namespace

uint64_t State::noted_log_id(const std::string& path) {
  std::ifstream in(path + "/" + kNoteName);
  uint64_t id = 0;
  return in >> std::hex >> id ? id : 0;
}

Result<std::unique_ptr<State>> State::open(const StateConfig& config) {
  auto state = std::make_unique<StateImpl>(config);
  if (Status opened = state->open(); !opened.ok()) return opened.error();
  return std::unique_ptr<State>(std::move(state));
}

}  // namespace tributary::merge
