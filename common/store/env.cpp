// SPDX-License-Identifier: Apache-2.0
// LMDB behind a face that cannot be misused: see env.h.
#include "common/store/env.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/crc32c.h"
#include "common/runtime/program.h"

namespace tributary::store {
namespace {

// Thrown by writes inside Env::write only, and caught there.
struct StoreFull {};
struct StoreFailure {
  int code;
};

MDB_val to_val(std::string_view text) { return {text.size(), const_cast<char*>(text.data())}; }
std::string_view to_view(const MDB_val& val) { return {static_cast<const char*>(val.mv_data), val.mv_size}; }

// Less than LMDB may want to write at once.
bool nearly_full(const std::string& path) {
  struct statvfs disk {};
  return ::statvfs(path.c_str(), &disk) == 0 && uint64_t{disk.f_bavail} * disk.f_frsize < (1U << 20);
}

Error describe(const std::string& what, const std::string& path, int code) {
  // LMDB takes a write that the end of the disk cut short for an input/output error.
  if (code == EIO && nearly_full(path)) code = ENOSPC;
  ErrorCode kind = ErrorCode::kIo;
  if (code == MDB_MAP_FULL || code == ENOSPC || code == EDQUOT) kind = ErrorCode::kFull;
  // Incompatible: an entry among the tables that is none, for all of ours are made with the same flags.
  if (code == MDB_INVALID || code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_VERSION_MISMATCH ||
      code == MDB_INCOMPATIBLE || code == MDB_PANIC) {
    kind = ErrorCode::kCorrupt;
  }
  if (code == MDB_NOTFOUND || code == ENOENT) kind = ErrorCode::kNotFound;
  return {kind, what + " " + path + ": " + mdb_strerror(code)};
}

// What a store holds is its user's, and its group's to read: nobody else may read it, or take its lock.
constexpr mode_t kFileMode = 0640;
constexpr auto kFolderMode = std::filesystem::perms(0750);

std::error_code make_folder(const std::string& path) {
  std::error_code error;
  if (std::filesystem::create_directories(path, error)) std::filesystem::permissions(path, kFolderMode, error);
  return error;
}

// Files of a version that let everybody read them.
void shut_out_others(const std::string& folder) {
  for (const char* name : {"/data.mdb", "/lock.mdb", "/owner.lock"}) {
    struct stat info {};
    const std::string path = folder + name;
    if (::stat(path.c_str(), &info) != 0 || (info.st_mode & 07) == 0) continue;
    [[maybe_unused]] const int not_ours = ::chmod(path.c_str(), info.st_mode & 07770);
  }
}

// LMDB maps its lock file, which it makes without blocks: a page that the disk has no room for would end the program
// with a SIGBUS. 0, or why there is no room. Whatever else is wrong, LMDB names itself.
int allocate_lock_file(const EnvConfig& config) {
  constexpr off_t kHeaderBytes = 4096, kReaderBytes = 64;
  const int fd = ::open((config.path + "/lock.mdb").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (fd < 0) return 0;
  const int code =
      ::fallocate(fd, 0, 0, kHeaderBytes + static_cast<off_t>(config.readers_max) * kReaderBytes) == 0 ? 0 : errno;
  ::close(fd);
  return code == ENOSPC || code == EDQUOT ? code : 0;
}

constexpr const char* kSealedTable = "sealed";  // empty; that it is there says that values are sealed
constexpr size_t kSealBytes = 4;
constexpr Table kFreePages = 0;  // LMDB's own
constexpr int64_t kCutCheckMs = 60'000;

uint32_t seal_of(std::string_view key, std::string_view value) {
  return crc32c(as_bytes(value), crc32c(as_bytes(key)));
}

// The value with its checksum behind it; lives until the thread's next call.
MDB_val seal(std::string_view key, std::string_view value) {
  thread_local std::string sealed;
  const uint32_t checksum = seal_of(key, value);
  sealed.assign(value);
  for (size_t i = 0; i < kSealBytes; ++i) sealed.push_back(static_cast<char>(checksum >> (8 * i)));
  return {sealed.size(), sealed.data()};
}

// Nothing: not what was written.
std::optional<std::string_view> unseal(std::string_view key, std::string_view value) {
  if (value.size() < kSealBytes) return std::nullopt;
  const std::string_view content = value.substr(0, value.size() - kSealBytes);
  uint32_t checksum = 0;
  for (size_t i = 0; i < kSealBytes; ++i) {
    checksum |= static_cast<uint32_t>(static_cast<uint8_t>(value[content.size() + i])) << (8 * i);
  }
  if (checksum != seal_of(key, content)) return std::nullopt;
  return content;
}

// Marks an environment that is only looked into (EnvConfig::inspect), by its address.
char inspected;
bool is_inspected(MDB_env* env) { return mdb_env_get_userctx(env) == &inspected; }

[[noreturn]] void stop_for_damage(MDB_env* env, const char* what) {
  const char* found = nullptr;
  mdb_env_get_path(env, &found);
  const std::string folder = found == nullptr ? "." : found;
  if (!is_inspected(env)) std::ofstream(folder + "/" + kCheckAllName) << what << '\n';
  runtime::log_error(folder + "/data.mdb is damaged: " + what +
                     (is_inspected(env) ? "" : "; the program stops, and checks the file when it starts again"));
  std::_Exit(kExitDamaged);
}

void on_assertion(MDB_env* env, const char* text) { stop_for_damage(env, text); }

// Damage must not look like an entry that is not there.
bool found(int code, MDB_txn* txn) {
  if (code == MDB_SUCCESS) return true;
  if (code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_CURSOR_FULL) {
    if (!is_inspected(mdb_txn_env(txn))) stop_for_damage(mdb_txn_env(txn), mdb_strerror(code));
  }
  return false;
}

std::string_view open_value(bool sealed, MDB_txn* txn, MDB_val key, MDB_val value) {
  if (!sealed) return to_view(value);
  const auto content = unseal(to_view(key), to_view(value));
  if (content) return *content;
  if (!is_inspected(mdb_txn_env(txn))) stop_for_damage(mdb_txn_env(txn), "a value is not what was written");
  return {};
}

void check_write(int code) {
  if (code == MDB_SUCCESS) return;
  if (code == MDB_MAP_FULL || code == MDB_TXN_FULL) throw StoreFull{};
  throw StoreFailure{code};
}

}  // namespace

Txn::Txn(Txn&& other) noexcept
    : txn_(std::exchange(other.txn_, nullptr)), sealed_(other.sealed_), map_lock_(std::move(other.map_lock_)) {}

Txn::~Txn() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

std::optional<std::string_view> Txn::get(Table table, std::string_view key) const {
  if (key.empty() || key.size() > 511) return std::nullopt;
  MDB_val k = to_val(key), v{};
  if (!found(mdb_get(txn_, table, &k, &v), txn_)) return std::nullopt;
  return open_value(sealed_, txn_, k, v);
}

void Txn::put(Table table, std::string_view key, std::string_view value) {
  MDB_val k = to_val(key), v = sealed_ ? seal(key, value) : to_val(value);
  check_write(mdb_put(txn_, table, &k, &v, 0));
}

void Txn::append(Table table, std::string_view key, std::string_view value) {
  MDB_val k = to_val(key), v = sealed_ ? seal(key, value) : to_val(value);
  check_write(mdb_put(txn_, table, &k, &v, MDB_APPEND));
}

std::optional<std::string_view> Txn::insert(Table table, std::string_view key, std::string_view value) {
  MDB_val k = to_val(key), v = sealed_ ? seal(key, value) : to_val(value);
  int code = mdb_put(txn_, table, &k, &v, MDB_NOOVERWRITE);
  if (code == MDB_KEYEXIST) return open_value(sealed_, txn_, to_val(key), v);
  check_write(code);
  return std::nullopt;
}

bool Txn::erase(Table table, std::string_view key) {
  if (key.empty() || key.size() > 511) return false;
  MDB_val k = to_val(key);
  int code = mdb_del(txn_, table, &k, nullptr);
  if (code == MDB_NOTFOUND) return false;
  check_write(code);
  return true;
}

void Txn::clear(Table table) { check_write(mdb_drop(txn_, table, 0)); }

uint64_t Txn::count(Table table) const {
  MDB_stat stat{};
  return mdb_stat(txn_, table, &stat) == MDB_SUCCESS ? stat.ms_entries : 0;
}

Cursor::Cursor(const Txn& txn, Table table) : sealed_(txn.sealed_ && table != kFreePages) {
  if (mdb_cursor_open(txn.raw(), table, &cursor_) != MDB_SUCCESS) cursor_ = nullptr;
}

Cursor::~Cursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

bool Cursor::move(MDB_cursor_op op) {
  MDB_val k{}, v{};
  valid_ = cursor_ != nullptr && found(mdb_cursor_get(cursor_, &k, &v, op), mdb_cursor_txn(cursor_));
  key_ = valid_ ? to_view(k) : std::string_view{};
  value_ = !valid_ ? std::string_view{} : open_value(sealed_, mdb_cursor_txn(cursor_), k, v);
  return valid_;
}

bool Cursor::first() { return move(MDB_FIRST); }
bool Cursor::last() { return move(MDB_LAST); }
bool Cursor::next() { return move(MDB_NEXT); }
bool Cursor::prev() { return move(MDB_PREV); }

bool Cursor::seek(std::string_view key) {
  if (key.empty()) return first();
  MDB_val k = to_val(key), v{};
  valid_ = cursor_ != nullptr && found(mdb_cursor_get(cursor_, &k, &v, MDB_SET_RANGE), mdb_cursor_txn(cursor_));
  key_ = valid_ ? to_view(k) : std::string_view{};
  value_ = !valid_ ? std::string_view{} : open_value(sealed_, mdb_cursor_txn(cursor_), k, v);
  return valid_;
}

std::optional<std::string_view> Cursor::insert(std::string_view key, std::string_view value) {
  CHECK(cursor_ != nullptr);
  MDB_val k = to_val(key), v = sealed_ ? seal(key, value) : to_val(value);
  int code = mdb_cursor_put(cursor_, &k, &v, MDB_NOOVERWRITE);
  if (code == MDB_KEYEXIST) return open_value(sealed_, mdb_cursor_txn(cursor_), to_val(key), v);
  check_write(code);
  return std::nullopt;
}

void Cursor::erase() {
  CHECK(valid_);
  check_write(mdb_cursor_del(cursor_, 0));
  // LMDB leaves the cursor on the successor; MDB_GET_CURRENT fails at the end of the table.
  move(MDB_GET_CURRENT);
}

Result<std::unique_ptr<Env>> Env::open(const EnvConfig& config) {
  if (!config.read_only) {
    if (const std::error_code error = make_folder(config.path)) {
      return Error{ErrorCode::kIo, "cannot make folder " + config.path + ": " + error.message()};
    }
    shut_out_others(config.path);
  }
  auto env = std::unique_ptr<Env>(new Env());
  env->config_ = config;
  if (config.exclusive) {
    const std::string lock = config.path + "/owner.lock";
    env->lock_fd_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
    if (env->lock_fd_ < 0) return Error{ErrorCode::kIo, "cannot open " + lock + ": " + std::strerror(errno)};
    if (::flock(env->lock_fd_, LOCK_EX | LOCK_NB) != 0) {
      return Error{ErrorCode::kBusy, config.path + " is held by another process"};
    }
  }
  const std::string file = config.path + "/data.mdb";
  struct stat info {};
  const bool existed = ::stat(file.c_str(), &info) == 0 && info.st_size > 0;
  if (config.read_only && !existed) return Error{ErrorCode::kNotFound, file + " does not exist"};
  if (existed) {
    if (Status header = check_header(config.path); !header) return header.error();
  }

  CHECK(config.read_only || !config.no_lock);
  if (const int no_room = config.no_lock ? 0 : allocate_lock_file(config); no_room != 0) {
    return describe("cannot make the lock file in", config.path, no_room);
  }
  int code = mdb_env_create(&env->env_);
  if (code != MDB_SUCCESS) return describe("cannot open", file, code);
  mdb_env_set_assert(env->env_, &on_assertion);
  if (config.inspect) mdb_env_set_userctx(env->env_, &inspected);
  mdb_env_set_maxdbs(env->env_, config.tables_max);
  mdb_env_set_maxreaders(env->env_, config.readers_max);
  // A file that has grown in an earlier run opens at its own size: LMDB takes the larger of the two.
  mdb_env_set_mapsize(env->env_, config.map_bytes);
  unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;
  if (config.read_only) flags |= MDB_RDONLY;
  if (config.no_lock) flags |= MDB_NOLOCK;
  if (!config.sync) flags |= MDB_NOSYNC;
  code = mdb_env_open(env->env_, config.path.c_str(), flags, kFileMode);
  if (code != MDB_SUCCESS) return describe("cannot open", file, code);
  if (!config.read_only && config.preallocate) {
    int fd = -1;
    mdb_env_get_fd(env->env_, &fd);
    int failed = ::posix_fallocate(fd, 0, static_cast<off_t>(config.map_bytes));
    if (failed != 0) return describe("cannot allocate the budget of", file, failed);
  }
  // A cut file would otherwise be found by a SIGBUS. Its end may also lie below the last page that was ever taken, for
  // not all of them were written: then what is reachable decides.
  MDB_envinfo used{};
  MDB_stat pages{};
  mdb_env_info(env->env_, &used);
  mdb_env_stat(env->env_, &pages);
  if (existed && ::stat(file.c_str(), &info) == 0 &&
      static_cast<uint64_t>(info.st_size) < (static_cast<uint64_t>(used.me_last_pgno) + 1) * pages.ms_psize) {
    if (auto checked = env->check(kCutCheckMs); !checked) return checked.error();
  }
  if (config.sealed) {
    if (Status known = env->find_seal(); !known) return known.error();
  }
  return env;
}

// A new file is sealed from its first table on.
Status Env::find_seal() {
  auto tables = table_count();
  if (!tables) return tables.error();
  if (*tables == 0 && !config_.read_only) {
    if (auto made = table(kSealedTable); !made) return made.error();
    sealed_ = true;
    return {};
  }
  auto txn = read();
  if (!txn) return txn.error();
  Table seal = 0;
  sealed_ = mdb_dbi_open(txn->raw(), kSealedTable, 0, &seal) == MDB_SUCCESS;
  return {};
}

Env::~Env() {
  if (env_ != nullptr) mdb_env_close(env_);
  if (lock_fd_ >= 0) ::close(lock_fd_);
}

Result<Table> Env::table(const std::string& name) {
  MDB_txn* txn = nullptr;
  int code = mdb_txn_begin(env_, nullptr, config_.read_only ? MDB_RDONLY : 0, &txn);
  if (code == MDB_MAP_RESIZED) {
    mdb_env_set_mapsize(env_, 0);
    code = mdb_txn_begin(env_, nullptr, config_.read_only ? MDB_RDONLY : 0, &txn);
  }
  if (code != MDB_SUCCESS) return describe("cannot begin a transaction in", config_.path, code);
  MDB_dbi table = 0;
  // An existing table is opened without a write, so that opening works when the disk is full.
  code = mdb_dbi_open(txn, name.c_str(), 0, &table);
  if (code == MDB_NOTFOUND && !config_.read_only) code = mdb_dbi_open(txn, name.c_str(), MDB_CREATE, &table);
  if (code != MDB_SUCCESS) {
    mdb_txn_abort(txn);
    return describe("cannot open table " + name + " in", config_.path, code);
  }
  code = mdb_txn_commit(txn);
  if (code != MDB_SUCCESS) return describe("cannot make table " + name + " in", config_.path, code);
  return table;
}

Result<uint64_t> Env::table_count() const {
  auto txn = read();
  if (!txn) return txn.error();
  Table unnamed = 0;
  const int code = mdb_dbi_open(txn->raw(), nullptr, 0, &unnamed);
  if (code != MDB_SUCCESS) return describe("cannot list the tables of", config_.path, code);
  return txn->count(unnamed);
}

Result<Txn> Env::read() const {
  std::shared_lock lock(resize_);
  MDB_txn* txn = nullptr;
  int code = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  if (code == MDB_MAP_RESIZED) {
    lock.unlock();
    {
      std::unique_lock exclusive(resize_);
      mdb_env_set_mapsize(env_, 0);
    }
    lock.lock();
    code = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  }
  if (code == MDB_READERS_FULL) {
    int dead = 0;
    mdb_reader_check(env_, &dead);
    code = mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn);
  }
  if (code != MDB_SUCCESS) return describe("cannot read", config_.path, code);
  Txn out(txn, sealed_);
  out.map_lock_ = std::move(lock);
  return out;
}

Status Env::write(const std::function<bool(Txn&)>& body) {
  for (;;) {
    MDB_txn* raw = nullptr;
    int code = mdb_txn_begin(env_, nullptr, 0, &raw);
    if (code == MDB_MAP_RESIZED) {
      std::unique_lock exclusive(resize_);
      mdb_env_set_mapsize(env_, 0);
      continue;
    }
    if (code != MDB_SUCCESS) return describe("cannot begin a write in", config_.path, code);
    bool full = false;
    {
      Txn txn(raw, sealed_);
      try {
        if (!body(txn)) return {};
        code = mdb_txn_commit(std::exchange(txn.txn_, nullptr));
        if (code == MDB_SUCCESS) return {};
        full = code == MDB_MAP_FULL || code == MDB_TXN_FULL;
      } catch (const StoreFull&) {
        full = true;
        code = MDB_MAP_FULL;
      } catch (const StoreFailure& failure) {
        code = failure.code;
      }
    }
    if (!full) return describe("cannot write", config_.path, code);
    MDB_envinfo info{};
    mdb_env_info(env_, &info);
    if (info.me_mapsize >= config_.map_bytes_max) return describe("cannot write", config_.path, code);
    std::unique_lock exclusive(resize_);
    code = mdb_env_set_mapsize(env_, std::min<uint64_t>(info.me_mapsize * 2, config_.map_bytes_max));
    if (code != MDB_SUCCESS) return describe("cannot grow", config_.path, code);
  }
}

Result<FileCheck> Env::check(int64_t ms_max) const {
  constexpr int kAttemptsMax = 100;
  for (int attempt = 0;; ++attempt) {
    // The read transaction keeps the snapshot's pages from being used again.
    auto txn = read();
    if (!txn) return txn.error();
    auto checked = check_snapshot(config_.path, mdb_txn_id(txn->raw()), ms_max);
    if (checked || checked.error().code != ErrorCode::kBusy || attempt >= kAttemptsMax) return checked;
  }
}

Result<FileCheck> Env::check_values(int64_t ms_max) const {
  FileCheck out;
  if (!sealed_) return out;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms_max);
  auto txn = read();
  if (!txn) return txn.error();
  MDB_dbi unnamed = 0;
  int code = mdb_dbi_open(txn->raw(), nullptr, 0, &unnamed);
  MDB_cursor* names = nullptr;
  if (code == MDB_SUCCESS) code = mdb_cursor_open(txn->raw(), unnamed, &names);
  if (code != MDB_SUCCESS) return describe("cannot read", config_.path, code);
  const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> close_names(names, &mdb_cursor_close);
  MDB_val name{}, ignored{};
  for (code = mdb_cursor_get(names, &name, &ignored, MDB_FIRST); code == MDB_SUCCESS;
       code = mdb_cursor_get(names, &name, &ignored, MDB_NEXT)) {
    const std::string table_name(to_view(name));
    MDB_dbi table = 0;
    code = mdb_dbi_open(txn->raw(), table_name.c_str(), 0, &table);
    MDB_cursor* values = nullptr;
    if (code == MDB_SUCCESS) code = mdb_cursor_open(txn->raw(), table, &values);
    if (code != MDB_SUCCESS) return describe("cannot read table " + table_name + " of", config_.path, code);
    const std::unique_ptr<MDB_cursor, void (*)(MDB_cursor*)> close_values(values, &mdb_cursor_close);
    MDB_val key{}, value{};
    for (code = mdb_cursor_get(values, &key, &value, MDB_FIRST); code == MDB_SUCCESS;
         code = mdb_cursor_get(values, &key, &value, MDB_NEXT)) {
      if (!unseal(to_view(key), to_view(value))) {
        return Error{ErrorCode::kCorrupt, config_.path + "/data.mdb is damaged: a value of table " + table_name +
                                              " is not what was written"};
      }
      out.bytes += key.mv_size + value.mv_size;
      if (std::chrono::steady_clock::now() > deadline) {
        out.complete = false;
        return out;
      }
    }
    if (code != MDB_NOTFOUND) return describe("cannot read table " + table_name + " of", config_.path, code);
  }
  if (code != MDB_NOTFOUND) return describe("cannot read", config_.path, code);
  return out;
}

