// SPDX-License-Identifier: Apache-2.0
// Looking into an outbox without ever writing: what tributary-edge --inspect DIR prints. Made from the decoders of the
// format (edge/outbox/FORMAT.md). Works while the edge runs: then it is one reader more, of one committed state; where
// nobody has the outbox open, no file of it is touched. What cannot be read back is counted and the rest is told; only
// a file whose pages are damaged is not read, since LMDB trusts its pages.
#pragma once

#include <string>

#include "common/runtime/result.h"

namespace tributary::edge {

// dir: the state_dir of a gateway, or the outbox in it. Lines for people. Errors: kNotFound, kIo, kCorrupt (the message
// says what is damaged where).
Result<std::string> inspect_outbox(const std::string& dir);

}  // namespace tributary::edge
