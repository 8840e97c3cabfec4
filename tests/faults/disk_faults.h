// SPDX-License-Identifier: Apache-2.0
// The disk under LMDB, as a test wants it. disk_faults.cpp defines pwrite, writev, write and fdatasync for the whole
// program, so that what the stores write passes here first; the product knows nothing of it. Without a fault armed the
// cost is one load.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tributary::faults {

// One folder's disk at a time has each fault. Not for two threads at once, except that the log's threads may write.
class DiskFaults {
 public:
  // Writes below the folder fail with ENOSPC, but for the pages that make a commit visible: those are there already.
  static void fill(const std::string& folder);
  static void drain(const std::string& folder);
  static bool is_full(const std::string& folder);

  // The process dies right after its commits-th commit below the folder from now on: nothing that comes later is
  // written. (0: within its next commit.) The caller must drop what has the files open before it calls revive().
  static void kill_after_commits(const std::string& folder, int commits);
  static bool killed();  // it has died
  static void revive();

  // Records every write below the folder, with what was synced when.
  struct Write {
    std::string file;
    uint64_t offset = 0;
    std::string bytes;  // empty: a sync of the file
    bool sync = false;
  };
  static void record(const std::string& folder);
  static size_t recorded_count();
  static std::vector<Write> recorded();  // and stops

  static void clear();
};

}  // namespace tributary::faults
