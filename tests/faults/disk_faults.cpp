// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/disk_faults.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <set>

namespace tributary::faults {
namespace {

constexpr off_t kMetaPagesEnd = 2 * 4096;  // a commit becomes visible by a write to one of the first two pages

struct Faults {
  std::mutex mutex;
  std::set<std::string> full;
  std::string doomed;
  int commits_left = 0;
  bool dead = false;
  std::string recording;
  std::vector<DiskFaults::Write> writes;
};
std::atomic<bool> armed{false};

Faults& faults() {
  static Faults instance;
  return instance;
}

void arm(Faults& all) { armed = !all.full.empty() || !all.doomed.empty() || !all.recording.empty(); }

bool below(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() && path.compare(0, folder.size(), folder) == 0 && path[folder.size()] == '/';
}

std::string path_of(int fd) {
  char link[32], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = ::readlink(link, path, sizeof path);
  return size > 0 ? std::string(path, static_cast<size_t>(size)) : std::string();
}

enum class Fate { kWrite, kSwallow, kFull };

Fate fate_of(int fd, off_t offset, const iovec* parts, int count) {
  Faults& all = faults();
  std::lock_guard lock(all.mutex);
  const std::string path = path_of(fd);
  if (path.size() < 9 || path.compare(path.size() - 9, 9, "/data.mdb") != 0) return Fate::kWrite;
  const bool visible = offset < kMetaPagesEnd;
  if (!all.doomed.empty() && below(path, all.doomed)) {
    if (all.commits_left == 0) all.dead = true;
    if (all.dead) return Fate::kSwallow;
    if (visible) --all.commits_left;
  }
  if (!visible) {
    for (const std::string& folder : all.full) {
      if (below(path, folder)) return Fate::kFull;
    }
  }
  if (!all.recording.empty() && below(path, all.recording)) {
    DiskFaults::Write write{path, static_cast<uint64_t>(offset), {}, false};
    for (int i = 0; i < count; ++i) write.bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    all.writes.push_back(std::move(write));
    // The descriptor that makes commits visible is opened O_DSYNC: its writes are durable when they return.
    if ((::fcntl(fd, F_GETFL) & O_DSYNC) != 0) all.writes.push_back({path, 0, {}, true});
  }
  return Fate::kWrite;
}

template <class Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

void DiskFaults::fill(const std::string& folder) {
  std::lock_guard lock(faults().mutex);
  faults().full.insert(folder);
  arm(faults());
}

void DiskFaults::drain(const std::string& folder) {
  std::lock_guard lock(faults().mutex);
  faults().full.erase(folder);
  arm(faults());
}

bool DiskFaults::is_full(const std::string& folder) {
  std::lock_guard lock(faults().mutex);
  return faults().full.count(folder) > 0;
}

void DiskFaults::kill_after_commits(const std::string& folder, int commits) {
  std::lock_guard lock(faults().mutex);
  faults().doomed = folder;
  faults().commits_left = commits;
  faults().dead = false;
  arm(faults());
}

bool DiskFaults::killed() {
  std::lock_guard lock(faults().mutex);
  return faults().dead;
}

void DiskFaults::revive() {
  std::lock_guard lock(faults().mutex);
  faults().doomed.clear();
  faults().dead = false;
  arm(faults());
}

void DiskFaults::record(const std::string& folder) {
  std::lock_guard lock(faults().mutex);
  faults().recording = folder;
  faults().writes.clear();
  arm(faults());
}

size_t DiskFaults::recorded_count() {
  std::lock_guard lock(faults().mutex);
  return faults().writes.size();
}

std::vector<DiskFaults::Write> DiskFaults::recorded() {
  std::lock_guard lock(faults().mutex);
  faults().recording.clear();
  arm(faults());
  return std::move(faults().writes);
}

void DiskFaults::clear() {
  std::lock_guard lock(faults().mutex);
  faults().full.clear();
  faults().doomed.clear();
  faults().dead = false;
  faults().recording.clear();
  faults().writes.clear();
  arm(faults());
}

}  // namespace tributary::faults

// What liblmdb calls: the program's own symbols come before those of the C library.
extern "C" {

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  using namespace tributary::faults;
  static const auto next = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
  if (armed.load(std::memory_order_relaxed)) {
    const iovec part{const_cast<void*>(data), size};
    const Fate fate = fate_of(fd, offset, &part, 1);
    if (fate == Fate::kSwallow) return static_cast<ssize_t>(size);
    if (fate == Fate::kFull) return errno = ENOSPC, -1;
  }
  return next(fd, data, size, offset);
}

ssize_t writev(int fd, const iovec* parts, int count) {
  using namespace tributary::faults;
  static const auto next = real<ssize_t (*)(int, const iovec*, int)>("writev");
  if (armed.load(std::memory_order_relaxed)) {
    const off_t offset = ::lseek(fd, 0, SEEK_CUR);
    const Fate fate = offset < 0 ? Fate::kWrite : fate_of(fd, offset, parts, count);
    if (fate == Fate::kFull) return errno = ENOSPC, -1;
    if (fate == Fate::kSwallow) {
      size_t size = 0;
      for (int i = 0; i < count; ++i) size += parts[i].iov_len;
      ::lseek(fd, static_cast<off_t>(size), SEEK_CUR);
      return static_cast<ssize_t>(size);
    }
  }
  return next(fd, parts, count);
}

int fdatasync(int fd) {
  using namespace tributary::faults;
  static const auto next = real<int (*)(int)>("fdatasync");
  if (armed.load(std::memory_order_relaxed)) {
    Faults& all = faults();
    std::lock_guard lock(all.mutex);
    const std::string path = path_of(fd);
    if (!all.recording.empty() && below(path, all.recording)) all.writes.push_back({path, 0, {}, true});
    if (all.dead && below(path, all.doomed)) return 0;
  }
  return next(fd);
}

}  // extern "C"
