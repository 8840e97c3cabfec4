// SPDX-License-Identifier: Apache-2.0
// Checks that an LMDB file is whole before LMDB reads it. LMDB trusts its pages: a damaged one can crash the program on
// every start, or let it overwrite pages in use. So every page that can be reached is looked at first, without trusting
// any of it.
//
// What is checked (file format of LMDB 0.9, mdb.c): the meta pages; every page of every tree is of its kind, inside
// the file, reached once, and not free; nodes lie inside their page, keys ascend, those of branches too,
// and no page was freed after the last transaction; entries are as many as stated. The bytes of values are not looked
// at: whoever wrote them checks them. Cost: one read of all tree pages in use, and of the first page of each value that
// has pages of its own.
#pragma once

#include <cstdint>
#include <string>

#include "common/runtime/result.h"

namespace tributary::store {

struct FileCheck {
  bool complete = true;  // false: the time was up, what was seen is sound
  uint64_t bytes = 0;    // of the pages that were looked at
};

// Of a file that nobody else has open (folder/owner.lock, as in store::Env: else kBusy). kCorrupt says what was found
// where; ok for a sound file, and where there is none or an empty one.
Status check_file(const std::string& folder);
Result<FileCheck> check_file_within(const std::string& folder, int64_t ms_max);

// Only what is fixed in both meta pages, whoever writes meanwhile: what LMDB needs to open the file without harm.
Status check_header(const std::string& folder);

// Of a file that others may write: the snapshot of a transaction that the caller holds a read transaction of. kBusy:
// its meta page is already another's; begin a new one.
Result<FileCheck> check_snapshot(const std::string& folder, uint64_t txn, int64_t ms_max);

}  // namespace tributary::store
