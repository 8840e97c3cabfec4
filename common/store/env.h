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
#include "common/store/file_check.h"

namespace tributary::store {

struct EnvConfig {
  std::string path;                  // a folder, made if missing
  uint64_t map_bytes = 64ULL << 30;  // address space, not disk: the file grows as it is used
  uint64_t map_bytes_max = 0;        // when full, doubled up to here; at most map_bytes: never grown (a fixed budget)
  unsigned tables_max = 32;
  bool read_only = false;
  // Of a file that nobody writes meanwhile: takes no place among its readers, so that nothing in the folder is touched.
  // REQUIRES: read_only.
  bool no_lock = false;
  bool sync = true;  // false only in tests: a power cut may lose the last transactions
  unsigned readers_max = 510;
  bool exclusive = false;  // a second process that opens it so is refused with kBusy
  // A new file's values carry a checksum of key and value (CRC-32C), looked at whenever one is read; neither shows in
  // what is written and read. A file made without stays without.
  bool sealed = false;
  // For looking into files that may be damaged, beside whoever uses them: a value that is not what was written reads as
  // empty, a walk ends where a page is damaged, and nothing is left behind in the folder.
  bool inspect = false;      // REQUIRES: read_only
  bool preallocate = false;  // the file takes its whole size on disk when made (a budget that cannot fail later)
};

using Table = MDB_dbi;

// The program ends so when a file turns out to be damaged while it is used: there is nobody left who could be told.
// What is damaged is said in one line first; the next start checks the file before anything else.
inline constexpr int kExitDamaged = 3;
// Left in the folder by such an end: the next check must look at everything, however long it takes.
inline constexpr const char* kCheckAllName = "check_all";

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
  friend class Cursor;
  Txn(MDB_txn* txn, bool sealed) : txn_(txn), sealed_(sealed) {}
  MDB_txn* txn_ = nullptr;
  bool sealed_ = false;
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
  bool sealed_ = false;
  std::string_view key_, value_;
  bool valid_ = false;
};

class Env {
 public:
  // Errors: kIo, kCorrupt (not an LMDB file, its meta pages damaged, or cut), kBusy (exclusive and held by another
  // process), kFull (preallocation).
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

  // Walks the file as it is now, while others may write it (file_check.h). kCorrupt: it is damaged.
  Result<FileCheck> check(int64_t ms_max) const;
  // Looks at the checksum of every value of every table. Complete at once where there are none.
  Result<FileCheck> check_values(int64_t ms_max) const;

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
  Status find_seal();
  MDB_env* env_ = nullptr;
  EnvConfig config_;
  int lock_fd_ = -1;
  bool sealed_ = false;
  mutable std::shared_mutex resize_;
};

}  // namespace tributary::store
