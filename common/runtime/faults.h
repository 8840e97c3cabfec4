// SPDX-License-Identifier: Apache-2.0
// A file that is read through memory (LMDB) and turns out to be cut or unreadable while it is used ends a program by a
// signal. This says first which file it was.
#pragma once

namespace tributary::runtime {

// From now on: a SIGBUS or SIGSEGV at an address where a data.mdb is mapped is told in one line on standard error with
// the file's path, and ends the process with exit code 3 (store::kExitDamaged). Any other goes its usual way.
// program: lives for ever.
void explain_file_faults(const char* program);

}  // namespace tributary::runtime
