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
#include <cstring>
#include <filesystem>
#include <mutex>

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

// LMDB maps its lock file, which it makes without blocks: a page that the disk has no room for would end the program
// with a SIGBUS. 0, or why there is no room. Whatever else is wrong, LMDB names itself.
int allocate_lock_file(const EnvConfig& config) {
  constexpr off_t kHeaderBytes = 4096, kReaderBytes = 64;
  const int fd = ::open((config.path + "/lock.mdb").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return 0;
  const int code =
      ::fallocate(fd, 0, 0, kHeaderBytes + static_cast<off_t>(config.readers_max) * kReaderBytes) == 0 ? 0 : errno;
  ::close(fd);
  return code == ENOSPC || code == EDQUOT ? code : 0;
}

void check_write(int code) {
  if (code == MDB_SUCCESS) return;
  if (code == MDB_MAP_FULL || code == MDB_TXN_FULL) throw StoreFull{};
  throw StoreFailure{code};
}

}  // namespace

Txn::Txn(Txn&& other) noexcept : txn_(std::exchange(other.txn_, nullptr)), map_lock_(std::move(other.map_lock_)) {}

Txn::~Txn() {
  if (txn_ != nullptr) mdb_txn_abort(txn_);
}

std::optional<std::string_view> Txn::get(Table table, std::string_view key) const {
  if (key.empty() || key.size() > 511) return std::nullopt;
  MDB_val k = to_val(key), v{};
  if (mdb_get(txn_, table, &k, &v) != MDB_SUCCESS) return std::nullopt;
  return to_view(v);
}

void Txn::put(Table table, std::string_view key, std::string_view value) {
  MDB_val k = to_val(key), v = to_val(value);
  check_write(mdb_put(txn_, table, &k, &v, 0));
}

void Txn::append(Table table, std::string_view key, std::string_view value) {
  MDB_val k = to_val(key), v = to_val(value);
  check_write(mdb_put(txn_, table, &k, &v, MDB_APPEND));
}