uint64_t Env::last_txn_id() const {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  return info.me_last_txnid;
}

uint64_t Env::map_bytes() const {
  MDB_envinfo info{};
  mdb_env_info(env_, &info);
  return info.me_mapsize;
}

uint64_t Env::used_bytes() const {
  auto txn = read();
  if (!txn) return 0;
  MDB_envinfo info{};
  MDB_stat stat{};
  mdb_env_info(env_, &info);
  mdb_env_stat(env_, &stat);
  // Table 0 is LMDB's list of free pages: each value begins with how many it names.
  uint64_t free_pages = 0;
  Cursor cursor(*txn, 0);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    size_t pages = 0;
    if (cursor.value().size() >= sizeof pages) std::memcpy(&pages, cursor.value().data(), sizeof pages);
    free_pages += pages;
  }
  const uint64_t pages = info.me_last_pgno + 1;
  return (pages - std::min(free_pages, pages)) * stat.ms_psize;
}

void Env::check_readers() {
  int dead = 0;
  mdb_reader_check(env_, &dead);
}

Status Env::copy_to(const std::string& folder) const {
  [[maybe_unused]] const std::error_code told_by_the_copy = make_folder(folder);
  int code = mdb_env_copy2(env_, folder.c_str(), MDB_CP_COMPACT);
  if (code != MDB_SUCCESS) return describe("cannot copy to", folder, code);
  shut_out_others(folder);
  return {};
}

}  // namespace tributary::store
