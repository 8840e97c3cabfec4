// SPDX-License-Identifier: Apache-2.0
// An epoch that has begun and has no number yet: what its opening will say, and the gaps that will follow it. A run
// whose opening gets no number leaves no epoch; the next one takes its place (edge/outbox/FORMAT.md, "Epochs").
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/wire/message.h"

namespace tributary::edge {

inline constexpr size_t kGapsMax = 32;  // of one epoch

struct Unopened {
  wire::Opening opening;
  std::vector<wire::Gap> gaps;  // by their beginning; at most kGapsMax
};
void encode_unopened(const Unopened& unopened, std::string& out);
std::optional<Unopened> decode_unopened(std::string_view content);

// Adds a gap. Where there are more than kGapsMax then, two that follow one another become one with what lies between:
// those which make the whole least longer, the oldest of equals. So the gaps together cover at least what was added.
void add_gap(std::vector<wire::Gap>& gaps, const wire::Gap& gap);

}  // namespace tributary::edge