std::optional<std::string_view> Txn::insert(Table table, std::string_view key, std::string_view value) {
  MDB_val k = to_val(key), v = to_val(value);
  int code = mdb_put(txn_, table, &k, &v, MDB_NOOVERWRITE);
  if (code == MDB_KEYEXIST) return to_view(v);
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

Cursor::Cursor(const Txn& txn, Table table) {
  if (mdb_cursor_open(txn.raw(), table, &cursor_) != MDB_SUCCESS) cursor_ = nullptr;
}

Cursor::~Cursor() {
  if (cursor_ != nullptr) mdb_cursor_close(cursor_);
}

bool Cursor::move(MDB_cursor_op op) {
  MDB_val k{}, v{};
  valid_ = cursor_ != nullptr && mdb_cursor_get(cursor_, &k, &v, op) == MDB_SUCCESS;
  key_ = valid_ ? to_view(k) : std::string_view{};
  value_ = valid_ ? to_view(v) : std::string_view{};
  return valid_;
}

bool Cursor::first() { return move(MDB_FIRST); }
bool Cursor::last() { return move(MDB_LAST); }
bool Cursor::next() { return move(MDB_NEXT); }
bool Cursor::prev() { return move(MDB_PREV); }

bool Cursor::seek(std::string_view key) {
  if (key.empty()) return first();
  MDB_val k = to_val(key), v{};
  valid_ = cursor_ != nullptr && mdb_cursor_get(cursor_, &k, &v, MDB_SET_RANGE) == MDB_SUCCESS;
  key_ = valid_ ? to_view(k) : std::string_view{};
  value_ = valid_ ? to_view(v) : std::string_view{};
  return valid_;
}

std::optional<std::string_view> Cursor::insert(std::string_view key, std::string_view value) {
  CHECK(cursor_ != nullptr);
  MDB_val k = to_val(key), v = to_val(value);
  int code = mdb_cursor_put(cursor_, &k, &v, MDB_NOOVERWRITE);
  if (code == MDB_KEYEXIST) return to_view(v);
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
  std::error_code ignored;
  if (!config.read_only) {
    std::filesystem::create_directories(config.path, ignored);
    if (ignored) return Error{ErrorCode::kIo, "cannot make folder " + config.path + ": " + ignored.message()};
  }
  auto env = std::unique_ptr<Env>(new Env());
  env->config_ = config;
  if (config.exclusive) {
    const std::string lock = config.path + "/owner.lock";
    env->lock_fd_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (env->lock_fd_ < 0) return Error{ErrorCode::kIo, "cannot open " + lock + ": " + std::strerror(errno)};
    if (::flock(env->lock_fd_, LOCK_EX | LOCK_NB) != 0) {
      return Error{ErrorCode::kBusy, config.path + " is held by another process"};
    }
  }
  const std::string file = config.path + "/data.mdb";
  struct stat info {};
  const bool existed = ::stat(file.c_str(), &info) == 0 && info.st_size > 0;
  if (config.read_only && !existed) return Error{ErrorCode::kNotFound, file + " does not exist"};

  if (const int no_room = allocate_lock_file(config); no_room != 0) {
    return describe("cannot make the lock file in", config.path, no_room);
  }
  int code = mdb_env_create(&env->env_);
  if (code != MDB_SUCCESS) return describe("cannot open", file, code);
  mdb_env_set_maxdbs(env->env_, config.tables_max);
  mdb_env_set_maxreaders(env->env_, config.readers_max);
  // A file that has grown in an earlier run opens at its own size: LMDB takes the larger of the two.
  mdb_env_set_mapsize(env->env_, config.map_bytes);
  unsigned flags = MDB_NOTLS | MDB_NORDAHEAD;
  if (config.read_only) flags |= MDB_RDONLY;
  if (!config.sync) flags |= MDB_NOSYNC;
  code = mdb_env_open(env->env_, config.path.c_str(), flags, 0644);
  if (code != MDB_SUCCESS) return describe("cannot open", file, code);
  if (!config.read_only && config.preallocate) {
    int fd = -1;
    mdb_env_get_fd(env->env_, &fd);
    int failed = ::posix_fallocate(fd, 0, static_cast<off_t>(config.map_bytes));
    if (failed != 0) return describe("cannot allocate the budget of", file, failed);
  }
  if (existed) {
    if (Status whole = env->check_length(); !whole) return whole.error();
  }
  return env;
}

// A cut file would otherwise be found by a SIGBUS: the last page in use must lie inside it. Pages at the end that a
// transaction took and gave back are never written, so the file may end before them; then they are on the free list.
Status Env::check_length() {
  const std::string file = config_.path + "/data.mdb";
  struct stat info {};
  MDB_envinfo used{};
  MDB_stat pages{};
  mdb_env_info(env_, &used);
  mdb_env_stat(env_, &pages);
  const uint64_t expected = (static_cast<uint64_t>(used.me_last_pgno) + 1) * pages.ms_psize;
  if (::stat(file.c_str(), &info) != 0 || static_cast<uint64_t>(info.st_size) >= expected) return {};
  const auto cut = [&] {
    return Error{ErrorCode::kCorrupt, file + " is cut: " + std::to_string(info.st_size) + " bytes found, " +
                                          std::to_string(expected) + " expected"};
  };
  // With zeros behind it the file can be read whatever is missing. What others may append meanwhile stays.
  const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return cut();
  const int code = ::fallocate(fd, 0, info.st_size, static_cast<off_t>(expected) - info.st_size) == 0 ? 0 : errno;
  Status status = code == 0 ? Status() : Status(describe("cannot lengthen", file, code));
  if (code == 0 && !is_free(static_cast<uint64_t>(info.st_size) / pages.ms_psize, used.me_last_pgno)) {
    (void)!::ftruncate(fd, info.st_size);
    status = cut();
  }
  ::close(fd);
  return status;
}

// True if every page from first to last is on the free list.
bool Env::is_free(uint64_t first, uint64_t last) const {
  auto txn = read();
  if (!txn) return false;
  uint64_t found = 0;
  Cursor cursor(*txn, 0);
  for (bool more = cursor.first(); more; more = cursor.next()) {
    const std::string_view value = cursor.value();
    size_t page = 0, count = 0;
    if (value.size() >= sizeof count) std::memcpy(&count, value.data(), sizeof count);
    for (size_t i = 1; i <= count && (i + 1) * sizeof page <= value.size(); ++i) {
      std::memcpy(&page, value.data() + i * sizeof page, sizeof page);
      found += page >= first && page <= last ? 1 : 0;
    }
  }
  return found == last - first + 1;
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
  Txn out(txn);
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
      Txn txn(raw);
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
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  int code = mdb_env_copy2(env_, folder.c_str(), MDB_CP_COMPACT);
  if (code != MDB_SUCCESS) return describe("cannot copy to", folder, code);
  return {};
}

}  // namespace tributary::store
