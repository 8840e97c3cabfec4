// SPDX-License-Identifier: Apache-2.0
// A walk over an LMDB file that believes nothing: see file_check.h. Numbers are the machine's own, as LMDB writes them.
#include "common/store/file_check.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

namespace tributary::store {
namespace {

using Word = size_t;  // LMDB's page numbers and counts
constexpr size_t kWord = sizeof(Word);
constexpr size_t kHeaderBytes = kWord + 8;
constexpr uint32_t kMagic = 0xBEEFC0DE;
constexpr uint32_t kVersion = 1;
constexpr uint16_t kBranch = 0x01, kLeaf = 0x02, kOverflow = 0x04, kMeta = 0x08;
constexpr uint16_t kBigData = 0x01, kSubData = 0x02;
constexpr size_t kNodeBytes = 8;
constexpr size_t kKeyBytesMax = 511;
constexpr Word kUnwrittenMax = Word{1} << 18;
constexpr int kDepthMax = 32;
constexpr Word kNoRoot = ~Word{0};
constexpr size_t kTreeBytes = 8 + 5 * kWord;
constexpr Word kMapBytesMax = kWord > 4 ? static_cast<Word>(1ULL << 46) : ~Word{0};
constexpr size_t kTreesAt = 8 + 2 * kWord;  // in a meta page: free tree, main tree, last page, transaction

template <class T>
T load(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

constexpr uint16_t kIntegerKey = 0x08;  // the one flag the list of free pages has; other tables of ours have none

struct Tree {
  uint32_t pad = 0;
  uint16_t flags = 0, depth = 0;
  Word branches = 0, leaves = 0, overflows = 0, entries = 0, root = 0;
};

Tree load_tree(const uint8_t* at) {
  const auto word = [at](size_t i) { return load<Word>(at + 8 + i * kWord); };
  return {
      load<uint32_t>(at), load<uint16_t>(at + 4), load<uint16_t>(at + 6), word(0), word(1), word(2), word(3), word(4)};
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

class Walk {
 public:
  Walk(const uint8_t* file, size_t size, int64_t ms_max)
      : file_(file), size_(size), deadline_(std::chrono::steady_clock::now() + std::chrono::milliseconds(ms_max)) {}

  // Of a file that nobody writes. Empty if all is well, else what is not.
  std::string run() {
    if (!check_header()) return error_;
    const Word txn[2] = {txn_of(0), txn_of(1)};
    if (const std::string wrong = check_turns(txn[0], txn[1]); !wrong.empty()) return wrong;
    return run_snapshot(std::max(txn[0], txn[1]), trees_of(txn[1] > txn[0] ? 1 : 0));
  }

  Word txn_of(size_t meta_page) const { return load<Word>(trees_of(meta_page) + 2 * kTreeBytes + kWord); }

  // Transactions use the two meta pages in turn. A page that fell behind would make the last commit unseen.
  static std::string check_turns(Word even, Word odd) {
    if ((even & 1) != 0) return "meta page 0 has a wrong transaction";
    if (odd != 0 && (odd & 1) != 1) return "meta page 1 has a wrong transaction";
    const Word between = even > odd ? even - odd : odd - even;
    return between > 1 ? "meta pages are " + std::to_string(between) + " transactions apart" : "";
  }

  // What every meta page says the same, whoever writes.
  bool check_header() {
    if (size_ < 2 * 4096) return fail("cut to " + std::to_string(size_) + " bytes");
    page_bytes_ = load<uint32_t>(file_ + kHeaderBytes + kTreesAt);  // the pad of the free tree of meta 0
    if (page_bytes_ < 256 || page_bytes_ > 65536 || (page_bytes_ & (page_bytes_ - 1)) != 0) {
      return fail("page size " + std::to_string(page_bytes_));
    }
    if (size_ < 2 * page_bytes_) return fail("cut to " + std::to_string(size_) + " bytes");
    for (size_t i = 0; i < 2; ++i) {
      const uint8_t* page = file_ + i * page_bytes_;
      const uint8_t* meta = page + kHeaderBytes;
      if (load<Word>(page) != i || (load<uint16_t>(page + kWord + 2)) != kMeta || load<uint32_t>(meta) != kMagic ||
          load<uint32_t>(meta + 4) != kVersion || load_tree(trees_of(i)).pad != page_bytes_) {
        return fail("meta page " + std::to_string(i) + " is not one");
      }
      if (load_tree(trees_of(i)).flags != kIntegerKey || load<Word>(meta + 8 + kWord) > kMapBytesMax) {
        return fail("meta page " + std::to_string(i) + " has settings that nobody made");
      }
    }
    return true;
  }

  // Of what transaction txn left, whose trees stand at the pointer. REQUIRES: check_header().
  std::string run_snapshot(Word txn, const uint8_t* trees) {
    last_txn_ = txn;
    free_ = load_tree(trees);
    main_ = load_tree(trees + kTreeBytes);
    last_page_ = load<Word>(trees + 2 * kTreeBytes);
    file_pages_ = size_ / page_bytes_;
    // Pages that a transaction took and gave back itself are counted, but may never have been written: the end of a
    // sound file may lie below the last page. Far below it does not.
    if (last_page_ < 1 || last_page_ > 2 * file_pages_ + kUnwrittenMax) {
      return "cut: " + std::to_string(file_pages_) + " pages found, " + std::to_string(last_page_) +
             " and more expected";
    }
    seen_.assign(last_page_ + 1, false);
    seen_[0] = seen_[1] = true;
    std::vector<Word> free_pages;
    if (!walk_tree(free_, true, &free_pages) || !walk_tree(main_, false, nullptr)) return error_;
    for (Word page : free_pages) {
      if (page < 2 || page > last_page_ || seen_[page]) return "page " + std::to_string(page) + " is free and in use";
      seen_[page] = true;
    }
    return {};
  }

  const std::string& error() const { return error_; }
  size_t page_bytes() const { return page_bytes_; }
  bool timed_out() const { return timed_out_; }
  uint64_t pages() const { return pages_; }
  const uint8_t* trees_of(size_t meta_page) const { return file_ + meta_page * page_bytes_ + kHeaderBytes + kTreesAt; }

 private:
  bool fail(const std::string& what) {
    error_ = what;
    return false;
  }

  // What the next key must lie above. A branch's key may be that of the first leaf below it.
  struct Bound {
    std::string key;
    bool none = true, or_equal = false;
  };

  bool walk_tree(const Tree& tree, bool is_free_list, std::vector<Word>* free_pages) {
    Word entries = 0;
    if (tree.flags != (is_free_list ? kIntegerKey : 0)) return fail("a table with unknown flags");
    if (tree.depth > kDepthMax || (tree.root == kNoRoot) != (tree.depth == 0))
      return fail("a table of impossible depth");
    if (tree.root != kNoRoot) {
      Bound bound;
      if (!walk_page(tree.root, tree.depth - 1, is_free_list, free_pages, entries, bound)) return false;
    }
    if (entries != tree.entries) {
      return fail(std::to_string(entries) + " entries found, " + std::to_string(tree.entries) + " expected");
    }
    // Whoever asks LMDB for the size of a table gets these.
    for (const Word pages : {tree.branches, tree.leaves, tree.overflows}) {
      if (pages > last_page_) return fail("a table of more pages than there are");
    }
    return true;
  }

  bool take(Word page) {
    if (page < 2 || page > last_page_ || seen_[page]) return fail("page " + std::to_string(page) + " is misplaced");
    if (page >= file_pages_) return fail("cut: page " + std::to_string(page) + " lies beyond the end");
    seen_[page] = true;
    // Time is up: what was found so far is sound.
    if ((++pages_ & 255) == 0 && std::chrono::steady_clock::now() > deadline_) {
      timed_out_ = true;
      return fail("");
    }
    if (load<Word>(file_ + page * page_bytes_) != page) return fail("page " + std::to_string(page) + " is not itself");
    return true;
  }

  // height: how many pages lie between this one and the leaves.
  bool walk_page(Word number, int height, bool is_free_list, std::vector<Word>* free_pages, Word& entries,
                 Bound& bound) {
    if (!take(number)) return false;
    const uint8_t* page = file_ + number * page_bytes_;
    const auto bad = [&](const char* what) { return fail("page " + std::to_string(number) + ": " + what); };
    const uint16_t kind = load<uint16_t>(page + kWord + 2);
    const size_t lower = load<uint16_t>(page + kWord + 4), upper = load<uint16_t>(page + kWord + 6);
    if (kind != (height > 0 ? kBranch : kLeaf)) return bad("not the branch or leaf that it should be");
    if (lower < kHeaderBytes || lower > upper || upper > page_bytes_ || lower % 2 != 0) return bad("bad bounds");
    const size_t keys = (lower - kHeaderBytes) / 2;
    if (!nodes_fill(page, keys, kind == kBranch, upper)) return bad("nodes that overlap or leave gaps");
    if (keys == 0 || (kind == kBranch && keys < 2)) return bad("too few keys");
    for (size_t i = 0; i < keys; ++i) {
      const size_t at = load<uint16_t>(page + kHeaderBytes + 2 * i);
      const uint8_t* node = page + at;
      const uint16_t flags = load<uint16_t>(node + 4);
      const size_t key_bytes = load<uint16_t>(node + 6);
      const size_t low = load<uint16_t>(node), high = load<uint16_t>(node + 2);
      if (key_bytes > kKeyBytesMax) return bad("a key too long");
      if (kind == kBranch) {
        Word child = low | high << 16;
        if constexpr (kWord > 4) child |= static_cast<Word>(flags) << 32;
        // The first key of a branch is not used; LMDB looks for a key by the others.
        if (i > 0 && !follows(bound, node + kNodeBytes, key_bytes, is_free_list)) return bad("keys out of order");
        if (i > 0) bound.or_equal = true;
        if (!walk_page(child, height - 1, is_free_list, free_pages, entries, bound)) return false;
        continue;
      }
      if (key_bytes == 0) return bad("an empty key");
      if (!follows(bound, node + kNodeBytes, key_bytes, is_free_list)) return bad("keys out of order");
      bound.or_equal = false;
      ++entries;
      const size_t value_bytes = low | high << 16;
      const uint8_t* value = node + kNodeBytes + key_bytes;
      if ((flags & ~(kBigData | kSubData)) != 0) return bad("an unknown kind of node");
      if ((flags & kBigData) != 0) {
        value = overflow(load<Word>(value), value_bytes);
        if (value == nullptr) return false;
      }
      if ((flags & kSubData) != 0) {
        if (value_bytes != kTreeBytes || free_pages != nullptr || depth_of_tables_ > 0) return bad("a bad table");
        ++depth_of_tables_;
        const bool sound = walk_tree(load_tree(value), false, nullptr);
        --depth_of_tables_;
        if (!sound) return false;
      }
      if (free_pages != nullptr && !collect(value, value_bytes, *free_pages)) return bad("a bad list of free pages");
    }
    return true;
  }

  // LMDB keeps the nodes of a page side by side from upper to its end; moving them otherwise would destroy memory.
  bool nodes_fill(const uint8_t* page, size_t keys, bool branch, size_t upper) {
    spans_.clear();
    for (size_t i = 0; i < keys; ++i) {
      const size_t at = load<uint16_t>(page + kHeaderBytes + 2 * i);
      if (at < upper || at % 2 != 0 || at + kNodeBytes > page_bytes_) return false;
      size_t bytes = kNodeBytes + load<uint16_t>(page + at + 6);
      if (!branch) {
        const bool big = (load<uint16_t>(page + at + 4) & kBigData) != 0;
        bytes += big ? kWord : load<uint16_t>(page + at) | static_cast<size_t>(load<uint16_t>(page + at + 2)) << 16;
      }
      spans_.emplace_back(at, bytes + bytes % 2);
    }
    std::sort(spans_.begin(), spans_.end());
    size_t next = upper;
    for (const auto& [at, bytes] : spans_) {
      if (at != next) return false;
      next += bytes;
    }
    return next == page_bytes_;
  }

  // True if the key lies above the bound; it is then the next one. Keys of the list of free pages are numbers, those of
  // the transactions that freed them: LMDB ends the program where one is not in order.
  bool follows(Bound& bound, const uint8_t* key, size_t bytes, bool is_free_list) const {
    if (is_free_list && (bytes != kWord || load<Word>(key) == 0 || load<Word>(key) > last_txn_)) return false;
    const std::string_view here(reinterpret_cast<const char*>(key), bytes);
    if (!bound.none) {
      int order = here.compare(bound.key);
      if (is_free_list) {
        const Word before = load<Word>(reinterpret_cast<const uint8_t*>(bound.key.data()));
        order = load<Word>(key) > before ? 1 : load<Word>(key) == before ? 0 : -1;
      }
      if (order < 0 || (order == 0 && !bound.or_equal)) return false;
    }
    bound.key = here;
    bound.none = false;
    return true;
  }

  const uint8_t* overflow(Word number, size_t value_bytes) {
    if (!take(number)) return nullptr;
    const uint8_t* page = file_ + number * page_bytes_;
    const size_t pages = load<uint32_t>(page + kWord + 4);
    if ((load<uint16_t>(page + kWord + 2)) != kOverflow || pages == 0 || pages > last_page_ - number + 1 ||
        pages != (kHeaderBytes - 1 + value_bytes) / page_bytes_ + 1) {
      fail("page " + std::to_string(number) + " is not the overflow of its value");
      return nullptr;
    }
    if (pages > file_pages_ - number) {
      fail("cut: page " + std::to_string(number + pages - 1) + " lies beyond the end");
      return nullptr;
    }
    for (Word i = 1; i < pages; ++i) {
      if (seen_[number + i]) {
        fail("page " + std::to_string(number + i) + " is misplaced");
        return nullptr;
      }
      seen_[number + i] = true;
    }
    return page + kHeaderBytes;
  }

  static bool collect(const uint8_t* value, size_t bytes, std::vector<Word>& free_pages) {
    if (bytes < kWord || bytes % kWord != 0) return false;
    const Word count = load<Word>(value);
    if (count >= bytes / kWord) return false;
    Word before = kNoRoot;
    for (Word i = 1; i <= count; ++i) {
      const Word page = load<Word>(value + i * kWord);
      if (page >= before) return false;
      before = page;
      free_pages.push_back(page);
    }
    return true;
  }

  const uint8_t* file_;
  size_t size_;
  const std::chrono::steady_clock::time_point deadline_;
  bool timed_out_ = false;
  uint64_t pages_ = 0;
  size_t page_bytes_ = 0;
  Tree free_, main_;
  Word file_pages_ = 0, last_page_ = 0, last_txn_ = 0;
  int depth_of_tables_ = 0;
  std::vector<bool> seen_;
  std::vector<std::pair<size_t, size_t>> spans_;
  std::string error_;
};

// The file as it is now. Reading beyond its end would end the program: nobody may cut it meanwhile.
class Mapping {
 public:
  // Nothing and no error: no file, or an empty one.
  Status open(const std::string& path) {
    FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) {
      if (errno == ENOENT) return {};
      return Error{ErrorCode::kIo, "cannot open " + path + ": " + std::strerror(errno)};
    }
    struct stat info {};
    if (::fstat(file.get(), &info) != 0) {
      return Error{ErrorCode::kIo, "cannot read " + path + ": " + std::strerror(errno)};
    }
    if (info.st_size == 0) return {};
    size_ = static_cast<size_t>(info.st_size);
    map_ = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
    if (map_ == MAP_FAILED) return Error{ErrorCode::kIo, "cannot map " + path + ": " + std::strerror(errno)};
    return {};
  }
  Mapping() = default;
  ~Mapping() {
    if (map_ != MAP_FAILED) ::munmap(map_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  const uint8_t* data() const { return map_ == MAP_FAILED ? nullptr : static_cast<const uint8_t*>(map_); }
  size_t size() const { return size_; }

 private:
  void* map_ = MAP_FAILED;
  size_t size_ = 0;
};

Result<FileCheck> conclude(const std::string& path, const Walk& walk, const std::string& found) {
  if (walk.timed_out()) return FileCheck{false, walk.pages() * walk.page_bytes()};
  if (!found.empty()) return Error{ErrorCode::kCorrupt, path + " is damaged: " + found};
  return FileCheck{true, walk.pages() * walk.page_bytes()};
}

}  // namespace

Result<FileCheck> check_file_within(const std::string& folder, int64_t ms_max) {
  const std::string path = folder + "/data.mdb";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return FileCheck{};
  // What another process is writing would look damaged.
  const std::string lock_path = folder + "/owner.lock";
  FileDescriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (lock.get() < 0) return Error{ErrorCode::kIo, "cannot open " + lock_path + ": " + std::strerror(errno)};
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{ErrorCode::kBusy, folder + " is held by another process"};
  }
  Mapping file;
  if (Status opened = file.open(path); !opened) return opened.error();
  if (file.data() == nullptr) return FileCheck{};
  Walk walk(file.data(), file.size(), ms_max);
  const std::string found = walk.run();
  return conclude(path, walk, found);
}

Status check_file(const std::string& folder) {
  auto checked = check_file_within(folder, 365LL * 86400 * 1000);
  return checked ? Status() : Status(checked.error());
}

Status check_header(const std::string& folder) {
  const std::string path = folder + "/data.mdb";
  Mapping file;
  if (Status opened = file.open(path); !opened) return opened.error();
  if (file.data() == nullptr) return {};
  Walk walk(file.data(), file.size(), 0);
  if (!walk.check_header()) return Error{ErrorCode::kCorrupt, path + " is damaged: " + walk.error()};
  return {};
}

Result<FileCheck> check_snapshot(const std::string& folder, uint64_t txn, int64_t ms_max) {
  const std::string path = folder + "/data.mdb";
  Mapping file;
  if (Status opened = file.open(path); !opened) return opened.error();
  if (file.data() == nullptr || txn == 0) return FileCheck{};
  Walk walk(file.data(), file.size(), ms_max);
  if (!walk.check_header()) return Error{ErrorCode::kCorrupt, path + " is damaged: " + walk.error()};
  // Another process may commit between the two looks; a sound file shows two that follow each other soon.
  std::string turns;
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const Word even = walk.txn_of(0), odd = walk.txn_of(1);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (even != walk.txn_of(0)) continue;
    turns = Walk::check_turns(even, odd);
    if (turns.empty()) break;
  }
  if (!turns.empty()) return Error{ErrorCode::kCorrupt, path + " is damaged: " + turns};
  // The page is written again two transactions later, perhaps right now: it is copied until it holds still.
  const uint8_t* trees = walk.trees_of(txn & 1);
  uint8_t copy[2 * kTreeBytes + 2 * kWord], again[sizeof copy];
  for (int attempt = 0;; ++attempt) {
    std::memcpy(copy, trees, sizeof copy);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    std::memcpy(again, trees, sizeof again);
    if (std::memcmp(copy, again, sizeof copy) == 0) break;
    if (attempt > 1000) return Error{ErrorCode::kBusy, path + " changes too fast to be checked"};
  }
  if (load<Word>(copy + 2 * kTreeBytes + kWord) != txn) {
    return Error{ErrorCode::kBusy, path + " has gone on to another transaction"};
  }
  const std::string found = walk.run_snapshot(txn, copy);
  return conclude(path, walk, found);
}

}  // namespace tributary::store
