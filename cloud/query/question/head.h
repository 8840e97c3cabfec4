// SPDX-License-Identifier: Apache-2.0
// How far an aggregator is: what its peers ask it all the time.
#pragma once

#include "cloud/query/question.h"

namespace tributary::query {

// Waits up to wait_ms for a place other than known.
struct AskHead {
  static constexpr uint8_t kOp = 1;
  Place known;
  uint32_t wait_ms = 0;

  void put(Out& out) const;
  bool get(In& in);
  struct Part {
    uint64_t log_id = 0;  // 0: not tied to a log yet
    Place place;
  };
  Result<Part> answer(const Self& self) const;
  static void add(Part& all, Part&& more) { all = std::move(more); }
  using Answer = Part;
  Result<Answer> conclude(Part&& part, const Coverage&) const { return std::move(part); }
};
void put(Out& out, const AskHead::Part& part);
bool get(In& in, AskHead::Part& part);

}  // namespace tributary::query
