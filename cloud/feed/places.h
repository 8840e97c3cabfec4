// SPDX-License-Identifier: Apache-2.0
// Places: how far the feed has come in each partition's state, kept in one small file beside the states. It is no part
// of a state: a state is a function of the log alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/runtime/result.h"

namespace tributary::feed {

struct FeedPosition {
  uint64_t state_id = 0;
  uint64_t revision = 0;      // rows changed up to here are published
  uint64_t dead_letters = 0;  // dead letters of records before this one are published
  bool operator==(const FeedPosition&) const = default;
};

// By partition. A missing file is an empty map. kCorrupt: not such a file.
Result<std::map<uint32_t, FeedPosition>> read_places(const std::string& path);
// Replaces the file, durably.
Status write_places(const std::string& path, const std::map<uint32_t, FeedPosition>& places);

}  // namespace tributary::feed
