// SPDX-License-Identifier: Apache-2.0
// A thin, safe face for LMDB: environments, named tables, transactions, cursors.
// Bytes are std::string_view; those returned live until the transaction ends or (in a write transaction) the next
// write. Threads: an Env may be shared by all threads; a transaction belongs to the thread that began it. One writer at
// a time, in all processes. Read transactions must be short: pages freed after they began are not used again.
#pragma once

#include <lmdb.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/runtime/result.h"

namespace tributary::store {

struct EnvConfig {
  std::string path;                  // a folder, made if missing
  uint64_t map_bytes = 64ULL << 30;  // address space, not disk: the file grows as it is used
  uint64_t map_bytes_max = 0;        // when full, doubled up to here; at most map_bytes: never grown (a fixed budget)
  unsigned tables_max = 32;
  bool read_only = false;
  bool sync = true;  // false only in tests: a power cut may lose the last transactions
  unsigned readers_max = 510;
  bool exclusive = false;    // a second process that opens it so is refused with kBusy
  bool preallocate = false;  // the file takes its whole size on disk when made (a budget that cannot fail later)
};

using Table = MDB_dbi;

class Env;

// A read or write transaction. Obtained from Env::read() or inside Env::write().
class Txn {
 public:
  Txn(Txn&& other) noexcept;
  Txn& operator=(Txn&&) = delete;
  ~Txn();  // aborts what was not committed
  std::optional<std::string_view> get(Table table, std::string_view key) const;
  // Writes throw StoreFull (map) or StoreFailure, both caught by Env::write; never call them outside of it.
  void put(Table table, std::string_view key, std::string_view value);
  void append(Table table, std::string_view key,
              std::string_view value);  // REQUIRES: key greater than all in the table
  // Writes only where nothing is: the value that is there already, or nothing if it was written.
  std::optional<std::string_view> insert(Table table, std::string_view key, std::string_view value);
  bool erase(Table table, std::string_view key);  // false: was not there
  void clear(Table table);
  uint64_t count(Table table) const;
  MDB_txn* raw() const { return txn_; }

 private:
  friend class Env;
  explicit Txn(MDB_txn* txn) : txn_(txn) {}
  MDB_txn* txn_ = nullptr;
  std::shared_lock<std::shared_mutex> map_lock_;  // held by readers: the map does not move under them
};

// Walks a table in key order. Must not outlive its transaction.
class Cursor {
 public:
  Cursor(const Txn& txn, Table table);
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  // Each returns false, and valid() is false, when there is no such entry.
  bool first();
  bool last();
  bool seek(std::string_view key);  // first entry at or after key
  bool next();
  bool prev();
  bool valid() const { return valid_; }
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  // As Txn::insert, only inside Env::write; cheap where keys come in order. The cursor then stands on the key.
  std::optional<std::string_view> insert(std::string_view key, std::string_view value);
  void erase();  // only inside Env::write; the cursor then stands on the next entry (valid() tells)

 private:
  bool move(MDB_cursor_op op);
  MDB_cursor* cursor_ = nullptr;
  std::string_view key_, value_;
  bool valid_ = false;
};

class Env {
 public:
  // Errors: kIo, kCorrupt (not an LMDB file, or cut), kBusy (exclusive and held by another process), kFull
  // (preallocation).
  static Result<std::unique_ptr<Env>> open(const EnvConfig& config);
  ~Env();
  Env(const Env&) = delete;
  Env& operator=(const Env&) = delete;

  // Opens or makes a named table. Call before the transactions that use it. kNotFound if read-only and missing.
  Result<Table> table(const std::string& name);
  // How many named tables there are, whoever made them.
  Result<uint64_t> table_count() const;

  Result<Txn> read() const;

  // Runs body in one write transaction and commits it durably. body returns false to abort without error. When the map
  // is full and may grow, the transaction is aborted, the map doubled, and body runs again from the start: body must
  // not leave traces outside the transaction that a second run would double. Errors: kFull (budget or disk), kIo.
  // REQUIRES: the calling thread holds no read transaction of this Env. Exceptions of body pass through, after an
  // abort.
  Status write(const std::function<bool(Txn&)>& body);

  // Number of the last committed transaction, of any process. Cheap: no system call.
  uint64_t last_txn_id() const;
  // Bytes in use: pages reachable or pinned, times the page size. For budgets.
  uint64_t used_bytes() const;
  uint64_t map_bytes() const;
  // Clears reader slots of dead processes.
  void check_readers();
  // Consistent copy into an empty folder, made while others write (mdb_env_copy2, compacting).
  Status copy_to(const std::string& folder) const;

 private:
  Env() = default;
  Status check_length();
  bool is_free(uint64_t first, uint64_t last) const;
  MDB_env* env_ = nullptr;
  EnvConfig config_;
  int lock_fd_ = -1;
  mutable std::shared_mutex resize_;
};

}  // namespace tributary::store
