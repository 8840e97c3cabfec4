// SPDX-License-Identifier: Apache-2.0
// State: opening and checking one partition's environment, and its transactions. See state.h.
#include "cloud/state/state.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <random>

#include "cloud/state/digest.h"
#include "common/base/bugs.h"
#include "common/runtime/program.h"
#include "common/store/file_check.h"

namespace tributary::state {
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

}  // namespace

Status State::open_file() {
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
  env_ = std::move(*opened);
  const auto values = env_->check_values(ms_max);
  if (!values) return values.error();
  if (!checked->complete || !values->complete) {
    runtime::log_warn(config_.path + ": checked for " + std::to_string(ms_max / 1000) + " s; " +
                      std::to_string(checked->bytes >> 20) + " MiB of pages and " +
                      std::to_string(values->bytes >> 20) + " MiB of values are sound, the rest was not looked at");
  }
  std::filesystem::remove(check_all, ignored);
  Result<Tables> tables = open_tables(*env_);
  if (!tables) return tables.error();
  tables_ = *tables;
  if (Status made = make_if_new(); !made.ok()) return made;
  return load();
}

Status State::make_if_new() {
  bool exists = false;
  {
    Result<store::Txn> txn = env_->read();
    if (!txn) return txn.error();
    exists = txn->get(tables_.meta, "format").has_value();
  }
  if (exists) return {};
  std::random_device random;
  const uint64_t id = (static_cast<uint64_t>(random()) << 32 | random()) | 1;
  return env_->write([&](store::Txn& txn) {
    const store::Table meta = tables_.meta;
    txn.put(meta, "format", encode_u64(kStateFormat));
    txn.put(meta, "partition", encode_u64(config_.partition));
    txn.put(meta, "state_id", encode_u64(id));
    txn.put(meta, "log_id", encode_u64(0));
    txn.put(meta, "head", encode_head(Head{}));
    return true;
  });
}

Status State::load() {
  Result<store::Txn> txn = env_->read();
  if (!txn) return txn.error();
  const Tables& tables = tables_;
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
  position_ = head->position;
  clock_ns_ = head->clock_ns;
  return {};
}

// Where it can be read though the state itself cannot; without it a damaged state is not rebuilt.
void State::note_log_id() const {
  const std::string file = config_.path + "/" + kNoteName, fresh = file + ".new";
  {
    std::ofstream out(fresh, std::ios::trunc);
    out << std::hex << std::setw(16) << std::setfill('0') << log_id_.load() << "\n";
  }
  std::error_code ignored;
  std::filesystem::rename(fresh, file, ignored);
}

Status State::write(const std::function<bool(WriteTxn&)>& work, const std::function<uint64_t()>& committed) {
  Head head;
  bool kept = false;
  Status done = env_->write([&](store::Txn& txn) {
    Result<Head> stored = read_head(txn, tables_);
    CHECK(stored.ok());
    head = *stored;
    const std::string before = encode_head(head);
    WriteTxn write{txn, tables_, head};
    kept = work(write);
    if (kept && !bug("position_apart") && encode_head(head) != before) txn.put(tables_.meta, "head", encode_head(head));
    return kept;
  });
  if (!done.ok() || !kept) return done;
  if (bug("position_apart")) done = store_head(head);
  if (committed) dead_letters_total_ += committed();
  clock_ns_.store(head.clock_ns, std::memory_order_release);
  {
    std::lock_guard lock(wait_);
    position_.store(head.position, std::memory_order_release);
  }
  changed_.notify_all();
  return done;
}

// As a transaction of its own: for the bug "position_apart" only.
Status State::store_head(const Head& head) {
  return env_->write([&](store::Txn& txn) {
    txn.put(tables_.meta, "head", encode_head(head));
    return true;
  });
}

Status State::set_log_id(uint64_t log_id) {
  Status done = env_->write([&](store::Txn& txn) {
    txn.put(tables_.meta, "log_id", encode_u64(log_id));
    return true;
  });
  if (!done.ok()) return done;
  log_id_.store(log_id, std::memory_order_release);
  note_log_id();
  return {};
}

uint64_t State::wait_revision(uint64_t after, int timeout_ms) const {
  std::unique_lock lock(wait_);
  changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] { return position_.load() > after; });
  return position_.load();
}

std::string State::digest() const { return digest_of(*env_, tables_); }

uint64_t State::noted_log_id(const std::string& path) {
  std::ifstream in(path + "/" + kNoteName);
  uint64_t id = 0;
  return in >> std::hex >> id ? id : 0;
}

Result<std::unique_ptr<State>> State::open(const StateConfig& config) {
  std::unique_ptr<State> state(new State(config));
  if (Status opened = state->open_file(); !opened.ok()) return opened.error();
  return state;
}

}  // namespace tributary::state
