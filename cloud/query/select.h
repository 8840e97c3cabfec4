// SPDX-License-Identifier: Apache-2.0
// From a selection to series numbers: which stored series of a partition answer it, and to which group each belongs.
#pragma once

#include <string>
#include <vector>

#include "cloud/query/types.h"
#include "cloud/state/snapshot.h"

namespace tributary::query {

struct SeriesMember {
  uint32_t no = 0;
  std::string group;
};

// The series that answer the selection, ascending by number: fleet series where no device is named and none is asked
// for, devices' own otherwise. Empty: foreign and unknown are the same.
std::vector<SeriesMember> select(const state::Snapshot& snapshot, const Selection& selection, const std::string& by);

// The numbers of the members. Ascending.
std::vector<uint32_t> numbers_of(const std::vector<SeriesMember>& members);

}  // namespace tributary::query
