// SPDX-License-Identifier: Apache-2.0
// Checks that an LMDB file is whole before LMDB opens it. LMDB trusts its pages: a damaged one can crash the program on
// every start, or let it overwrite pages in use. A gateway must come up on any file, so every page that can be reached
// is looked at first, without trusting any of it.
#pragma once

#include <string>

#include "common/runtime/result.h"

namespace tributary::edge {

// kCorrupt says what was found where; ok for a sound file, and where there is none or an empty one. kBusy: another
// process has it open (folder/owner.lock, as in store::Env). Cost: one read of all pages in use.
//
// What is checked (file format of LMDB 0.9, mdb.c): both meta pages; every page of every tree is of its kind, inside
// the file, reached once, and not free; nodes lie inside their page, keys ascend, those of branches too,
// and no page was freed after the last transaction; entries are as many as stated.
Status check_lmdb_file(const std::string& folder);

}  // namespace tributary::edge
